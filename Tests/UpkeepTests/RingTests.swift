import Postgres
import Reactor
import Testing
import Workers

@Suite(.timeLimit(.minutes(2))) struct RingTests {
    /// A ring that is full with the first rows.
    private static func task() -> RingTask { RingTask(fullBytes: 8_192) }

    private static func enqueue(_ count: Int, _ database: Database) async throws {
        try await database.run("SELECT heliograph.enqueue('k') FROM generate_series(1, \(count))")
    }

    /// Starts and finishes what is available.
    private static func finish(_ most: Int, _ database: Database) async throws {
        try await database.run(
            """
            UPDATE heliograph.job SET state = 'running', attempt = 1
            WHERE id IN (SELECT id FROM heliograph.job WHERE state = 'available' ORDER BY id LIMIT \(most))
            """)
        try await database.run("SELECT heliograph.complete_job(id, attempt) FROM heliograph.job WHERE state = 'running'")
    }

    private static func slots(_ database: Database) async throws -> [Int] {
        try await database.run("SELECT slot::bigint FROM heliograph.job ORDER BY id").map { try $0.next(Int.self) }
    }

    private static func bytes(_ slot: Int, _ database: Database) async throws -> Int {
        try await database.int("SELECT pg_relation_size('heliograph.job_ring_\(slot)')")
    }

    @Test func whatWaitsLongerOrHasAKeyLiesBesideTheRing() async throws {
        try await withDatabase { database, _ in
            try await database.run(
                """
                SELECT heliograph.enqueue('k'), heliograph.enqueue('k', run_at => now() - interval '1 s'),
                    heliograph.enqueue('k', run_at => now() + interval '1 h'), heliograph.enqueue('k', unique_key => 'u'),
                    heliograph.enqueue('k', ordering_key => 'o')
                """)
            #expect(try await Self.slots(database) == [1, 1, 0, 0, 0])
            var refused: PostgresError?
            do {
                try await database.run("INSERT INTO heliograph.job (slot, kind, args, unique_key) VALUES (1, 'k', '{}', 'v')")
            } catch let error as PostgresError {
                refused = error
            }
            #expect(refused?.sqlState == "23514")
        }
    }

    @Test func aSlotWhoseJobsHaveGoneIsEmptiedThoughSomebodyHoldsAnOldSnapshot() async throws {
        try await withDatabase { database, _ in
            try await Self.enqueue(2_000, database)
            let task = Self.task()
            try await database.pool.transaction { transaction in
                try await transaction.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                try await transaction.query("SELECT count(*) FROM heliograph.broker")
                try await task.run(database.turn)
                try await Self.enqueue(10, database)
                try await task.run(database.turn)
                #expect(database.counters.slotsEmptied == 0)
                #expect(try await Self.slots(database).suffix(11) == [1] + Array(repeating: 2, count: 10))
                try await Self.finish(2_000, database)
                try await task.run(database.turn)
            }
            #expect(database.counters.slotsEmptied == 1)
            #expect(try await Self.bytes(1, database) == 0)
            #expect(try await Self.slots(database) == Array(repeating: 2, count: 10))
            #expect(try await database.int("SELECT count(*) FROM heliograph.job_completed") == 2_000)
        }
    }

    @Test func jobsThatStayLeaveTheRingOnlyWhenItCannotTurnAndGoOnFromThere() async throws {
        try await withDatabase { database, _ in
            let task = Self.task()
            for _ in 1...3 {
                try await Self.enqueue(3, database)
                try await task.run(database.turn)
            }
            try await Self.enqueue(3, database)
            // One runs, wherever it is taken.
            try await database.run("UPDATE heliograph.job SET state = 'running', attempt = 1 WHERE id = (SELECT min(id) FROM heliograph.job)")
            #expect(try await Self.slots(database) == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4])
            try await task.run(database.turn)
            #expect(try await Self.slots(database) == [0, 0, 0, 2, 2, 2, 3, 3, 3, 4, 4, 4])
            try await task.run(database.turn)
            #expect(database.counters.slotsEmptied == 1)
            #expect(try await database.int("SELECT slot::bigint FROM heliograph.job_ring") == 1)
            try await Self.finish(100, database)
            #expect(try await database.int("SELECT count(*) FROM heliograph.job_completed") == 12)
        }
    }

    @Test func aReaderHoldsASlotUpAndNothingElse() async throws {
        try await withDatabase { database, _ in
            let task = Self.task()
            try await Self.enqueue(3, database)
            try await task.run(database.turn)
            try await Self.finish(3, database)
            try await database.pool.transaction { transaction in
                try await transaction.query("SELECT count(*) FROM heliograph.job")
                try await task.run(database.turn)
                #expect(task.intervalNs > 1_000_000_000)
            }
            #expect(database.counters.slotsEmptied == 0)
            #expect(try await Self.bytes(1, database) > 0)
            try await task.run(database.turn)
            #expect(database.counters.slotsEmptied == 1)
            #expect(task.intervalNs == 1_000_000_000)
        }
    }

    @Test func aJobThatComesLateToASlotIsNotLost() async throws {
        try await withDatabase { database, _ in
            let task = Self.task()
            try await Self.enqueue(3, database)
            try await Self.finish(3, database)
            try await database.pool.transaction { transaction in
                try await transaction.query("SELECT heliograph.enqueue('late')")
                try await task.run(database.turn)
                // The ring has turned; the job is in the old slot and not committed.
                try await task.run(database.turn)
            }
            try await task.run(database.turn)
            #expect(try await database.int("SELECT slot::bigint FROM heliograph.job_ring") == 2)
            #expect(try await Self.slots(database) == [1])
            #expect(database.counters.slotsEmptied == 0)
        }
    }
}
