import Postgres
import Reactor

/// The database of a command: `DATABASE_URL`, or the private server of this data directory.
struct Database: Sendable {
    var config: PostgresConfig
    /// Set when this process started it, and then stops it.
    var server: PrivateServer?

    /// For parts and tools beside a running `up`.
    static func existing(_ settings: Settings, _ data: DataDirectory, name: String) throws -> Database {
        let url = settings["DATABASE_URL"]
        if !url.isEmpty { return Database(config: PostgresConfig(url, applicationName: "heliograph \(name)")) }
        guard let config = PrivateServer.running(data: data.path) else {
            throw UsageError("no database: set DATABASE_URL, or start 'heliograph up' on \(data.path) first")
        }
        return Database(config: config)
    }

    /// Starts the private server where `DATABASE_URL` is not set.
    static func own(_ settings: Settings, _ data: DataDirectory, on loop: EventLoop) async throws -> Database {
        let url = settings["DATABASE_URL"]
        if !url.isEmpty { return Database(config: PostgresConfig(url)) }
        let path = data.path
        let server = try await loop.run { loop in try await PrivateServer.start(data: path, on: loop) }
        return Database(config: server.config, server: server)
    }

    func migrate(_ home: Home, on loop: EventLoop) async throws -> [Migration] {
        let config = config
        let directory = home.migrations
        return try await loop.run { loop in try await Migrations.apply(from: directory, to: config, on: loop) }
    }

    func stop(on loop: EventLoop) async {
        guard let server else { return }
        await loop.run { loop in await server.stop(on: loop) }
    }

    /// A short-lived pool for a tool.
    func withPool<T>(on loop: EventLoop, _ body: @Sendable (PostgresPool, isolated EventLoop) async throws -> sending T) async throws -> sending T {
        let config = config
        return try await loop.run { loop in
            let pool = PostgresPool(config, size: 1, name: "tool", on: loop)
            do {
                let value = try await body(pool, loop)
                await pool.close(on: loop)
                return value
            } catch {
                await pool.close(on: loop)
                throw error
            }
        }
    }
}
