import Bytes
import Postgres
import Reactor
import Workers

/// The vehicles' logbook: entries of driving cars, a position and a raw answer each with the machine's memory, to their commits. The reference is
/// `\copy` of the same rows, positions and journal, into the same tables.
enum LogbookBench {
    static let cars = 2_000
    static let turns = 100

    static func run(_ bench: Bench, on loop: isolated EventLoop) async throws {
        let postgres = try await bench.postgres(on: loop)
        let load = LogbookLoad(cars: cars, turns: bench.options.scaled(turns))
        try await empty(postgres, on: loop)
        let pool = PostgresPool(postgres, size: 2, name: "bench", on: loop)
        let value: Double
        do {
            try await load.prepare(pool)
            value = Double(load.rows) / (try await load.run(pool, on: loop))
        } catch {
            await pool.close(on: loop)
            throw error
        }
        await pool.close(on: loop)
        try await check(load, postgres, on: loop)
        let psql = TextFile.program("psql")
        let copy = await bench.reference("psql", [psql]) { try await copyByPSQL(load, psql ?? "", postgres, bench, on: loop) }
        bench.record(
            Figure(
                "vehicles.logbook", value, "rows/s", reference: "psql \\copy of the same rows into the same tables", copy,
                conditions: "\(cars) cars, \(load.turns) entries each: a position, a deflated answer, memory and view"))
    }

    private static func empty(_ postgres: PostgresConfig, on loop: isolated EventLoop) async throws {
        try await QueueBench.statements(
            [
                "TRUNCATE heliograph.car RESTART IDENTITY CASCADE", "TRUNCATE heliograph.position, heliograph.vehicle_journal", "CHECKPOINT",
            ], postgres, on: loop)
    }

    private static func check(_ load: LogbookLoad, _ postgres: PostgresConfig, on loop: isolated EventLoop) async throws {
        let pool = PostgresPool(postgres, size: 1, name: "bench", on: loop)
        let count = try await pool.query(
            "SELECT (SELECT count(*) FROM heliograph.position) + (SELECT count(*) FROM heliograph.vehicle_journal WHERE kind <> 8)"
        ).int(0, 0)
        await pool.close(on: loop)
        guard count == load.rows else { throw BenchError("\(count) of \(load.rows) rows are in the tables") }
    }

    private static func copyByPSQL(_ load: LogbookLoad, _ psql: String, _ postgres: PostgresConfig, _ bench: Bench, on loop: isolated EventLoop) async throws
        -> Double
    {
        let tables = ["heliograph.position", "heliograph.vehicle_journal"]
        func psqlRun(_ command: String) async throws {
            _ = try await bench.run("psql", [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", command, postgres.url], on: loop)
        }
        for (i, table) in tables.enumerated() { try await psqlRun("\\copy (SELECT * FROM \(table)) TO '\(bench.directory)/\(i).copy'") }
        try await QueueBench.statements(["TRUNCATE \(tables.joined(separator: ", "))", "CHECKPOINT"], postgres, on: loop)
        let started = Clock.monotonicNs
        for (i, table) in tables.enumerated() { try await psqlRun("\\copy \(table) FROM '\(bench.directory)/\(i).copy'") }
        let seconds = Double(Clock.monotonicNs - started) / 1e9
        try await check(load, postgres, on: loop)
        return Double(load.rows) / seconds
    }
}
