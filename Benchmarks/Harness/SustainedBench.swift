import Postgres
import Protocol
import Reactor
import Workers
import ZeroMQ

/// Jobs enqueued over the bus and completed, as fast as that goes, for minutes: the rate, what it writes, whether anything grows, and what an
/// open snapshot does to it.
enum SustainedBench {
    static let seconds = 300
    static let heldSeconds = 120
    static let underWay = 2_000

    static func run(_ wanted: Set<String>, _ bench: Bench, on loop: isolated EventLoop) async throws {
        if wanted.contains("queue.sustained") || wanted.contains("queue.wal_kib") { try await sustained(wanted, bench, on: loop) }
        if wanted.contains("queue.held_snapshot") { try await held(bench, on: loop) }
    }

    /// What is looked at before and after.
    private struct Look {
        var done: Int
        var atNs: Int64
        var walBytes: Double
        var commits: Double
        var hotBytes: Int
        var dead: Int
        var memoryKB: Int

        static func now(_ pool: PostgresPool) async throws -> Look {
            let row = try await pool.query(
                Statement(
                    """
                    SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8, (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database())::float8,
                    (SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('heliograph.job'))::bigint,
                    \(SustainedBench.finished), (SELECT sum(n_dead_tup) FROM pg_stat_user_tables WHERE relid IN (SELECT relid FROM pg_partition_tree('heliograph.job')))::bigint
                    """))
            return Look(
                done: try row.int(0, 3), atNs: Clock.monotonicNs, walBytes: try row.double(0, 0), commits: try row.double(0, 1), hotBytes: try row.int(0, 2),
                dead: try row.int(0, 4), memoryKB: OwnMemory.kb)
        }
    }

    /// A running load: `body` gets a pool.
    private static func loaded(_ bench: Bench, on loop: isolated EventLoop, _ body: (PostgresPool) async throws -> Void) async throws {
        let postgres = try await bench.postgres(on: loop)
        try await QueueBench.statements(["TRUNCATE heliograph.job, heliograph.job_history", "VACUUM ANALYZE heliograph.job", "CHECKPOINT"], postgres, on: loop)
        let counter = Counter()
        let fleet = try await Fleet.start(postgres, slots: 1_000, prefetch: 1_000) { runtime, _, _, loop in
            runtime.onJob(QueueBench.kind) { _ in
                _ = loop
                counter.add()
            }
        }
        let producer = EventLoop(name: "bench-producer")
        let endpoint = fleet.endpoint
        let load = try await producer.run { loop in
            let client = try BusClient(ZMQContext(), endpoints: [endpoint], hello: Hello(role: .api, name: "bench producer"), on: loop)
            let load = QueueLoad(client, kind: QueueBench.kind)
            load.begin(underWay, on: loop)
            return OnLoop((load: load, client: client), on: loop)
        }
        let pool = PostgresPool(postgres, size: 2, name: "bench", on: loop)
        var failure: (any Error)?
        do {
            await loop.sleep(ns: 3_000_000_000)
            try await body(pool)
        } catch {
            failure = error
        }
        let refusal = await producer.run { loop in
            let (load, client) = load.value(on: loop)
            load.end()
            client.close(on: loop)
            return load.failure
        }
        producer.stop()
        await pool.close(on: loop)
        await fleet.stop()
        if let failure { throw failure }
        if let refusal { throw refusal }
    }

    private static func sustained(_ wanted: Set<String>, _ bench: Bench, on loop: isolated EventLoop) async throws {
        try await loaded(bench, on: loop) { pool in
            let before = try await Look.now(pool)
            let length = bench.options.scaled(seconds)
            var most = before.hotBytes
            for _ in 0..<length {
                await loop.sleep(ns: 1_000_000_000)
                most = max(most, try await pool.query("SELECT sum(pg_total_relation_size(relid))::bigint FROM pg_partition_tree('heliograph.job')").int(0, 0))
            }
            let after = try await Look.now(pool)
            let jobs = Double(after.done - before.done)
            let rate = jobs / (Double(after.atNs - before.atNs) / 1e9)
            let drained = bench.figures.last { $0.bench == "queue.drain" }?.value
            let growth =
                "hot table with indexes at most \(most >> 20) MiB, \(after.dead) dead rows at the end, memory \(before.memoryKB >> 10) to \(after.memoryKB >> 10) MiB"
            if wanted.contains("queue.sustained") {
                bench.record(
                    Figure(
                        "queue.sustained", rate, "jobs/s", reference: "queue.drain of this run", drained,
                        conditions: "enqueued over the bus and completed for \(length) s, \(underWay) enqueues under way, history kept; \(growth)"))
            }
            if wanted.contains("queue.wal_kib") {
                bench.record(
                    Figure(
                        "queue.wal_kib", (after.walBytes - before.walBytes) / 1024 / jobs, "KiB per job",
                        conditions:
                            "the same jobs, from enqueue to history; \(((after.commits - before.commits) / jobs * 10_000).rounded() / 10_000) commits per job"))
            }
        }
    }

    private static func held(_ bench: Bench, on loop: isolated EventLoop) async throws {
        try await loaded(bench, on: loop) { pool in
            let length = bench.options.scaled(heldSeconds)
            let before = try await rate(max(2, length / 4), pool, on: loop)
            var rates: [Double] = []
            var look: Look?
            try await pool.transaction { transaction in
                _ = try await transaction.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                _ = try await transaction.query("SELECT count(*) FROM heliograph.broker")
                for _ in 0..<4 { rates.append(try await rate(max(1, length / 4), pool, on: loop)) }
                look = try await Look.now(pool)
            }
            await loop.sleep(ns: 15_000_000_000)
            let after = try await Look.now(pool)
            let quarters = rates.map { String(Int($0)) }.joined(separator: ", ")
            bench.record(
                Figure(
                    "queue.held_snapshot", rates[rates.count - 1], "jobs/s", reference: "the rate before the snapshot was opened", before,
                    conditions:
                        "last quarter of a snapshot held for \(length) s under the sustained load; by quarters \(quarters); hot table with indexes "
                        + "\((look?.hotBytes ?? 0) >> 20) MiB at the end of it, \(look?.dead ?? 0) dead rows, \(after.dead) dead rows 15 s later"))
        }
    }

    /// Jobs whose completion is committed, as PostgreSQL counts rows: a second or so behind.
    private static let finished = "(SELECT sum(n_tup_ins) FROM pg_stat_user_tables WHERE relname LIKE 'job\\_completed\\_%')::bigint"

    private static func rate(_ seconds: Int, _ pool: PostgresPool, on loop: isolated EventLoop) async throws -> Double {
        let (done, at) = (try await pool.query(Statement("SELECT \(finished)")).int(0, 0), Clock.monotonicNs)
        await loop.sleep(ns: Int64(seconds) * 1_000_000_000)
        let now = try await pool.query(Statement("SELECT \(finished)")).int(0, 0)
        return Double(now - done) / (Double(Clock.monotonicNs - at) / 1e9)
    }
}
