import Postgres
import Reactor

/// Drops the days of the history that nobody keeps any longer, and forgets the slots of long ago.
package final class RetentionTask: UpkeepTask {
    package let name = "retention"
    package let intervalNs: Int64 = 600_000_000_000
    private let keepCompletedDays: Int
    private let keepFailedDays: Int

    /// Longer than the longest window of a schedule, 31 days, so that no slot is forgotten that could still be asked for.
    static let slotDays: Int64 = 35
    /// Slots forgotten in one statement.
    static let slotChunk: Int64 = 5_000
    /// Days dropped in one run: more than any retention leaves behind at once.
    private static let mostDays = 1_000

    private static let dropDay = Statement("SELECT heliograph.drop_history(make_interval(days => $1::integer), make_interval(days => $2::integer))")

    /// Goes from schedule to schedule by the primary key: the table has no other index, and needs none for this.
    private static let forgetSlots = Statement(
        """
        WITH RECURSIVE names AS (
            (SELECT schedule FROM heliograph.job_slot ORDER BY schedule LIMIT 1)
            UNION ALL
            SELECT (SELECT s.schedule FROM heliograph.job_slot AS s WHERE s.schedule > n.schedule ORDER BY s.schedule LIMIT 1)
            FROM names AS n WHERE n.schedule IS NOT NULL
        ), old AS MATERIALIZED (
            SELECT o.schedule, o.slot FROM names AS n, LATERAL (
                SELECT s.schedule, s.slot FROM heliograph.job_slot AS s
                WHERE s.schedule = n.schedule AND s.slot < now() - make_interval(days => $1::integer) ORDER BY s.slot LIMIT $2
            ) AS o LIMIT $2
        )
        DELETE FROM heliograph.job_slot AS s USING old WHERE s.schedule = old.schedule AND s.slot = old.slot
        """)

    package init(keepCompletedDays: Int, keepFailedDays: Int) {
        self.keepCompletedDays = keepCompletedDays
        self.keepFailedDays = keepFailedDays
    }

    package func run(_ turn: UpkeepTurn) async throws {
        // A call drops one day: its locks, which completions wait for, are held for that moment only.
        for _ in 0..<Self.mostDays where turn.mayWork() {
            let rows = try await turn.pool.query(Self.dropDay, Parameters(Int64(keepCompletedDays), Int64(keepFailedDays)))
            guard rows.count > 0 else { break }
            turn.counters.daysDropped += rows.count
            Log.info("history dropped", ["table": try rows.string(0, 0)])
        }
        while turn.mayWork() {
            let forgotten = try await turn.pool.query(Self.forgetSlots, Parameters(Self.slotDays, Self.slotChunk)).affected
            if forgotten < Self.slotChunk { break }
        }
    }
}
