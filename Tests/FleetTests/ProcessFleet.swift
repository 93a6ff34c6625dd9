import CLinux
import Glibc
import Postgres
import Reactor
import TestSupport

/// A fleet of real processes on a database and a data directory of its own.
final class ProcessFleet {
    let postgres: PostgresConfig
    let pool: PostgresPool
    let data: String
    private var children: [Child] = []

    private init(_ postgres: PostgresConfig, _ pool: PostgresPool, _ data: String) {
        self.postgres = postgres
        self.pool = pool
        self.data = data
    }

    static func with(_ body: @Sendable (ProcessFleet, isolated EventLoop) async throws -> Void) async throws {
        let postgres = try await LocalFleet.database()
        let loop = EventLoop(name: "fleet")
        defer { loop.stop() }
        try await loop.run { loop in try await with(postgres, on: loop) { fleet in try await body(fleet, loop) } }
    }

    /// On a migrated database of the caller's.
    static func with(_ postgres: PostgresConfig, on loop: isolated EventLoop, _ body: (ProcessFleet) async throws -> Void) async throws {
        let data = try temporaryDirectory("/tmp/hgf-")
        let fleet = ProcessFleet(postgres, PostgresPool(postgres, size: 3, name: "fleet test", on: loop), data)
        do {
            try await body(fleet)
        } catch {
            await fleet.end(on: loop)
            throw error
        }
        await fleet.end(on: loop)
    }

    /// Starts a process and waits until it says that it is ready.
    @discardableResult
    func start(_ arguments: String..., on loop: isolated EventLoop) async throws -> Child {
        let child = try Child(arguments + ["--data", data, "--log", "error"], environment: environment, on: loop)
        children.append(child)
        try await child.waitFor("ready", on: loop)
        return child
    }

    /// Runs a command to its end and returns what it printed.
    func run(_ arguments: String..., on loop: isolated EventLoop) async throws -> (code: Int32, text: String) {
        let child = try Child(arguments + ["--data", data], environment: environment, on: loop)
        let code = try await child.wait(on: loop)
        return (code, child.text)
    }

    /// Further settings of the processes that are started from now on.
    var settings: [String: String] = [:]

    private var environment: [String: String] {
        settings.merging(["DATABASE_URL": postgres.connectionString, "HELIOGRAPH_HOME": projectRoot]) { own, _ in own }
    }

    func count(_ sql: String) async throws -> Int { try await pool.query(Statement(sql), retryOnLoss: true).int(0, 0) }

    private func end(on loop: isolated EventLoop) async {
        children = []
        await pool.close(on: loop)
        removeTree(data)
    }
}
