public import Bytes
public import Reactor

/// Brings a database's schema up to a directory's migrations: forward only, each in a transaction of its own, by any number of processes at
/// once. What was applied is kept in `heliograph.migration` with the SHA-256 of its text, computed by the server.
public enum Migrations {
    public struct Status: Hashable, Sendable {
        public enum State: String, Sendable {
            case applied, pending
            /// The file is not the one that was applied.
            case changed
            /// Applied, but there is no file.
            case unknown
        }
        public var version: Int
        public var name: String
        public var state: State
        public var appliedAt: Timestamp?
    }

    /// The advisory lock that all runners take ("helio" in ASCII).
    static let lockKey: Int64 = 0x68_656C_696F

    /// Applies what is pending and returns it. A changed or missing file, or one older than what is applied, is an error, and nothing is
    /// applied then.
    @discardableResult
    public static func apply(from directory: String, to config: PostgresConfig, on loop: isolated EventLoop) async throws -> [Migration] {
        let files = try Migration.load(from: directory)
        return try await withConnection(config, on: loop) { connection in
            _ = try await connection.run("SELECT pg_advisory_lock($1)", Parameters(lockKey))
            try await connection.simple(
                """
                CREATE SCHEMA IF NOT EXISTS heliograph;
                CREATE TABLE IF NOT EXISTS heliograph.migration (
                    version int PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
                """)
            let (states, checksums) = try await compare(files, on: connection)
            try check(states)
            let pending = files.suffix(states.count { $0.state == .pending })
            for migration in pending { try await apply(migration, checksums[migration.version - 1], on: connection) }
            return Array(pending)
        }
    }

    /// What is applied and what is not; changes nothing.
    public static func status(of directory: String, in config: PostgresConfig, on loop: isolated EventLoop) async throws -> [Status] {
        let files = try Migration.load(from: directory)
        return try await withConnection(config, on: loop) { connection in try await compare(files, on: connection).states }
    }

    // MARK: Inside

    private static func compare(_ files: [Migration], on connection: PooledConnection) async throws -> (states: [Status], checksums: [String]) {
        let sums = try await connection.run(
            "SELECT encode(sha256(convert_to(t, 'UTF8')), 'hex') FROM unnest($1::text[]) WITH ORDINALITY u (t, n) ORDER BY n",
            Parameters(files.map(\.sql)))
        let checksums = try sums.map { try $0.next(String.self) }
        var states = files.map { Status(version: $0.version, name: $0.name, state: .pending, appliedAt: nil) }
        guard try await connection.run("SELECT to_regclass('heliograph.migration') IS NOT NULL", Parameters()).bool(0, 0) else {
            return (states, checksums)
        }
        let rows = try await connection.run("SELECT version, name, checksum, applied_at FROM heliograph.migration ORDER BY version", Parameters())
        for row in 0..<rows.count {
            let version = try rows.int(row, 0)
            let appliedAt = try rows.timestamp(row, 3)
            if version >= 1, version <= files.count {
                states[version - 1].state = try rows.string(row, 2) == checksums[version - 1] ? .applied : .changed
                states[version - 1].appliedAt = appliedAt
            } else {
                states.append(Status(version: version, name: try rows.string(row, 1), state: .unknown, appliedAt: appliedAt))
            }
        }
        return (states, checksums)
    }

    private static func check(_ states: [Status]) throws(PostgresError) {
        let newest = states.last { $0.state != .pending }?.version ?? 0
        for status in states {
            let title = Migration(version: status.version, name: status.name, sql: "").title
            switch status.state {
            case .applied: continue
            case .changed: throw PostgresError(.migration, "\(title) was changed after it had been applied: write a new migration instead")
            case .unknown: throw PostgresError(.migration, "\(title) is applied but has no file: the database is newer than this program")
            case .pending:
                if status.version < newest { throw PostgresError(.migration, "\(title) is not applied, but version \(newest) is: give it a new number") }
            }
        }
    }

    private static func apply(_ migration: Migration, _ checksum: String, on connection: PooledConnection) async throws {
        let session = connection.session
        // Name and checksum are letters, digits, _ and -.
        let sql = """
            BEGIN;
            \(migration.sql)
            ; INSERT INTO heliograph.migration (version, name, checksum) VALUES (\(migration.version), '\(migration.name)', '\(checksum)'); COMMIT
            """
        do throws(PostgresError) {
            try await connection.simple(sql)
        } catch {
            try await connection.rollBackIfOpen(session)
            var named = error
            // The first line is ours.
            let line = error.position.map { position in sql.unicodeScalars.prefix(position - 1).count { $0 == "\n" } }
            named.message = "\(migration.title)\(line.map { ", line \($0)" } ?? ""): \(error.message)"
            throw named
        }
    }

    /// Runs with one connection that no time limit cuts short: a migration, or the wait for another runner, may take long.
    private static func withConnection<T>(
        _ config: PostgresConfig, on loop: isolated EventLoop, _ body: (PooledConnection) async throws -> T
    ) async throws -> T {
        var config = config
        config.statementTimeoutMs = 0
        let pool = PostgresPool(config, size: 1, name: "migrations", on: loop)
        let result: Result<T, any Error>
        do {
            let connection = try await pool.reserve()
            defer { pool.release(connection) }
            result = .success(try await body(connection))
        } catch {
            result = .failure(error)
        }
        await pool.close(on: loop)
        return try result.get()
    }
}

extension PooledConnection {
    /// One statement on a reserved connection.
    func run(_ statement: Statement, _ parameters: Parameters) async throws(PostgresError) -> PostgresRows {
        let request = Request(statement, parameters, isBound: true)
        send(request)
        await request.wait()
        return try request.result()
    }
}
