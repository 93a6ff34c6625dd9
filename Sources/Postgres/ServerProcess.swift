import CLinux
import CPostgreSQL
import Glibc
import Synchronization

/// A child process with the thread that started it. The thread lives until the child ends, since the kernel ends the child when the
/// thread that forked it ends; it also reaps the child, so that no pid is signalled that has been given to somebody else.
final class ServerProcess: Sendable {
    private struct State {
        var pid: pid_t = -1
        var status: Int32?
        var waiters: [UnsafeContinuation<Void, Never>] = []
    }

    struct Command: Sendable {
        let path: String
        let arguments: [String]
        let environment: [String]
        let uid: uid_t
        let gid: gid_t
        let log: Int32
        /// What the child gets when this process dies.
        let deathSignal: Int32
    }

    private let state = Mutex(State())
    private let command: Command

    private init(_ command: Command) { self.command = command }

    /// Starts a program; throws when it could not be executed.
    static func start(_ command: Command) async throws(PostgresError) -> ServerProcess {
        let process = ServerProcess(command)
        let failure = await withUnsafeContinuation { (started: UnsafeContinuation<Int32, Never>) in
            let context = Unmanaged.passRetained(Start(process, started)).toOpaque()
            var thread = pthread_t()
            let failed = pthread_create(&thread, nil, main, context)
            if failed == 0 {
                pthread_detach(thread)
            } else {
                Unmanaged<Start>.fromOpaque(context).release()
                started.resume(returning: failed)
            }
        }
        if failure != 0 { throw PostgresError(.privateServer, "cannot start \(command.path): \(String(cString: strerror(failure)))") }
        return process
    }

    var pid: pid_t { state.withLock { $0.pid } }
    /// As `waitpid` gives it; nil while it runs.
    var status: Int32? { state.withLock { $0.status } }

    /// Sends a signal if the process has not ended.
    func signal(_ number: Int32) {
        state.withLock { state in
            if state.status == nil, state.pid > 0 { kill(state.pid, number) }
        }
    }

    /// Suspends until the process has ended.
    func ended() async {
        await withUnsafeContinuation { (waiter: UnsafeContinuation<Void, Never>) in
            let isOver = state.withLock { state in
                if state.status == nil { state.waiters.append(waiter) }
                return state.status != nil
            }
            if isOver { waiter.resume() }
        }
    }

    private final class Start {
        let process: ServerProcess
        let started: UnsafeContinuation<Int32, Never>
        init(_ process: ServerProcess, _ started: UnsafeContinuation<Int32, Never>) {
            self.process = process
            self.started = started
        }
    }

    private static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
        guard let context else { return nil }
        let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
        pthread_setname_np(pthread_self(), "postgres-child")
        start.process.runChild(start.started)
        return nil
    }

    private func runChild(_ started: UnsafeContinuation<Int32, Never>) {
        let arguments = CStrings([command.path] + command.arguments)
        let environment = CStrings(command.environment)
        let pid = withExtendedLifetime((arguments, environment)) {
            hg_spawn(command.path, arguments.arguments, environment.arguments, command.uid, command.gid, command.log, command.deathSignal)
        }
        guard pid > 0 else { return started.resume(returning: hg_errno()) }
        state.withLock { $0.pid = pid }
        started.resume(returning: 0)
        _ = hg_await_exit(pid)
        let waiters = state.withLock { state in
            state.status = hg_reap(pid)
            let waiters = state.waiters
            state.waiters = []
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
