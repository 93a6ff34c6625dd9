import Bytes
import Postgres
import Protocol
import Reactor
import Synchronization
import Workers
import ZeroMQ

/// Replay: how long a preview over a long history takes, and what a replay does to the other queues.
enum ReplayBench {
    static let history = 1_000_000
    static let replayed = 100_000
    static let perSecond = 500
    /// The rate of a replay that names none.
    static let replayedPerSecond = 2_000
    private static let other = "bench.other"

    static func run(_ wanted: Set<String>, _ bench: Bench, on loop: isolated EventLoop) async throws {
        if wanted.contains("queue.replay_preview_s") { try await preview(bench, on: loop) }
        if wanted.contains("queue.replay_p99") { try await impact(bench, on: loop) }
    }

    /// Finished jobs of ten kinds, one in twenty discarded with one of three errors, within the last hour.
    private static func fill(_ jobs: Int, _ postgres: PostgresConfig, on loop: isolated EventLoop) async throws {
        let columns = "id, kind, queue, state, priority, attempt, max_attempts, timeout_ms, created_at, attempted_at, finished_at, tags, args, errors"
        try await QueueBench.statements(
            [
                "TRUNCATE heliograph.job, heliograph.job_history",
                """
                INSERT INTO heliograph.job_history (\(columns))
                SELECT n, 'bench.kind' || n % 10, 'default', (CASE WHEN n % 20 = 0 THEN 'discarded' ELSE 'completed' END)::heliograph.job_state, 5, 1, 25, 0,
                    t, t, t, '{}', jsonb_build_object('to', 'user' || n % 1000 || '@example.org', 'n', n),
                    CASE WHEN n % 20 = 0 THEN jsonb_build_array(jsonb_build_object('attempt', 1, 'error',
                        (ARRAY['connection timeout', 'no such mailbox', '550 refused'])[1 + n / 20 % 3])) END
                FROM (SELECT n, now() - (\(jobs) - n) * interval '3 ms' AS t FROM generate_series(1, \(jobs)) AS n) AS s
                """,
                "SELECT setval('heliograph.job_id', greatest(\(jobs), (SELECT last_value FROM heliograph.job_id)))",
                "VACUUM ANALYZE heliograph.job_history", "CHECKPOINT",
            ], postgres, on: loop)
    }

    private static func preview(_ bench: Bench, on loop: isolated EventLoop) async throws {
        let postgres = try await bench.postgres(on: loop)
        let jobs = bench.options.scaled(history)
        try await fill(jobs, postgres, on: loop)
        let pool = PostgresPool(postgres, size: 1, name: "bench", on: loop)
        let filters = [
            #"{"kind": "bench.kind0", "error": "Timeout", "since": "2000-01-01T00:00:00Z"}"#, #"{"state": ["completed", "discarded"], "kind": "bench.kind3"}"#,
            #"{"state": "completed", "args": {"to": "user7@example.org"}}"#, #"{"all": true}"#,
        ]
        var slowest = 0.0
        var said: [String] = []
        var failure: (any Error)?
        do {
            for filter in filters {
                let started = Clock.monotonicNs
                let rows = try await pool.query(
                    "SELECT matches FROM heliograph.preview_replay($1)", Parameters { $0.appendJSON(Array(filter.utf8)) })
                let seconds = Double(Clock.monotonicNs - started) / 1e9
                slowest = max(slowest, seconds)
                said.append("\(try rows.int(0, 0)) by \(filter) in \((seconds * 1000).rounded() / 1000) s")
            }
        } catch {
            failure = error
        }
        await pool.close(on: loop)
        if let failure { throw failure }
        bench.record(
            Figure(
                "queue.replay_preview_s", slowest, "s",
                conditions: "slowest of \(filters.count) previews over \(jobs) finished jobs: \(said.joined(separator: "; "))"))
    }

    /// The delays of a steady load, first alone, then while a replay runs.
    private static func impact(_ bench: Bench, on loop: isolated EventLoop) async throws {
        let postgres = try await bench.postgres(on: loop)
        let jobs = bench.options.scaled(replayed)
        try await fill(jobs, postgres, on: loop)
        let delays = Mutex<[Double]>([])
        let replays = Counter()
        let fleet = try await Fleet.start(postgres, slots: 64, prefetch: 64) { runtime, _, _, loop in
            runtime.onJob(other) { context in
                _ = loop
                let due = try context.json()["due"]?.int ?? 0
                let ms = Double(Clock.monotonicNs - Int64(due)) / 1e6
                delays.withLock { $0.append(ms) }
            }
            for n in 0..<10 {
                runtime.onJob("bench.kind\(n)") { _ in
                    _ = loop
                    replays.add()
                }
            }
        }
        let producer = EventLoop(name: "bench-producer")
        let endpoint = fleet.endpoint
        let isOver = Atomic<Bool>(false)
        let task = Task {
            try await producer.run { loop in
                let client = try BusClient(ZMQContext(), endpoints: [endpoint], hello: Hello(role: .api, name: "bench producer"), on: loop)
                var due = Clock.monotonicNs
                while !isOver.load(ordering: .relaxed) {
                    due += 1_000_000_000 / Int64(perSecond)
                    let now = Clock.monotonicNs
                    if due > now { await loop.sleep(ns: due - now) }
                    client.call(.enqueue, other, JobDraft(kind: other, args: Array("{\"due\":\(due)}".utf8)).payload, timeoutMs: 10_000, on: loop) { _ in }
                }
                client.close(on: loop)
            }
        }
        let pool = PostgresPool(postgres, size: 1, name: "bench", on: loop)
        var figure: Figure?
        var failure: (any Error)?
        do {
            await loop.sleep(ns: 3_000_000_000)
            delays.withLock { $0.removeAll() }
            await loop.sleep(ns: 15_000_000_000)
            let alone = delays.withLock { all in
                defer { all.removeAll() }
                return all.sorted()
            }
            let started = Clock.monotonicNs
            let kinds = (0..<10).map { "\"bench.kind\($0)\"" }.joined(separator: ", ")
            _ = try await pool.query(
                Statement(
                    "SELECT heliograph.start_replay('{\"kind\": [\(kinds)], \"state\": [\"completed\", \"discarded\"]}', 'bench', per_second => \(replayedPerSecond))"
                ))
            while try await pool.query("SELECT count(*) FROM heliograph.replay WHERE state = 'running'").int(0, 0) > 0 || replays.value < jobs {
                guard Clock.monotonicNs - started < 180_000_000_000 else { throw BenchError("\(replays.value) of \(jobs) jobs replayed after 180 s") }
                await loop.sleep(ns: 50_000_000)
            }
            let seconds = Double(Clock.monotonicNs - started) / 1e9
            let beside = delays.withLock { $0.sorted() }
            figure = Figure(
                "queue.replay_p99", beside[beside.count * 99 / 100], "ms", reference: "the same load without a replay", alone[alone.count * 99 / 100],
                conditions:
                    "another kind at \(perSecond) jobs/s, due time to handler start, while \(jobs) jobs are replayed at \(replayedPerSecond)/s and run (took \((seconds * 10).rounded() / 10) s)"
            )
        } catch {
            failure = error
        }
        isOver.store(true, ordering: .relaxed)
        _ = try await task.value
        producer.stop()
        await pool.close(on: loop)
        await fleet.stop()
        if let failure { throw failure }
        if let figure { bench.record(figure) }
    }
}
