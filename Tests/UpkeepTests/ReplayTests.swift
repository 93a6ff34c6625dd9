import Postgres
import Reactor
import TestSupport
import Testing
import Workers

@Suite(.timeLimit(.minutes(2))) struct ReplayTests {
    private static func start(kind: String = "mail.send", rate: Double = 20_000, isDry: Bool = false, _ database: Database) async throws -> Int {
        try await database.int("SELECT heliograph.start_replay('{\"kind\": \"\(kind)\"}', 'test', \(rate), \(isDry))")
    }

    private static func state(_ id: Int, _ database: Database) async throws -> String? {
        try await database.text("SELECT state FROM heliograph.replay WHERE id = \(id)")
    }

    private static func counts(_ id: Int, _ database: Database) async throws -> [Int] {
        let rows = try await database.run("SELECT found, enqueued, skipped FROM heliograph.replay WHERE id = \(id)")
        return try [rows.int(0, 0), rows.int(0, 1), rows.int(0, 2)]
    }

    private static func drive(_ task: ReplayTask, _ database: Database, on loop: isolated EventLoop, while goesOn: () async throws -> Bool) async throws {
        while try await goesOn() {
            try await task.run(database.turn)
            await loop.sleep(ns: 1_000_000)
        }
    }

    @Test func aReplayCutOffInTheMiddleIsFinishedByAnotherDriverWithEachJobOnce() async throws {
        try await withDatabase { database, loop in
            try await database.finish(1...3_000)
            try await database.finish(3_001...4_000, kind: "other")
            let id = try await Self.start(database)
            let first = ReplayTask()
            try await Self.drive(first, database, on: loop) { database.counters.replayed < 700 }
            database.mayWork = false
            try await first.run(database.turn)
            let cut = database.counters.replayed
            #expect(cut >= 700 && cut < 3_000)
            database.mayWork = true
            // Two at once: the lease has just changed hands.
            let second = ReplayTask()
            let third = ReplayTask()
            var ended = 0
            for task in [second, third] {
                loop.spawn {
                    do { try await Self.drive(task, database, on: loop) { try await Self.state(id, database) == "running" } } catch { Issue.record(error) }
                    ended += 1
                }
            }
            try await eventually("both have ended", on: loop) { ended == 2 }
            #expect(try await Self.state(id, database) == "completed")
            #expect(try await Self.counts(id, database) == [3_000, 3_000, 0])
            #expect(try await database.int("SELECT count(*) FROM heliograph.job") == 3_000)
            #expect(try await database.int("SELECT count(DISTINCT replay_of) FROM heliograph.job WHERE replay = \(id) AND kind = 'mail.send'") == 3_000)
        }
    }

    @Test func aLostConnectionLosesAndDoublesNothing() async throws {
        try await withDatabase { database, loop in
            try await database.finish(1...10_000)
            let id = try await Self.start(database)
            let task = ReplayTask()
            var losses = 0
            try await Self.drive(task, database, on: loop) {
                // The session ends while it is at a step, or just before or after.
                let pool = PostgresPool(database.config, size: 1, name: "doomed", on: loop)
                let pid = try await pool.query("SELECT pg_backend_pid()").int(0, 0)
                var killer: Task<Void, Never>?
                let turn = UpkeepTurn(pool: pool, counters: database.counters) {
                    killer = loop.spawn {
                        do { try await database.run("SELECT pg_terminate_backend(\(pid), 5000)") } catch { Issue.record(error) }
                    }
                    return true
                }
                do { try await task.run(turn) } catch { losses += 1 }
                await killer?.value
                await pool.close(on: loop)
                if losses == 3 { return false }
                return try await Self.state(id, database) == "running"
            }
            #expect(losses > 0)
            try await Self.drive(task, database, on: loop) { try await Self.state(id, database) == "running" }
            #expect(try await Self.counts(id, database) == [10_000, 10_000, 0])
            #expect(try await database.int("SELECT count(DISTINCT replay_of) FROM heliograph.job") == 10_000)
            #expect(try await database.int("SELECT count(*) FROM heliograph.job") == 10_000)
        }
    }

    @Test func aReplayKeepsItsRateAndTwoShareTheDriver() async throws {
        try await withDatabase { database, loop in
            try await database.finish(1...200)
            try await database.finish(201...300, kind: "slow")
            let task = ReplayTask()
            let began = Clock.monotonicNs
            let fast = try await Self.start(rate: 400, database)
            let slow = try await Self.start(kind: "slow", rate: 100, database)
            var fastEndedNs: Int64 = 0
            try await Self.drive(task, database, on: loop) {
                let made = try await Self.counts(fast, database)[1]
                let madeSlowly = try await Self.counts(slow, database)[1]
                let elapsedS = Double(Clock.monotonicNs - began) / 1e9
                #expect(Double(made) <= 400 * elapsedS)
                #expect(Double(madeSlowly) <= 100 * elapsedS)
                if made == 200, fastEndedNs == 0 { fastEndedNs = Clock.monotonicNs }
                return try await Self.state(slow, database) == "running"
            }
            #expect(try await Self.counts(slow, database)[1] == 100)
            #expect(try await Self.counts(fast, database)[1] == 200)
            let slowS = Double(Clock.monotonicNs - began) / 1e9
            #expect(slowS >= 1 && slowS < 5)
            #expect(fastEndedNs - began >= 500_000_000)
            // Seen while the slow one was still at it, however busy the machine is.
            #expect(fastEndedNs < Clock.monotonicNs)
        }
    }

    @Test func aDryRunCountsAndMakesNothing() async throws {
        try await withDatabase { database, loop in
            try await database.finish(1...1_200)
            let id = try await Self.start(rate: 1, isDry: true, database)
            try await Self.drive(ReplayTask(), database, on: loop) { try await Self.state(id, database) == "running" }
            #expect(try await Self.counts(id, database) == [1_200, 0, 0])
            #expect(try await database.int("SELECT count(*) FROM heliograph.job") == 0)
        }
    }

    @Test(arguments: ["paused", "cancelled"]) func pauseAndCancelAreHeededBetweenSteps(_ order: String) async throws {
        try await withDatabase { database, loop in
            try await database.finish(1...2_000)
            // At most a quarter of a second's worth is saved up: the first step is not the whole, however quick the machine.
            let id = try await Self.start(rate: 1_000, database)
            let task = ReplayTask()
            try await Self.drive(task, database, on: loop) { database.counters.replayed == 0 }
            try await database.run("UPDATE heliograph.replay SET state = '\(order)' WHERE id = \(id)")
            let made = try await Self.counts(id, database)[1]
            #expect(made > 0 && made < 2_000)
            for _ in 0..<5 { try await task.run(database.turn) }
            #expect(try await Self.counts(id, database)[1] == made)
            #expect(try await Self.state(id, database) == order)
            if order == "paused" {
                try await database.run("UPDATE heliograph.replay SET state = 'running' WHERE id = \(id)")
                try await Self.drive(task, database, on: loop) { try await Self.state(id, database) == "running" }
                #expect(try await Self.counts(id, database) == [2_000, 2_000, 0])
            }
        }
    }

    @Test func jobsWhoseUniqueKeyIsHeldAreSkippedAndCounted() async throws {
        try await withDatabase { database, loop in
            try await database.finish(1...5)
            try await database.finish(6...6, uniqueKey: "held")
            try await database.finish(7...9, uniqueKey: "free")
            try await database.run("SELECT heliograph.enqueue('mail.send', unique_key => 'held')")
            let id = try await Self.start(database)
            try await Self.drive(ReplayTask(), database, on: loop) { try await Self.state(id, database) == "running" }
            // Of the three with the same free key the first one holds it.
            #expect(try await Self.counts(id, database) == [9, 6, 3])
        }
    }

    @Test func anOrderingKeyIsKeptByReplayedJobs() async throws {
        try await withDatabase { database, loop in
            try await database.finish(1...20)
            try await database.run("UPDATE heliograph.job_history SET ordering_key = 'k' || id % 2")
            let id = try await Self.start(database)
            try await Self.drive(ReplayTask(), database, on: loop) { try await Self.state(id, database) == "running" }
            #expect(try await Self.counts(id, database) == [20, 20, 0])
            #expect(try await database.int("SELECT count(*) FROM heliograph.job WHERE NOT blocked") == 2)
            #expect(try await database.int("SELECT count(*) FROM heliograph.job WHERE NOT blocked AND replay_of <= 2") == 2)
        }
    }

    @Test func aFilterThatFailsEndsItsReplayAndNoOther() async throws {
        try await withDatabase { database, loop in
            try await database.finish(1...1_000)
            let bad = try await Self.start(database)
            let good = try await Self.start(database)
            try await database.run(#"UPDATE heliograph.replay SET filter = '{"since": "yesterdayish"}' WHERE id = \#(bad)"#)
            try await Self.drive(ReplayTask(), database, on: loop) { try await Self.state(good, database) == "running" }
            #expect(try await Self.state(bad, database) == "failed")
            let error = try await database.text("SELECT error FROM heliograph.replay WHERE id = \(bad)")
            #expect(error == "filter: since must be a time like 2026-01-31T08:00:00Z")
            #expect(try await Self.state(good, database) == "completed")
            #expect(try await Self.counts(good, database) == [1_000, 1_000, 0])
        }
    }

    @Test(arguments: [
        ("22023", true), ("42883", true), ("23514", true), ("P0001", true), ("54000", true),
        ("23505", false), ("40001", false), ("40P01", false), ("55P03", false), ("57014", false), ("53100", false), ("XX000", false),
    ]) func onlyWhatWouldFailForEverFailsAReplay(_ state: String, _ isLasting: Bool) {
        var error = PostgresError(.server, "x")
        error.sqlState = state
        #expect(error.isLasting == isLasting)
        #expect(!PostgresError(.connectionLost, "x").isLasting)
    }
}
