import Glibc
import Postgres
import Reactor
import TestSupport

/// A PostgreSQL of a test's own, to be stopped and started again on the same data. Durable as an operator's: what it has committed must outlive a crash.
final class OwnServer {
    /// How a server goes down.
    enum Stop: String, CaseIterable {
        /// Sessions are ended and everything is written.
        case fast
        /// Every process leaves at once: a crash, after which the log is replayed.
        case immediate
    }

    let config: PostgresConfig
    private let data: String
    private var server: PrivateServer?

    private static var options: PrivateServer.Options {
        var options = PrivateServer.Options()
        options.sharedBuffersMB = 64
        options.maxConnections = 60
        return options
    }

    private init(_ server: PrivateServer, _ data: String) {
        self.server = server
        self.data = data
        config = server.config
    }

    /// Runs `body` with a migrated server, and removes it with its data.
    static func with(on loop: isolated EventLoop, _ body: (OwnServer) async throws -> Void) async throws {
        let data = try temporaryDirectory("/tmp/hgs-")
        defer { removeTree(data) }
        // The server's user has to pass through.
        guard chmod(data, 0o711) == 0 else { throw Overdue(what: "no mode for \(data)") }
        let own = OwnServer(try await PrivateServer.start(data: data, options: options, on: loop), data)
        do {
            _ = try await Migrations.apply(from: projectRoot + "/Migrations", to: own.config, on: loop)
            try await body(own)
        } catch {
            await own.server?.stop(on: loop)
            throw error
        }
        await own.server?.stop(on: loop)
    }

    /// Returns when the server is gone.
    func stop(_ how: Stop, on loop: isolated EventLoop) async throws {
        guard let server else { return }
        switch how {
        case .fast: await server.stop(on: loop)
        case .immediate:
            kill(server.pid, SIGQUIT)
            try await eventually("the server has left", seconds: 10, on: loop) { !server.isRunning }
        }
        self.server = nil
    }

    /// Returns when the server accepts connections, at the same address as before.
    func start(on loop: isolated EventLoop) async throws {
        let next = try await PrivateServer.start(data: data, options: Self.options, on: loop)
        server = next
        guard next.config.connectionString == config.connectionString else { throw Overdue(what: "the server's address has changed") }
    }
}
