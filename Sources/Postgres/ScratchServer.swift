import CLinux
import Glibc
public import Reactor
import Synchronization

/// A private server whose data is thrown away: one per process, started at first use, removed when the process exits. For tests
/// and benchmarks, which ask for a database of their own each.
public enum ScratchServer {
    private struct Running {
        let server: PrivateServer
        let directory: String
    }

    private static let running = MadeOnce<Running>()
    /// By the folder of their migrations: databases that others are copied from.
    private static let templates = Mutex<[String: MadeOnce<String>]>([:])
    private static let databases = Atomic<Int>(0)

    /// The server; the first caller starts it and the others wait for that.
    public static func server(on loop: isolated EventLoop) async throws(PostgresError) -> PrivateServer {
        try await running.get { () async throws(PostgresError) in try await start(on: loop) }.server
    }

    /// A new, empty database.
    public static func database(on loop: isolated EventLoop) async throws(PostgresError) -> PostgresConfig {
        try await made(like: "template1", on: loop).config
    }

    /// A new database with a folder's migrations: they run once in a process, and every database is a copy.
    public static func database(migrations directory: String, on loop: isolated EventLoop) async throws(PostgresError) -> PostgresConfig {
        let once = templates.withLock { templates in
            if let known = templates[directory] { return known }
            let new = MadeOnce<String>()
            templates[directory] = new
            return new
        }
        let name = try await once.get { () async throws(PostgresError) in try await template(directory, on: loop) }
        return try await made(like: name, on: loop).config
    }

    private static func template(_ directory: String, on loop: isolated EventLoop) async throws(PostgresError) -> String {
        let (name, config) = try await made(like: "template1", on: loop)
        do {
            try await Migrations.apply(from: directory, to: config, on: loop)
        } catch {
            throw error as? PostgresError ?? PostgresError(.migration, "\(error)")
        }
        return name
    }

    private static func made(like template: String, on loop: isolated EventLoop) async throws(PostgresError) -> (name: String, config: PostgresConfig) {
        let server = try await server(on: loop)
        let name = "scratch_\(databases.add(1, ordering: .relaxed).newValue)"
        var config = server.config
        // Many tests start at once, on machines with few cores.
        config.waitLimitMs = 60_000
        config.connectTimeoutMs = 60_000
        let pool = PostgresPool(config, size: 1, name: "scratch", on: loop)
        var failure: PostgresError?
        do throws(PostgresError) { try await pool.query(Statement("CREATE DATABASE \(name) TEMPLATE \(template)")) } catch { failure = error }
        await pool.close(on: loop)
        if let failure { throw failure }
        config.connectionString += " dbname=\(name)"
        return (name, config)
    }

    private static func start(on loop: isolated EventLoop) async throws(PostgresError) -> Running {
        let directory = try Files.makeTemporaryDirectory("/tmp/heliograph-scratch-")
        // The server's user has to pass through.
        guard chmod(directory, 0o711) == 0 else { throw Files.failure("set the mode of", directory) }
        var options = PrivateServer.Options()
        options.isDurable = false
        options.sharedBuffersMB = 128
        options.maxConnections = 400
        let server = try await PrivateServer.start(data: directory, options: options, on: loop)
        atexit { ScratchServer.removeAtExit() }
        return Running(server: server, directory: directory)
    }

    private static func removeAtExit() {
        guard let running = running.value else { return }
        running.server.stopAtExit()
        // The process is ending: what cannot be removed is left in /tmp.
        do { try Files.removeTree(running.directory) } catch { return }
    }
}
