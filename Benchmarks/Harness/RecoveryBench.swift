import CLinux
import Glibc
import Postgres
import Reactor

/// A fleet of processes under a steady load loses one with SIGKILL: how long until every job that was there is done.
///
/// Jobs write a row each, committed together with their completion: afterwards the rows must be the jobs, none missing, none twice.
enum RecoveryBench {
    static let perSecond = 500
    static let settleNs: Int64 = 3_000_000_000
    static let limitNs: Int64 = 30_000_000_000

    static func run(_ bench: Bench, on loop: isolated EventLoop) async throws {
        let postgres = try await bench.postgres(on: loop)
        try await QueueBench.statements(
            [
                "TRUNCATE heliograph.job, heliograph.job_history", "DROP TABLE IF EXISTS public.bench_effect",
                "CREATE TABLE public.bench_effect (job_id bigint NOT NULL, attempt integer NOT NULL)",
            ], postgres, on: loop)
        let pool = PostgresPool(postgres, size: 2, name: "bench", on: loop)
        var failure: (any Error)?
        do {
            try await measure(pool, postgres, bench, on: loop)
        } catch {
            failure = error
        }
        await pool.close(on: loop)
        if let failure { throw failure }
    }

    private static func measure(_ pool: PostgresPool, _ postgres: PostgresConfig, _ bench: Bench, on loop: isolated EventLoop) async throws {
        let fleet = Parts(bench, postgres)
        var broker = try await fleet.start("broker", on: loop)
        _ = try await fleet.start("worker", "upkeep", on: loop)
        _ = try await fleet.start("worker", "probe", on: loop)
        var worker = try await fleet.start("worker", "probe", on: loop)
        let producer = Producer(pool)
        loop.spawn { await producer.run(on: loop) }
        var seconds: [(what: String, s: Double)] = []
        for victim in ["worker", "broker", "PostgreSQL back ends"] {
            await loop.sleep(ns: settleNs)
            let newest = try await pool.query("SELECT max(id) FROM heliograph.job_history").int64(0, 0) + Int64(perSecond)
            let started = Clock.monotonicNs
            switch victim {
            case "worker":
                kill(worker.pid, SIGKILL)
                worker = try await fleet.start("worker", "probe", on: loop)
            case "broker":
                kill(broker.pid, SIGKILL)
                broker = try await fleet.start("broker", on: loop)
            default:
                _ = try await pool.query(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
            }
            seconds.append((victim, Double(try await whenDone(newest, pool, on: loop) - started) / 1e9))
        }
        producer.isOver = true
        while producer.isRunning { await loop.sleep(ns: 10_000_000) }
        _ = try await whenDone(.max, pool, on: loop)
        let row = try await pool.query(
            "SELECT count(*), count(DISTINCT job_id), (SELECT count(*) FROM heliograph.job_history WHERE state = 'completed') FROM public.bench_effect")
        let (effects, jobs, completed) = (try row.int(0, 0), try row.int(0, 1), try row.int(0, 2))
        await fleet.stop(on: loop)
        guard effects == producer.enqueued, jobs == effects, completed == effects else {
            throw BenchError("\(producer.enqueued) jobs enqueued, \(completed) completed, \(effects) effects of \(jobs) jobs")
        }
        let each = seconds.map { "\($0.what) \(($0.s * 100).rounded() / 100) s" }.joined(separator: ", ")
        bench.record(
            Figure(
                "queue.recovery_s", seconds.map(\.s).max() ?? 0, "s",
                conditions:
                    "slowest of \(each), each from kill -9 until all jobs of before and of the next second are done, at \(perSecond) jobs/s; \(effects) jobs, 0 lost, 0 double effects"
            ))
    }

    /// When no job up to this one is left.
    private static func whenDone(_ id: Int64, _ pool: PostgresPool, on loop: isolated EventLoop) async throws -> Int64 {
        let limit = Clock.monotonicNs + limitNs
        while Clock.monotonicNs < limit {
            let row = try await pool.query(
                "SELECT count(*), (SELECT last_value FROM heliograph.job_id) FROM heliograph.job WHERE id <= $1", Parameters(id), retryOnLoss: true)
            let (left, last) = (try row.int(0, 0), try row.int64(0, 1))
            if left == 0, id == .max || last >= id { return Clock.monotonicNs }
            await loop.sleep(ns: 20_000_000)
        }
        throw BenchError("jobs of before the kill are not done after \(limitNs / 1_000_000_000) s")
    }

    /// Enqueues by SQL, in transactions of its own: what COMMIT has answered counts, and a lost answer is asked for.
    private final class Producer {
        let pool: PostgresPool
        private(set) var enqueued = 0
        private(set) var isRunning = true
        var isOver = false

        init(_ pool: PostgresPool) { self.pool = pool }

        func run(on loop: isolated EventLoop) async {
            var batch = 0
            let enqueue = Statement(
                "SELECT count(heliograph.enqueue('probe.effect', '{\"table\": \"public.bench_effect\"}', tags => ARRAY[$1])) FROM generate_series(1, $2)")
            while !isOver {
                batch += 1
                let tag = "batch \(batch)"
                do {
                    enqueued += try await pool.query(enqueue, Parameters(tag, Int64(perSecond / 20))).int(0, 0)
                } catch {
                    enqueued += await written(tag, on: loop)
                }
                await loop.sleep(ns: 50_000_000)
            }
            isRunning = false
        }

        private func written(_ tag: String, on loop: isolated EventLoop) async -> Int {
            let sql: Statement =
                "SELECT (SELECT count(*) FROM heliograph.job WHERE $1 = ANY (tags)) + (SELECT count(*) FROM heliograph.job_history WHERE $1 = ANY (tags))"
            while true {
                do {
                    return try await pool.query(sql, Parameters(tag), retryOnLoss: true).int(0, 0)
                } catch {
                    await loop.sleep(ns: 50_000_000)
                }
            }
        }
    }

    /// The fleet's processes.
    private final class Parts {
        private let bench: Bench
        private let postgres: PostgresConfig
        private let data: String
        private var children: [Child] = []

        init(_ bench: Bench, _ postgres: PostgresConfig) {
            self.bench = bench
            self.postgres = postgres
            data = "\(bench.directory)/fleet"
        }

        func start(_ words: String..., on loop: isolated EventLoop) async throws -> Child {
            let child = try bench.start(
                words.joined(separator: "-"), [bench.options.server[0]] + words + ["--data", data],
                environment: ["HELIOGRAPH_HOME=\(bench.options.root)", "HELIOGRAPH_LOG=error", "DATABASE_URL=\(postgres.connectionString)"])
            _ = try await child.wait(withinMs: 20_000, on: loop) { $0.contains("ready") ? true : nil }
            children.append(child)
            return child
        }

        func stop(on loop: isolated EventLoop) async { for child in children.reversed() { await bench.stop(child, on: loop) } }
    }
}
