import CLinux
import Glibc
public import Reactor
import Synchronization

/// A private server whose data is thrown away: one per process, started at first use, removed when the process exits. For tests
/// and benchmarks, which ask for a database of their own each.
public enum ScratchServer {
    private enum State {
        case none
        case starting([UnsafeContinuation<Void, Never>])
        case failed(PostgresError)
        case running(PrivateServer, directory: String)
    }

    private static let state = Mutex(State.none)
    private static let databases = Atomic<Int>(0)

    /// The server; the first caller starts it and the others wait for that.
    public static func server(on loop: isolated EventLoop) async throws(PostgresError) -> PrivateServer {
        let isFirst = state.withLock { state in
            guard case .none = state else { return false }
            state = .starting([])
            return true
        }
        if isFirst { await start(on: loop) }
        await withUnsafeContinuation { (waiter: UnsafeContinuation<Void, Never>) in
            let isOver = state.withLock { state in
                guard case .starting(let waiters) = state else { return true }
                state = .starting(waiters + [waiter])
                return false
            }
            if isOver { waiter.resume() }
        }
        switch state.withLock({ $0 }) {
        case .running(let server, _): return server
        case .failed(let error): throw error
        case .none, .starting: throw PostgresError(.privateServer, "the scratch server is not running")
        }
    }

    /// A new, empty database.
    public static func database(on loop: isolated EventLoop) async throws(PostgresError) -> PostgresConfig {
        let server = try await server(on: loop)
        let name = "scratch_\(databases.add(1, ordering: .relaxed).newValue)"
        var config = server.config
        // Many tests start at once, on machines with few cores.
        config.waitLimitMs = 60_000
        config.connectTimeoutMs = 60_000
        let pool = PostgresPool(config, size: 1, name: "scratch", on: loop)
        var failure: PostgresError?
        do throws(PostgresError) { try await pool.query(Statement("CREATE DATABASE \(name)")) } catch { failure = error }
        await pool.close(on: loop)
        if let failure { throw failure }
        config.connectionString += " dbname=\(name)"
        return config
    }

    private static func start(on loop: isolated EventLoop) async {
        let outcome: State
        do throws(PostgresError) {
            let directory = try Files.makeTemporaryDirectory("/tmp/heliograph-scratch-")
            // The server's user has to pass through.
            guard chmod(directory, 0o711) == 0 else { throw Files.failure("set the mode of", directory) }
            var options = PrivateServer.Options()
            options.isDurable = false
            options.sharedBuffersMB = 128
            options.maxConnections = 400
            let server = try await PrivateServer.start(data: directory, options: options, on: loop)
            atexit { ScratchServer.removeAtExit() }
            outcome = .running(server, directory: directory)
        } catch {
            outcome = .failed(error)
        }
        let waiters = state.withLock { state -> [UnsafeContinuation<Void, Never>] in
            guard case .starting(let waiters) = state else { return [] }
            state = outcome
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private static func removeAtExit() {
        guard case .running(let server, let directory) = state.withLock({ $0 }) else { return }
        server.stopAtExit()
        // The process is ending: what cannot be removed is left in /tmp.
        do { try Files.removeTree(directory) } catch { return }
    }
}
