import Postgres
import Reactor
import TestSupport
import Testing

@testable import Workers

@Suite(.timeLimit(.minutes(2))) struct RetentionTests {
    @Test func daysOfTheJournalAreDroppedAfterTheirTimeAndMadeAhead() async throws {
        try await withLogbook { world, loop in
            for days in [9, 10, 11] {
                try await world.run(
                    """
                    DO $$
                    DECLARE day date := (now() AT TIME ZONE 'UTC')::date - \(days);
                    BEGIN
                        EXECUTE format('CREATE TABLE heliograph.%I PARTITION OF heliograph.vehicle_journal FOR VALUES FROM (%L) TO (%L)',
                            'vehicle_journal_' || to_char(day, 'YYYYMMDD'), day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
                    END $$
                    """)
            }
            // 9 to 11 days ago in their partitions, 12 and 5 days ago in the one for what has none.
            try await world.run(
                """
                INSERT INTO heliograph.vehicle_journal (car, at, number, kind, body, is_deflated)
                SELECT 1, now() - make_interval(days => d), d, 7, '\\x01', false FROM unnest(ARRAY[5, 9, 10, 11, 12]) AS d
                """)
            let counters = UpkeepCounters()
            let turn = UpkeepTurn(pool: world.pool, counters: counters) { true }
            try await VehicleJournalTask(keepDays: 10).run(turn)
            #expect(try await world.texts("SELECT number::text AS n FROM heliograph.vehicle_journal ORDER BY number") == ["5", "9", "10"])
            #expect(counters.daysDropped == 1)
            try await world.run(
                "DO $$ BEGIN EXECUTE 'DROP TABLE heliograph.vehicle_journal_' || to_char((now() AT TIME ZONE 'UTC')::date + 7, 'YYYYMMDD'); END $$")
            try await PartitionTask().run(turn)
            #expect(counters.partitionsMade == 1)
        }
    }
}
