import Bytes
import Postgres
import Protocol
import Reactor
import Synchronization
import Workers
import ZeroMQ

/// The durable queue: how fast preloaded jobs are drained, and how soon an enqueued job starts.
enum QueueBench {
    static let jobs = 200_000
    static let kind = "bench.noop"

    static func run(_ wanted: Set<String>, _ bench: Bench, on loop: isolated EventLoop) async throws {
        if wanted.contains("queue.drain") { try await drain(bench, on: loop) }
        try await LatencyBench.run(wanted, bench, on: loop)
        try await SustainedBench.run(wanted, bench, on: loop)
        try await ReplayBench.run(wanted, bench, on: loop)
        if wanted.contains("queue.recovery_s") { try await RecoveryBench.run(bench, on: loop) }
    }

    private static func drain(_ bench: Bench, on loop: isolated EventLoop) async throws {
        let postgres = try await bench.postgres(on: loop)
        let jobs = bench.options.scaled(jobs)
        let conditions = "\(jobs) no-op jobs preloaded, synchronous_commit on, history kept"
        let value = try await drain(jobs, postgres, on: loop)
        let python = TextFile.exists(bench.options.python) ? bench.options.python : nil
        let pgqueuer = await bench.reference("pgqueuer", [python]) { try await drainPGQueuer(jobs, postgres, bench, on: loop) }
        bench.record(Figure("queue.drain", value, "jobs/s", reference: "pgqueuer batch 250", pgqueuer, conditions: conditions))
        let psql = await bench.reference("psql", [TextFile.program("psql")]) { try await QueuePSQL.drain(jobs, postgres, bench, on: loop) }
        bench.record(
            Figure("queue.drain", value, "jobs/s", reference: "one psql connection, the same batch statements of 1,000 rows", psql, conditions: conditions))
    }

    /// Puts jobs into an empty queue by SQL.
    static func preload(_ jobs: Int, _ postgres: PostgresConfig, on loop: isolated EventLoop) async throws {
        try await statements(
            [
                "TRUNCATE heliograph.job, heliograph.job_history",
                "INSERT INTO heliograph.job (slot, kind, args) SELECT (SELECT slot FROM heliograph.job_ring), '\(kind)', '{}' FROM generate_series(1, \(jobs))",
                "VACUUM ANALYZE heliograph.job", "CHECKPOINT",
            ], postgres, on: loop)
    }

    static func statements(_ texts: [String], _ postgres: PostgresConfig, on loop: isolated EventLoop) async throws {
        var config = postgres
        config.statementTimeoutMs = 0
        let pool = PostgresPool(config, size: 1, name: "bench", on: loop)
        var failure: PostgresError?
        do throws(PostgresError) {
            for text in texts { try await pool.query(Statement(text)) }
        } catch {
            failure = error
        }
        await pool.close(on: loop)
        if let failure { throw failure }
    }

    /// From the broker's start until the history holds every job.
    private static func drain(_ jobs: Int, _ postgres: PostgresConfig, on loop: isolated EventLoop) async throws -> Double {
        try await preload(jobs, postgres, on: loop)
        let counter = Counter()
        let started = Clock.monotonicNs
        let fleet = try await Fleet.start(postgres, slots: 1_000, prefetch: 1_000) { runtime, _, _, loop in
            runtime.onJob(kind) { _ in
                _ = loop
                counter.add()
            }
        }
        let result: Result<Int64, any Error>
        do {
            result = .success(try await whenKept(jobs, counter, postgres, on: loop))
        } catch {
            result = .failure(error)
        }
        await fleet.stop()
        return Double(jobs) / (Double(try result.get() - started) / 1e9)
    }

    /// The time at which the history was seen to hold all jobs. It is looked at only once all have run: looking costs the database what it measures.
    private static func whenKept(_ jobs: Int, _ counter: Counter, _ postgres: PostgresConfig, on loop: isolated EventLoop) async throws -> Int64 {
        let limit = Clock.monotonicNs + 300_000_000_000
        while counter.value < jobs {
            guard Clock.monotonicNs < limit else { throw BenchError("\(counter.value) of \(jobs) jobs run after 300 s") }
            await loop.sleep(ns: 2_000_000)
        }
        let pool = PostgresPool(postgres, size: 1, name: "bench", on: loop)
        var kept = -1
        var seen: Int64 = 0
        var failure: PostgresError?
        do throws(PostgresError) {
            while kept < jobs, Clock.monotonicNs < limit {
                seen = Clock.monotonicNs
                kept = try await pool.query("SELECT count(*) FROM heliograph.job_history WHERE state = 'completed'").int(0, 0)
            }
        } catch {
            failure = error
        }
        await pool.close(on: loop)
        if let failure { throw failure }
        guard kept == jobs else { throw BenchError("\(kept) of \(jobs) jobs are in the history") }
        return seen
    }

    private static func drainPGQueuer(_ jobs: Int, _ postgres: PostgresConfig, _ bench: Bench, on loop: isolated EventLoop) async throws -> Double {
        let output = try await bench.run(
            "pgqueuer", [bench.options.python, bench.options.peers + "/pgqueuer_drain.py"],
            environment: ["DATABASE_URL=\(postgres.url)", "JOBS=\(jobs)", "BATCH=250"], on: loop)
        guard let line = output.split(separator: "\n").last, let rate = try JSONValue.parse(Array(line.utf8))["jobs_per_s"]?.double else {
            throw BenchError("no figure in its output")
        }
        return rate
    }
}

/// Counts on one thread, read on another.
final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    func add() { count.add(1, ordering: .relaxed) }
    var value: Int { count.load(ordering: .relaxed) }
}
