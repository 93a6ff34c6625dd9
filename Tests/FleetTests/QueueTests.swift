import Bytes
import Postgres
import Protocol
import Reactor
import TestSupport
import Testing
import Workers
import ZeroMQ

@Suite(.timeLimit(.minutes(2))) struct QueueTests {
    private static func count(_ pool: PostgresPool, _ sql: String) async throws -> Int {
        try await pool.query(Statement(sql)).int(0, 0)
    }

    @Test func everyEnqueuedJobRunsOnceAndIsKeptInTheHistory() async throws {
        try await LocalFleet.with { fleet, loop in
            try await loop.run { loop in
                let pool = PostgresPool(fleet.postgres, size: 2, name: "test", on: loop)
                let client = try fleet.client("worker", on: loop)
                let runtime = WorkerRuntime(client, options: WorkerOptions(name: "worker"))
                var ran: [Int64: Int] = [:]
                runtime.onJob("count.up") { context in ran[context.id, default: 0] += 1 }
                runtime.start(on: loop)
                let producer = try fleet.client("producer", on: loop)
                var ids: Set<Int64> = []
                for n in 0..<500 {
                    let accepted = try await producer.enqueue(JobDraft(kind: "count.up", args: Array("{\"n\":\(n)}".utf8)), on: loop)
                    ids.insert(accepted.id)
                }
                #expect(ids.count == 500)
                try await eventually("all jobs in the history", on: loop) {
                    try await Self.count(pool, "SELECT count(*) FROM heliograph.job_history WHERE state = 'completed'") == 500
                }
                #expect(Set(ran.keys) == ids)
                #expect(ran.values.allSatisfy { $0 == 1 })
                #expect(try await Self.count(pool, "SELECT count(*) FROM heliograph.job") == 0)
                await runtime.stop(on: loop)
                producer.close(on: loop)
                await pool.close(on: loop)
            }
        }
    }

    @Test func aJobEnqueuedInSQLIsRun() async throws {
        try await LocalFleet.with { fleet, loop in
            try await loop.run { loop in
                let pool = PostgresPool(fleet.postgres, size: 2, name: "test", on: loop)
                let client = try fleet.client("worker", on: loop)
                let runtime = WorkerRuntime(client, options: WorkerOptions(name: "worker"))
                ProbeWorker.register(runtime, pool: pool, on: loop)
                runtime.start(on: loop)
                try await eventually("the worker is welcome", on: loop) { client.isUp }
                let id = try await pool.query("SELECT heliograph.enqueue('probe.echo', '{\"a\": [1, 2]}')").int64(0, 0)
                try await eventually("the job in the history", on: loop) {
                    try await Self.count(pool, "SELECT count(*) FROM heliograph.job_history WHERE output = '{\"a\": [1, 2]}'") == 1
                }
                #expect(id > 0)
                await runtime.stop(on: loop)
                await pool.close(on: loop)
            }
        }
    }

    @Test func failuresAreRetriedAfterAWaitAndDiscardedAtTheEnd() async throws {
        try await LocalFleet.with { fleet, loop in
            try await loop.run { loop in
                let pool = PostgresPool(fleet.postgres, size: 2, name: "test", on: loop)
                let client = try fleet.client("worker", on: loop)
                let runtime = WorkerRuntime(client, options: WorkerOptions(name: "worker"))
                ProbeWorker.register(runtime, pool: pool, on: loop)
                runtime.start(on: loop)
                let retried = try await client.enqueue(JobDraft(kind: "probe.fail", args: Array(#"{"error":"once"}"#.utf8)), on: loop)
                let last = try await client.enqueue(JobDraft(kind: "probe.fail", args: Array(#"{"error":"never"}"#.utf8), maxAttempts: 1), on: loop)
                let hopeless = try await client.enqueue(
                    JobDraft(kind: "probe.fail", args: Array(#"{"error":"bad","retry":false}"#.utf8)), on: loop)
                try await eventually("two discarded, one waiting", on: loop) {
                    try await Self.count(
                        pool,
                        """
                        SELECT (SELECT count(*) FROM heliograph.job_history WHERE state = 'discarded')
                            + 10 * (SELECT count(*) FROM heliograph.job WHERE state = 'retryable')
                        """) == 12
                }
                // A second after its first failure it runs again: on a slow machine it may have done so by now.
                let rows = try await pool.query(
                    """
                    SELECT attempt::bigint, errors->0->>'error', jsonb_array_length(errors)::bigint,
                        extract(epoch FROM run_at - (errors->-1->>'at')::timestamptz)::float8 / attempt ^ 4
                    FROM heliograph.job WHERE id = $1
                    """, Parameters(retried.id))
                #expect(try rows.string(0, 1) == "once")
                #expect(try rows.int(0, 2) == rows.int(0, 0))
                #expect(try (0.85...1.2).contains(rows.double(0, 3)))
                let reasons = try await pool.query(
                    "SELECT errors->0->>'error' FROM heliograph.job_history WHERE id = ANY($1::bigint[]) ORDER BY id",
                    Parameters([last.id, hopeless.id]))
                #expect(try [reasons.string(0, 0), reasons.string(1, 0)] == ["never", "bad"])
                // About a second later it runs again, by itself.
                try await eventually("a second attempt", on: loop) {
                    try await Self.count(pool, "SELECT attempt::bigint FROM heliograph.job WHERE id = \(retried.id)") >= 2
                }
                await runtime.stop(on: loop)
                await pool.close(on: loop)
            }
        }
    }

    @Test func aUniqueKeyIsHeldUntilTheJobStartsAndNamesItsHolder() async throws {
        try await LocalFleet.with { fleet, loop in
            try await loop.run { loop in
                let pool = PostgresPool(fleet.postgres, size: 2, name: "test", on: loop)
                let producer = try fleet.client("producer", on: loop)
                let draft = JobDraft(kind: "nobody.serves", uniqueKey: "k")
                let first = try await producer.enqueue(draft, on: loop)
                let second = try await producer.enqueue(draft, on: loop)
                #expect(!first.isDuplicate && second.isDuplicate && second.id == first.id)
                let bySQL = try await pool.query("SELECT heliograph.enqueue('nobody.serves', unique_key => 'k')").int64(0, 0)
                #expect(bySQL == first.id)
                producer.close(on: loop)
                await pool.close(on: loop)
            }
        }
    }

    @Test func oneBadDraftAmongManyCostsOnlyItself() async throws {
        try await LocalFleet.with { fleet, loop in
            try await loop.run { loop in
                let pool = PostgresPool(fleet.postgres, size: 2, name: "test", on: loop)
                let producer = try fleet.client("producer", on: loop)
                var results: [Result<BusAnswer, Refusal>] = []
                for n in 0..<20 {
                    // A lone surrogate passes no JSON parser; a number beyond jsonb's range passes ours and not PostgreSQL's.
                    let args = n == 7 ? #"{"n":1e300000}"# : #"{"n":1}"#
                    producer.call(.enqueue, "k", Array(#"{"args":\#(args)}"#.utf8), timeoutMs: 5_000, on: loop) { results.append($0) }
                }
                try await eventually("all answered", on: loop) { results.count == 20 }
                let failed = results.filter { if case .failure = $0 { true } else { false } }
                #expect(failed.count == 1)
                #expect(try await Self.count(pool, "SELECT count(*) FROM heliograph.job") == 19)
                producer.close(on: loop)
                await pool.close(on: loop)
            }
        }
    }

    @Test func effectAndCompletionAreCommittedTogetherAndAStaleRunIsRefused() async throws {
        try await LocalFleet.with { fleet, loop in
            try await loop.run { loop in
                let pool = PostgresPool(fleet.postgres, size: 2, name: "test", on: loop)
                _ = try await pool.query("CREATE TABLE probe_effect (job_id bigint, attempt integer)")
                let client = try fleet.client("worker", on: loop)
                let runtime = WorkerRuntime(client, options: WorkerOptions(name: "worker"))
                var attempts: [Int] = []
                runtime.onJob("stale") { context in
                    attempts.append(context.attempt)
                    if context.attempt == 1 {
                        // Somebody takes the job away while it runs.
                        _ = try await pool.query(
                            "UPDATE heliograph.job SET attempt = attempt + 1, state = 'available', epoch = NULL WHERE id = $1", Parameters(context.id))
                    }
                    try await context.finish(in: pool) { transaction in
                        _ = try await transaction.query("INSERT INTO probe_effect VALUES ($1, $2::integer)", Parameters(context.id, Int64(context.attempt)))
                    }
                }
                runtime.start(on: loop)
                _ = try await client.enqueue(JobDraft(kind: "stale"), on: loop)
                try await eventually("done by the later attempt", on: loop) {
                    try await Self.count(pool, "SELECT count(*) FROM heliograph.job_history") == 1
                }
                #expect(attempts == [1, 3])
                let effects = try await pool.query("SELECT attempt::bigint FROM probe_effect")
                #expect(try effects.count == 1 && effects.int(0, 0) == 3)
                try await eventually("told that it was fenced", on: loop) { runtime.counters.fenced == 1 }
                await runtime.stop(on: loop)
                await pool.close(on: loop)
            }
        }
    }
}
