import Broker
import Bytes
import Glibc
import Postgres
import Protocol
import Reactor
import TestSupport
import Testing
import Workers
import ZeroMQ

/// What holds across brokers and workers, whoever asks for it: limits, ordering, pause, cancel, priority.
@Suite(.timeLimit(.minutes(2))) struct ControlTests {
    private static let endpoints = [
        BusEndpoint(work: "inproc://work", topics: "inproc://topics"), BusEndpoint(work: "inproc://work2", topics: "inproc://topics2"),
    ]

    private static func count(_ pool: PostgresPool, _ sql: String) async throws -> Int { try await pool.query(Statement(sql)).int(0, 0) }

    /// Two brokers and, on the test's loop, a worker that talks to both.
    private static func withTwoBrokers(
        slots: Int = 16, prefetch: Int = 8, _ limits: BrokerLimits = BrokerLimits(),
        _ body: @Sendable (isolated EventLoop, PostgresPool, WorkerRuntime, BusClient) async throws -> Void
    ) async throws {
        let postgres = try await LocalFleet.database()
        let context = ZMQContext()
        let loop = EventLoop(name: "test")
        var brokers: [LoopBound<BrokerServer>] = []
        for (n, endpoint) in endpoints.enumerated() {
            brokers.append(
                try await LocalFleet(context: context, endpoint: endpoint, postgres: postgres, loop: loop).startBroker(name: "b\(n)", limits: limits))
        }
        do {
            try await loop.run { loop in
                let pool = PostgresPool(postgres, size: 3, name: "test", on: loop)
                let client = try BusClient(context, endpoints: endpoints, hello: Hello(role: .worker, name: "worker"), on: loop)
                var options = WorkerOptions(name: "worker")
                options.slots = slots
                options.prefetch = prefetch
                let runtime = WorkerRuntime(client, options: options)
                do {
                    try await body(loop, pool, runtime, client)
                } catch {
                    await runtime.stop(on: loop)
                    await pool.close(on: loop)
                    throw error
                }
                await runtime.stop(on: loop)
                await pool.close(on: loop)
            }
        } catch {
            for broker in brokers { await LocalFleet.stop(broker) }
            throw error
        }
        for broker in brokers { await LocalFleet.stop(broker) }
        loop.stop()
    }

    // MARK: Limits

    @Test func aLimitHoldsWithTwoBrokers() async throws {
        try await Self.withTwoBrokers { loop, pool, runtime, client in
            _ = try await pool.query("INSERT INTO heliograph.job_limit (kind, max_running) VALUES ('limited', 3)")
            let gate = Gate()
            defer { gate.open() }
            var (now, most) = (0, 0)
            runtime.onJob("limited") { _ in
                _ = loop
                now += 1
                most = max(most, now)
                await gate.pass()
                now -= 1
            }
            runtime.start(on: loop)
            // Those at the gate keep their places while the others come.
            for _ in 0..<60 { _ = try await client.enqueue(JobDraft(kind: "limited"), on: loop) }
            try await eventually("every place is taken", on: loop) { now == 3 }
            try await eventually("all done", on: loop) {
                gate.release()
                return try await Self.count(pool, "SELECT count(*) FROM heliograph.job_history") == 60
            }
            #expect(most == 3)
        }
    }

    @Test func aRateHoldsWithTwoBrokers() async throws {
        try await Self.withTwoBrokers { loop, pool, runtime, client in
            _ = try await pool.query("INSERT INTO heliograph.job_limit (kind, per_second, burst) VALUES ('rated', 20, 4)")
            var starts: [Int64] = []
            runtime.onJob("rated") { _ in
                _ = loop
                starts.append(Clock.monotonicNs)
            }
            runtime.start(on: loop)
            for _ in 0..<30 { _ = try await client.enqueue(JobDraft(kind: "rated"), on: loop) }
            try await eventually("all done", on: loop) { try await Self.count(pool, "SELECT count(*) FROM heliograph.job_history") == 30 }
            // The bucket holds 4: n starts need at least (n - 4) / 20 s.
            #expect(starts.count == 30 && starts[29] - starts[0] >= 1_250_000_000)
        }
    }

    @Test func aRunThatIsRescuedNeedsNoPlaceInItsLimit() async throws {
        try await Self.withTwoBrokers { loop, pool, runtime, client in
            _ = try await pool.query("INSERT INTO heliograph.job_limit (kind, max_running) VALUES ('limited', 1)")
            // A dead broker's run takes the only place.
            _ = try await pool.query("INSERT INTO heliograph.job (kind, args, state, attempt, epoch) VALUES ('limited', '{}', 'running', 1, 4711)")
            runtime.onJob("limited") { _ in _ = loop }
            runtime.start(on: loop)
            #expect(try await pool.query("SELECT heliograph.rescue('{}', 2000)").int(0, 0) == 1)
            try await eventually("done", on: loop) {
                try await Self.count(pool, "SELECT count(*) FROM heliograph.job_history WHERE attempt = 2 AND state = 'completed'") == 1
            }
        }
    }

    // MARK: Ordering keys

    @Test func jobsOfAnOrderingKeyRunOneAtATimeInOrder() async throws {
        try await Self.withTwoBrokers { loop, pool, runtime, client in
            let gate = Gate()
            defer { gate.open() }
            var running: Set<String> = []
            var ran: [String: [Int64]] = [:]
            var overlaps = 0
            runtime.onJob("ordered", retry: .every(ms: 20)) { context in
                _ = loop
                let key = try context.json()["key"]?.string ?? ""
                if !running.insert(key).inserted { overlaps += 1 }
                await gate.pass()
                running.remove(key)
                // A job that fails holds its key until it is done.
                if context.id % 7 == 0, context.attempt == 1 { throw JobFailure("once") }
                ran[key, default: []].append(context.id)
            }
            runtime.start(on: loop)
            try await eventually("the worker is welcome", on: loop) { client.isUp }
            for n in 0..<60 {
                let key = "k\(n % 3)"
                if n % 2 == 0 {
                    _ = try await client.enqueue(JobDraft(kind: "ordered", args: Array("{\"key\":\"\(key)\"}".utf8), orderingKey: key), on: loop)
                } else {
                    _ = try await pool.query(
                        "SELECT heliograph.enqueue('ordered', jsonb_build_object('key', $1::text), ordering_key => $1)", Parameters(key))
                }
            }
            // The first of each key has been at the gate while the others came.
            try await eventually("one of each key runs", on: loop) { running.count == 3 }
            try await eventually("all done", seconds: 60, on: loop) {
                gate.release()
                return try await Self.count(pool, "SELECT count(*) FROM heliograph.job_history") == 60
            }
            #expect(overlaps == 0 && ran.count == 3)
            for (key, ids) in ran { #expect(ids.count == 20 && ids == ids.sorted(), "\(key)") }
        }
    }

    // MARK: Pause, cancel, priority

    @Test func aPausedQueueStartsNothingUntilItGoesOn() async throws {
        try await Self.withTwoBrokers { loop, pool, runtime, client in
            var ran = 0
            runtime.onJob("k") { _ in
                _ = loop
                ran += 1
            }
            runtime.start(on: loop)
            try await eventually("the worker is welcome", on: loop) { client.isUp }
            _ = try await pool.query("INSERT INTO heliograph.paused_queue (name) VALUES ('slow')")
            for _ in 0..<20 { _ = try await pool.query("SELECT heliograph.enqueue('k', queue => 'slow')") }
            // The others of the kind go past them.
            for _ in 0..<20 { _ = try await client.enqueue(JobDraft(kind: "k"), on: loop) }
            try await eventually("the others done", on: loop) {
                try await Self.count(pool, "SELECT count(*) FROM heliograph.job_history WHERE queue = 'default'") == 20
            }
            #expect(try await Self.count(pool, "SELECT count(*) FROM heliograph.job WHERE queue = 'slow' AND state = 'available'") == 20)
            _ = try await pool.query("DELETE FROM heliograph.paused_queue")
            try await eventually("all done", on: loop) { ran == 40 }
        }
    }

    @Test func aCancelledJobStopsWhereverItIs() async throws {
        try await Self.withTwoBrokers(slots: 1, prefetch: 1) { loop, pool, runtime, client in
            ProbeWorker.register(runtime, pool: pool, on: loop)
            runtime.start(on: loop)
            let draft = JobDraft(kind: "probe.sleep", args: Array("{\"ms\":60000}".utf8))
            let running = try await client.enqueue(draft, on: loop).id
            try await eventually("one runs", on: loop) {
                try await Self.count(pool, "SELECT count(*) FROM heliograph.job WHERE state = 'running'") >= 1
            }
            var others: [Int64] = []
            for _ in 0..<8 { others.append(try await client.enqueue(draft, on: loop).id) }
            let told = try await pool.query("SELECT outcome FROM heliograph.stop_jobs($1::bigint[], 'cancelled', 'test')", Parameters([running] + others))
            #expect(told.count == 9)
            try await eventually("all are history", on: loop) {
                try await Self.count(pool, "SELECT count(*) FROM heliograph.job_history WHERE state = 'cancelled'") == 9
            }
            #expect(try await Self.count(pool, "SELECT count(*) FROM heliograph.job") == 0)
        }
    }

    @Test func anUrgentJobRunsNextThoughOthersAreHeldReady() async throws {
        try await Self.withTwoBrokers(slots: 1, prefetch: 4) { loop, pool, runtime, client in
            let gate = Gate()
            defer { gate.open() }
            var held: Set<Int64> = []
            var order: [Int64] = []
            runtime.onContext = { held.insert($0.id) }
            runtime.onJob("k") { context in
                _ = loop
                order.append(context.id)
                await gate.pass()
            }
            runtime.start(on: loop)
            for _ in 0..<30 { _ = try await client.enqueue(JobDraft(kind: "k"), on: loop) }
            for n in 1...3 {
                try await eventually("number \(n) runs, others are held ready", on: loop) { order.count == n && held.count > n }
                if n < 3 { gate.release() }
            }
            let urgent = try await client.enqueue(JobDraft(kind: "k", priority: 1), on: loop).id
            try await eventually("the worker has it", on: loop) { held.contains(urgent) }
            for n in 4...5 {
                gate.release()
                try await eventually("number \(n) runs", on: loop) { order.count == n }
            }
            let bySQL = try await pool.query("SELECT heliograph.enqueue('k', priority => 2)").int64(0, 0)
            try await eventually("the worker has it", on: loop) { held.contains(bySQL) }
            gate.release()
            try await eventually("number 6 runs", on: loop) { order.count == 6 }
            #expect(order[3] == urgent && order[5] == bySQL)
        }
    }

    /// Only the notification can wake the brokers: they do not look by themselves within the test's time.
    @Test func aJobEnqueuedInSQLWakesTheBrokersAtOnce() async throws {
        var limits = BrokerLimits()
        limits.pollNs = 600_000_000_000
        try await Self.withTwoBrokers(limits) { loop, pool, runtime, client in
            var ran = 0
            runtime.onJob("k") { _ in
                _ = loop
                ran += 1
            }
            runtime.start(on: loop)
            _ = try await client.enqueue(JobDraft(kind: "k"), on: loop)
            try await eventually("the fleet works", on: loop) { ran == 1 }
            for n in 2...20 {
                _ = try await pool.query("SELECT heliograph.enqueue('k')")
                try await eventually("it has run", seconds: 5, on: loop) { ran == n }
            }
            let ids = try await pool.query(
                #"SELECT heliograph.enqueue_many('[{"kind":"k","args":{"a":1},"tags":["x"]},{"kind":"k","queue":"second","priority":2}]')"#)
            #expect(ids.count == 2)
            try await eventually("both have run", seconds: 5, on: loop) { ran == 22 }
        }
    }

    /// The plan of a claim, with as many jobs that cannot run as you like: it reads what it takes.
    @Test func jobsThatCannotRunCostAClaimNothing() async throws {
        let postgres = try await LocalFleet.database()
        let loop = EventLoop(name: "test")
        try await loop.run { loop in
            var config = postgres
            config.statementTimeoutMs = 0
            let pool = PostgresPool(config, size: 1, name: "test", on: loop)
            _ = try await pool.query("INSERT INTO heliograph.paused_queue (name) VALUES ('slow')")
            // Paused, of a kind that nobody serves, not due.
            for (columns, values) in [
                ("kind, queue, args", "'k', 'slow', '{}'"), ("kind, args", "'nobody.serves', '{}'"),
                ("kind, args, state, run_at", "'k', '{}', 'scheduled', now() + interval '1 day'"),
            ] {
                _ = try await pool.query(Statement("INSERT INTO heliograph.job (\(columns)) SELECT \(values) FROM generate_series(1, 100000)"))
            }
            _ = try await pool.query(
                "INSERT INTO heliograph.job (kind, args, ordering_key, blocked) SELECT 'k', '{}', 'key', n > 1 FROM generate_series(1, 20000) AS n")
            _ = try await pool.query("UPDATE heliograph.job SET blocked = true WHERE ordering_key = 'key'")
            _ = try await pool.query("SELECT heliograph.enqueue('k') FROM generate_series(1, 10)")
            _ = try await pool.query("ANALYZE heliograph.job")
            var sql = JobSQL.claim.sql
            let values = ["ARRAY['k']", "ARRAY[100]", "1", "ARRAY['k', 'k']", "ARRAY['default', 'slow']", "ARRAY[0, 0]", "ARRAY[0, 0]"]
            for (n, value) in values.enumerated() { sql = sql.split(separator: "$\(n + 1)", omittingEmptySubsequences: false).joined(separator: value) }
            _ = try await pool.query("SET enable_seqscan = off")
            let plan = try await pool.query(Statement("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + sql))
            let json = try JSONValue.parse(Array(try plan.string(0, 0).utf8))
            let blocks = json.array?[0]["Plan"]?["Shared Hit Blocks"]?.int ?? .max
            #expect(blocks < 500, "\(blocks) blocks for 10 jobs")
            await pool.close(on: loop)
        }
        loop.stop()
    }

    // MARK: A worker that sleeps

    @Test func aWorkerThatWakesTooLateIsRefused() async throws {
        try await ProcessFleet.with { fleet, loop in
            _ = try await fleet.pool.query("CREATE TABLE probe_effect (job_id bigint, attempt integer)")
            try await fleet.start("broker", on: loop)
            try await fleet.start("worker", "upkeep", on: loop)
            let first = try await fleet.start("worker", "probe", on: loop)
            let id = try await fleet.pool.query("SELECT heliograph.enqueue('probe.sleep', '{\"ms\": 2000}')").int64(0, 0)
            try await eventually("it runs", on: loop) {
                try await fleet.count("SELECT count(*) FROM heliograph.job WHERE id = \(id) AND state = 'running'") == 1
            }
            kill(first.pid, SIGSTOP)
            try await fleet.start("worker", "probe", on: loop)
            try await eventually("another worker has done it", seconds: 30, on: loop) {
                try await fleet.count("SELECT count(*) FROM heliograph.job_history WHERE id = \(id) AND attempt = 2 AND state = 'completed'") == 1
            }
            kill(first.pid, SIGCONT)
            // It wakes, tells its late end, is refused, and works on.
            _ = try await fleet.pool.query("SELECT heliograph.enqueue('probe.echo') FROM generate_series(1, 50)")
            try await eventually("the others are done", on: loop) { try await fleet.count("SELECT count(*) FROM heliograph.job_history") == 51 }
            #expect(try await fleet.count("SELECT count(*) FROM heliograph.job_history WHERE id = \(id)") == 1)
        }
    }
}
