import Bytes
import Postgres
import Protocol
import Reactor
import Workers
import ZeroMQ

/// The durable queue: how fast preloaded jobs are drained, and how soon an enqueued job starts.
enum QueueBench {
    static let jobs = 200_000
    static let kind = "bench.noop"

    static func run(_ wanted: Set<String>, _ bench: Bench, on loop: isolated EventLoop) async throws {
        if wanted.contains("queue.drain") { try await drain(bench, on: loop) }
        if !wanted.isDisjoint(with: ["queue.latency.p50", "queue.latency.p99"]) { try await LatencyBench.run(wanted, bench, on: loop) }
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
                "INSERT INTO heliograph.job (kind, args) SELECT '\(kind)', '{}' FROM generate_series(1, \(jobs))",
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

    /// From the worker's first hello until the history holds every job, on a warm broker.
    private static func drain(_ jobs: Int, _ postgres: PostgresConfig, on loop: isolated EventLoop) async throws -> Double {
        try await preload(jobs, postgres, on: loop)
        let started = Clock.monotonicNs
        let fleet = try await Fleet.start(
            postgres, endpoint: BusEndpoint(work: "tcp://127.0.0.1:*", topics: "tcp://127.0.0.1:*"), slots: 1_000, prefetch: 1_000
        ) { runtime, loop in runtime.onJob(kind) { _ in _ = loop } }
        let pool = PostgresPool(postgres, size: 1, name: "bench", on: loop)
        var seconds: Double?
        var left = -1
        var failure: (any Error)?
        do {
            let limit = started + 300_000_000_000
            while seconds == nil, Clock.monotonicNs < limit {
                // Looking must not cost what it measures: the whole history is counted only when the queue has run empty.
                await loop.sleep(ns: 10_000_000)
                left = try await pool.query("SELECT count(*) FROM (SELECT FROM heliograph.job LIMIT 1) AS j").int(0, 0)
                guard left == 0 else { continue }
                let ended = Clock.monotonicNs
                let kept = try await pool.query("SELECT count(*) FROM heliograph.job_history WHERE state = 'completed'").int(0, 0)
                guard kept == jobs else { throw BenchError("\(kept) of \(jobs) jobs are in the history, the queue is empty") }
                seconds = Double(ended - started) / 1e9
            }
        } catch {
            failure = error
        }
        await pool.close(on: loop)
        await fleet.stop()
        if let failure { throw failure }
        guard let seconds else { throw BenchError("\(left) jobs left after 300 s") }
        return Double(jobs) / seconds
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
