package import Bytes
import Postgres
import Protocol
import Reactor

/// Enqueues the slots of periodic jobs that are due, by the database's clock. A slot's row is committed with its job, so it runs once
/// whoever drives.
package final class ScheduleTask: UpkeepTask {
    package let name = "schedules"
    package let intervalNs: Int64 = 1_000_000_000

    /// `decided_to` further ahead than this was written by a clock that was wrong, s: not waited for.
    private static let mostAheadS: Int64 = 3_600

    /// What a schedule's rule comes to, until its row changes.
    private struct Reading {
        var cron: String
        var zone: String
        var expression: CronExpression
        var rules: TimeZoneRules
        var decidedTo: Timestamp
        /// Nothing is due before.
        var next: Timestamp?
    }

    private struct Row {
        var name: String
        var cron: String
        var zone: String
        var catchUp: String
        var windowS: Int64
        var decidedTo: Timestamp
        var error: String?
        var now: Timestamp
    }

    private var zones: ZoneFiles
    private var readings: [String: Reading] = [:]
    /// Moved by tests; nil: the database's clock.
    package var clock: Timestamp?

    private static let all = Statement(
        """
        SELECT name, cron, zone, catch_up, window_s::bigint, decided_to, error, clock_timestamp() FROM heliograph.job_schedule WHERE NOT paused ORDER BY name
        """)
    private static let runSlots = Statement("SELECT heliograph.run_slots($1, $2, $3)")
    private static let setError = Statement(
        "UPDATE heliograph.job_schedule SET error = $2 WHERE name = $1 AND cron = $3 AND zone = $4 AND error IS DISTINCT FROM $2")
    private static let goBack = Statement("UPDATE heliograph.job_schedule SET decided_to = $2 WHERE name = $1 AND decided_to = $3")

    package init(zones: ZoneFiles = ZoneFiles()) { self.zones = zones }

    package func run(_ turn: UpkeepTurn) async throws {
        let rows = try await turn.pool.query(Self.all, retryOnLoss: true).map { row in
            Row(
                name: try row.next(), cron: try row.next(), zone: try row.next(), catchUp: try row.next(), windowS: try row.next(),
                decidedTo: try row.next(), error: try row.next(), now: try row.next())
        }
        if readings.count > rows.count {
            let names = Set(rows.map(\.name))
            readings = readings.filter { names.contains($0.key) }
        }
        var failure: PostgresError?
        for row in rows {
            guard turn.mayWork() else { return }
            do throws(PostgresError) {
                try await run(row, now: clock ?? row.now, turn)
            } catch {
                guard error.kind == .server else { throw error }
                // One that another transaction holds up does not stop the others.
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    private func run(_ row: Row, now: Timestamp, _ turn: UpkeepTurn) async throws(PostgresError) {
        if row.decidedTo > now.adding(seconds: Self.mostAheadS) {
            Log.warning("schedule decided further than the clock says; it goes on from now", ["schedule": row.name])
            try await turn.pool.query(Self.goBack, Parameters(row.name, now, row.decidedTo))
            return
        }
        let due: SlotPlan?
        do {
            due = try plan(row, now: now)
        } catch {
            return try await fail(row, "\(error)", turn)
        }
        guard let plan = due, !plan.slots.isEmpty else { return }
        if plan.isCut { Log.warning("schedule has too many missed slots; the oldest are left out", ["schedule": row.name]) }
        do throws(PostgresError) {
            turn.counters.slots += try await turn.pool.query(Self.runSlots, Parameters(row.name, plan.slots, now)).count
        } catch {
            guard error.isLasting else { throw error }
            try await fail(row, error.message, turn)
        }
    }

    private func plan(_ row: Row, now: Timestamp) throws -> SlotPlan? {
        var reading: Reading
        if let known = readings[row.name], known.cron == row.cron, known.zone == row.zone {
            reading = known
        } else {
            reading = Reading(
                cron: row.cron, zone: row.zone, expression: try CronExpression(row.cron), rules: try zones.rules(named: row.zone),
                decidedTo: row.decidedTo)
        }
        if reading.next == nil || reading.decidedTo != row.decidedTo {
            reading.decidedTo = row.decidedTo
            reading.next = reading.expression.next(after: row.decidedTo, in: reading.rules)
        }
        readings[row.name] = reading
        guard let next = reading.next, next <= now else { return nil }
        let catchUp: CatchUp =
            switch row.catchUp {
            case "none": .none
            case "all": .all(seconds: row.windowS)
            default: .last
            }
        return reading.expression.dueSlots(after: row.decidedTo, upTo: now, in: reading.rules, catchUp: catchUp)
    }

    /// Kept with the schedule, for those who wonder why it does not run; taken away by the next slot that does.
    private func fail(_ row: Row, _ error: String, _ turn: UpkeepTurn) async throws(PostgresError) {
        readings[row.name] = nil
        guard row.error != error else { return }
        Log.error("schedule cannot run", ["schedule": row.name, "error": error])
        try await turn.pool.query(Self.setError, Parameters(row.name, error, row.cron, row.zone))
    }
}
