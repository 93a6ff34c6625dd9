import Postgres
import Reactor
import TestSupport
import Testing
import Workers

@Suite(.timeLimit(.minutes(2))) struct RescueTests {
    private static func task() -> RescueTask { RescueTask(silenceMs: 4_000, graceMs: 2_000) }

    private static func broker(_ name: String, beatAgo: String, startedAgo: String, _ database: Database) async throws -> Int {
        try await database.int(
            """
            INSERT INTO heliograph.broker (name, started_at, beat_at) VALUES ('\(name)', now() - interval '\(startedAgo)', now() - interval '\(beatAgo)')
            RETURNING epoch
            """)
    }

    private static func job(_ id: Int, epoch: Int, attempt: Int = 1, most: Int = 3, cancel: Bool = false, kind: String = "k", _ database: Database) async throws
    {
        try await database.run(
            """
            INSERT INTO heliograph.job (id, kind, args, state, attempt, max_attempts, epoch, attempted_at, cancel_asked_at)
            VALUES (\(id), '\(kind)', '{}', 'running', \(attempt), \(most), \(epoch), now(), \(cancel ? "now()" : "NULL"))
            """)
    }

    @Test func runsOfADeadBrokerGoOnAsTheirAttemptsAndOperatorsAllowWhateverTheLimits() async throws {
        try await withDatabase { database, loop in
            let dead = try await Self.broker("a", beatAgo: "5 s", startedAgo: "1 h", database)
            let alive = try await Self.broker("b", beatAgo: "1 s", startedAgo: "1 h", database)
            try await database.run("INSERT INTO heliograph.job_limit (kind, max_running) VALUES ('limited', 0)")
            try await Self.job(1, epoch: dead, database)
            try await Self.job(2, epoch: dead, attempt: 3, database)
            try await Self.job(3, epoch: dead, cancel: true, database)
            try await Self.job(4, epoch: alive, database)
            try await Self.job(5, epoch: 999_999, database)
            try await Self.job(6, epoch: dead, kind: "limited", database)
            var nowNs: Int64 = 1_000_000_000
            let task = RescueTask(silenceMs: 4_000, graceMs: 2_000, monotonicNs: { nowNs })
            // What it has watched counts, not what a wall clock says; after a look that came too late it watches anew.
            for step in [0, 900, 900, 1_500, 900, 900, 900, 900] as [Int64] {
                nowNs += step * 1_000_000
                try await database.run("UPDATE heliograph.broker SET beat_at = clock_timestamp() WHERE epoch = \(alive)")
                try await task.run(database.turn)
            }
            #expect(database.counters.rescued == 1)
            nowNs += 900_000_000
            try await database.run("UPDATE heliograph.broker SET beat_at = clock_timestamp() WHERE epoch = \(alive)")
            try await task.run(database.turn)
            let left = try await database.run("SELECT id, state::text FROM heliograph.job ORDER BY id").map { row in
                "\(try row.next(Int.self)) \(try row.next(String.self))"
            }
            #expect(left == ["1 available", "4 running", "5 available", "6 available"])
            let gone = try await database.run("SELECT id, state::text, errors -> -1 ->> 'error' FROM heliograph.job_history ORDER BY id").map { row in
                "\(try row.next(Int.self)) \(try row.next(String.self)): \(try row.next(String.self))"
            }
            #expect(gone == ["2 discarded: the worker was lost in the last attempt", "3 cancelled: cancelled while it ran"])
            #expect(database.counters.rescued == 5)
            #expect(try await database.int("SELECT count(*) FROM heliograph.broker") == 1)
            try await task.run(database.turn)
            #expect(database.counters.rescued == 5)
        }
    }

    @Test func aBrokerThatIsBackHasTheGraceToHearFromItsWorkers() async throws {
        try await withDatabase { database, loop in
            let before = try await Self.broker("a", beatAgo: "1 s", startedAgo: "1 h", database)
            let now = try await Self.broker("a", beatAgo: "0 s", startedAgo: "1 s", database)
            try await Self.job(1, epoch: before, database)
            try await Self.task().run(database.turn)
            #expect(database.counters.rescued == 0)
            try await database.run("UPDATE heliograph.broker SET started_at = now() - interval '3 s' WHERE epoch = \(now)")
            try await Self.task().run(database.turn)
            #expect(database.counters.rescued == 1)
        }
    }

    @Test func twoRescuersAtOnceOfferEachRunOnce() async throws {
        try await withDatabase { database, loop in
            for id in 1...300 { try await Self.job(id, epoch: 77, database) }
            var ended = 0
            for _ in 0..<3 {
                loop.spawn {
                    do { try await Self.task().run(database.turn) } catch { Issue.record(error) }
                    ended += 1
                }
            }
            try await eventually("all have ended", on: loop) { ended == 3 }
            try await Self.task().run(database.turn)
            #expect(database.counters.rescued == 300)
            #expect(try await database.int("SELECT count(*) FROM heliograph.job WHERE state = 'available' AND attempt = 1") == 300)
        }
    }

    @Test func aBlockedJobWhoseKeyNobodyHoldsIsFreedAndTold() async throws {
        try await withDatabase { database, loop in
            try await database.run("SELECT heliograph.enqueue('k', ordering_key => 'x') FROM generate_series(1, 3)")
            // Its end was not heard by anybody.
            try await database.run("DELETE FROM heliograph.job WHERE NOT blocked")
            var told = 0
            var isListening = false
            let listener = PostgresListener(database.config, channels: ["heliograph_job"], on: loop) {
                isListening = true
            } onNotify: { _, _ in
                told += 1
            }
            try await eventually("the listener listens", on: loop) { isListening }
            try await UnblockTask().run(database.turn)
            #expect(database.counters.unblocked == 1)
            #expect(try await database.int("SELECT count(*) FROM heliograph.job WHERE NOT blocked") == 1)
            try await eventually("brokers are told", on: loop) { told == 1 }
            try await UnblockTask().run(database.turn)
            #expect(database.counters.unblocked == 1)
            listener.close()
        }
    }
}
