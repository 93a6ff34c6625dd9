import Bytes
import Postgres
import Reactor
import TestSupport
import Workers

/// Runs a test body on a loop of its own, with a migrated database of its own on the process's scratch server.
func withDatabase(_ body: @Sendable (Database, isolated EventLoop) async throws -> Void) async throws {
    let loop = EventLoop(name: "test")
    defer { loop.stop() }
    try await loop.run { loop in
        let config = try await ScratchServer.database(migrations: projectRoot + "/Migrations", on: loop)
        let pool = PostgresPool(config, size: 4, name: "test", on: loop)
        do {
            try await body(Database(config: config, pool: pool), loop)
        } catch {
            await pool.close(on: loop)
            throw error
        }
        await pool.close(on: loop)
    }
}

/// A test's database and what it asks of it.
final class Database {
    let config: PostgresConfig
    let pool: PostgresPool
    let counters = UpkeepCounters()
    /// Whether the tasks still have the lease.
    var mayWork = true

    init(config: PostgresConfig, pool: PostgresPool) {
        self.config = config
        self.pool = pool
    }

    var turn: UpkeepTurn { UpkeepTurn(pool: pool, counters: counters) { [self] in mayWork } }

    @discardableResult
    func run(_ sql: String) async throws -> PostgresRows { try await pool.query(Statement(sql)) }

    func int(_ sql: String) async throws -> Int { try await run(sql).int(0, 0) }

    func text(_ sql: String) async throws -> String? { try await run(sql).stringIfPresent(0, 0) }

    /// Finished jobs with the ids given, one each, that failed with `timeout N` as their error.
    func finish(_ ids: ClosedRange<Int>, kind: String = "mail.send", state: String = "discarded", uniqueKey: String? = nil) async throws {
        try await run(
            """
            INSERT INTO heliograph.job_history
                (id, kind, queue, state, priority, attempt, max_attempts, timeout_ms, created_at, attempted_at, finished_at, tags, args, errors, unique_key)
            SELECT n, '\(kind)', 'default', '\(state)', 5, 2, 25, 0, now() - interval '3 s', now() - interval '2 s', now() - interval '1 s', '{}',
                jsonb_build_object('n', n), jsonb_build_array(jsonb_build_object('attempt', 2, 'error', 'timeout ' || n)),
                \(uniqueKey.map { "'\($0)'" } ?? "NULL")
            FROM generate_series(\(ids.lowerBound), \(ids.upperBound)) AS n
            """)
    }
}
