import Postgres
import Reactor
import TestSupport
import Testing
import Workers

@Suite(.timeLimit(.minutes(2))) struct StatisticsTests {
    private static let finish = Statement(
        """
        INSERT INTO heliograph.job_history (id, kind, queue, state, priority, attempt, max_attempts, timeout_ms, created_at, attempted_at, tags, args)
        VALUES ($1, 'k', 'q', 'completed', 5, 1, 25, 0, now(), now(), '{}', '{}')
        """)

    /// Counts until there are so many in all, and then once more. Transactions of other databases of the server are waited for too.
    private static func count(_ n: Int, _ database: Database, on loop: isolated EventLoop) async throws {
        let task = StatisticsTask()
        try await eventually("\(n) counted", on: loop) {
            try await task.run(database.turn)
            return database.counters.counted >= n
        }
        try await task.run(database.turn)
        #expect(database.counters.counted == n)
    }

    @Test func aTransactionThatBeganEarlierAndCommitsLaterIsCountedOnce() async throws {
        try await withDatabase { database, loop in
            let task = StatisticsTask()
            try await task.run(database.turn)
            try await database.pool.transaction { late in
                _ = try await late.query(Self.finish, Parameters(1))
                for id in 2...5 { _ = try await database.pool.query(Self.finish, Parameters(Int64(id))) }
                try await task.run(database.turn)
                // The later ones wait for it: what is counted ends with the oldest transaction that is open.
                #expect(database.counters.counted == 0)
                _ = try await late.query(Self.finish, Parameters(6))
            }
            _ = try await database.pool.query(Self.finish, Parameters(7))
            try await Self.count(7, database, on: loop)
            #expect(try await database.int("SELECT sum(jobs)::bigint FROM heliograph.job_stat") == 7)
        }
    }

    @Test func countingWhileJobsFinishCountsEachOnce() async throws {
        try await withDatabase { database, loop in
            let task = StatisticsTask()
            var ended = 0
            for writer in 0..<3 {
                loop.spawn {
                    do {
                        for n in 0..<60 {
                            try await database.pool.transaction { transaction in
                                _ = try await transaction.query(Self.finish, Parameters(Int64(writer * 1_000 + n)))
                                // Commits overtake one another.
                                if n % 3 == writer { _ = try await transaction.query("SELECT pg_sleep(0.003)") }
                            }
                        }
                    } catch { Issue.record(error) }
                    ended += 1
                }
            }
            while ended < 3 { try await task.run(database.turn) }
            try await Self.count(180, database, on: loop)
            #expect(try await database.int("SELECT sum(jobs)::bigint FROM heliograph.job_stat") == 180)
        }
    }

    @Test func sumsAreKeptByHourKindQueueAndState() async throws {
        try await withDatabase { database, loop in
            try await database.finish(1...3, kind: "a")
            try await database.finish(4...4, kind: "b", state: "completed")
            try await Self.count(4, database, on: loop)
            try await database.finish(5...6, kind: "a")
            try await Self.count(6, database, on: loop)
            let rows = try await database.run(
                "SELECT kind || ' ' || state || ' ' || jobs || ' ' || attempts || ' ' || wait_ms || ' ' || run_ms FROM heliograph.job_stat ORDER BY kind, hour"
            ).map { row in try row.next(String.self) }
            // The hour may change between the two.
            #expect(rows.contains("b completed 1 2 1000 1000"))
            if rows.count == 2 { #expect(rows[0] == "a discarded 5 10 5000 5000") }
        }
    }

    @Test func inAServerWhoseTransactionsHaveSmallerNumbersItBeginsAnew() async throws {
        try await withDatabase { database, loop in
            try await database.run("UPDATE heliograph.job_stat_mark SET xid = 4000000000000")
            try await StatisticsTask().run(database.turn)
            _ = try await database.pool.query(Self.finish, Parameters(1))
            try await Self.count(1, database, on: loop)
        }
    }
}
