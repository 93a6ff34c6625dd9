import Postgres
import Reactor
import Testing
import Workers

@Suite(.timeLimit(.minutes(2))) struct RetentionTests {
    /// Days with one finished job each, so and so many days ago.
    private static func makeDays(_ part: String, state: String, ago: [Int], _ database: Database) async throws {
        for days in ago {
            try await database.run(
                """
                DO $$
                DECLARE day date := (now() AT TIME ZONE 'UTC')::date - \(days);
                BEGIN
                    EXECUTE format('CREATE TABLE IF NOT EXISTS heliograph.%I PARTITION OF heliograph.\(part) FOR VALUES FROM (%L) TO (%L)',
                        '\(part)_' || to_char(day, 'YYYYMMDD'), day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
                    INSERT INTO heliograph.job_history
                        (id, kind, queue, state, priority, attempt, max_attempts, timeout_ms, created_at, finished_at, tags, args)
                    VALUES (\(days), 'k', 'q', '\(state)', 5, 1, 25, 0, now(), (day + time '12:00') AT TIME ZONE 'UTC', '{}', '{}');
                END $$
                """)
        }
    }

    private static func ages(_ state: String, _ database: Database) async throws -> [Int] {
        try await database.run("SELECT id FROM heliograph.job_history WHERE state = '\(state)' ORDER BY id").map { row in try row.next(Int.self) }
    }

    @Test func daysAreDroppedWhenAllOfThemIsOldEnoughEachEndAfterItsOwnTime() async throws {
        try await withDatabase { database, loop in
            try await Self.makeDays("job_completed", state: "completed", ago: [0, 1, 6, 7, 8, 9, 40], database)
            try await Self.makeDays("job_failed", state: "discarded", ago: [0, 7, 9, 29, 30, 31, 90], database)
            try await RetentionTask(keepCompletedDays: 7, keepFailedDays: 30).run(database.turn)
            // The day seven days ago has hours that are younger than that.
            #expect(try await Self.ages("completed", database) == [0, 1, 6, 7])
            #expect(try await Self.ages("discarded", database) == [0, 7, 9, 29, 30])
            #expect(database.counters.daysDropped == 5)
        }
    }

    @Test func aReaderHoldsTheDaysUpUntilTheNextTime() async throws {
        try await withDatabase { database, loop in
            try await Self.makeDays("job_completed", state: "completed", ago: [20, 21], database)
            let task = RetentionTask(keepCompletedDays: 7, keepFailedDays: 30)
            try await database.pool.transaction { reader in
                _ = try await reader.query("SELECT count(*) FROM heliograph.job_history")
                let began = Clock.monotonicNs
                try await task.run(database.turn)
                // Whoever completes a job waits behind it for so long.
                #expect(Clock.monotonicNs - began < 1_000_000_000)
            }
            #expect(database.counters.daysDropped == 0)
            try await task.run(database.turn)
            #expect(database.counters.daysDropped == 2)
        }
    }

    @Test func slotsOfLongAgoAreForgottenInPieces() async throws {
        try await withDatabase { database, loop in
            try await database.run(
                """
                INSERT INTO heliograph.job_slot
                SELECT 's' || s, now() - interval '35 days' + n * interval '1 min', 1 FROM generate_series(1, 3) AS s, generate_series(-4000, 100) AS n
                WHERE n <> 0
                """)
            try await RetentionTask(keepCompletedDays: 7, keepFailedDays: 30).run(database.turn)
            #expect(try await database.int("SELECT count(*) FROM heliograph.job_slot") == 300)
        }
    }

    @Test func partitionsAreMadeAheadOnceAndADayThatCameTooLateStopsNoOther() async throws {
        try await withDatabase { database, loop in
            let late = "(now() AT TIME ZONE 'UTC')::date + 3"
            for part in ["job_completed", "job_failed"] {
                try await database.run("DO $$ BEGIN EXECUTE format('DROP TABLE heliograph.%I', '\(part)_' || to_char(\(late), 'YYYYMMDD')); END $$")
                try await database.run("DO $$ BEGIN EXECUTE format('DROP TABLE heliograph.%I', '\(part)_' || to_char(\(late) + 2, 'YYYYMMDD')); END $$")
            }
            try await database.run(
                """
                INSERT INTO heliograph.job_history (id, kind, queue, state, priority, attempt, max_attempts, timeout_ms, created_at, finished_at, tags, args)
                VALUES (1, 'k', 'q', 'completed', 5, 1, 25, 0, now(), (\(late) + time '12:00') AT TIME ZONE 'UTC', '{}', '{}')
                """)
            try await database.run("DO $$ BEGIN EXECUTE 'DROP TABLE public.time_i_data_' || to_char(now() + interval '2 months', 'YYYYMM'); END $$")
            try await PartitionTask().run(database.turn)
            // Two days of failed jobs, one of completed ones, a month of readings.
            #expect(database.counters.partitionsMade == 4)
            try await PartitionTask().run(database.turn)
            #expect(database.counters.partitionsMade == 4)
        }
    }
}
