import Postgres
import Reactor

/// Drops the days of the vehicles' journal that nobody keeps any longer.
package final class VehicleJournalTask: UpkeepTask {
    package let name = "vehicle journal"
    package let intervalNs: Int64 = 3_600_000_000_000
    private let keepDays: Int

    private static let drop = Statement("SELECT heliograph.drop_vehicle_journal($1::integer)")

    package init(keepDays: Int) { self.keepDays = keepDays }

    package func run(_ turn: UpkeepTurn) async throws {
        let dropped = try await turn.pool.query(Self.drop, Parameters(Int64(keepDays))).int(0, 0)
        guard dropped > 0 else { return }
        turn.counters.daysDropped += dropped
        Log.info("days of the vehicles' journal dropped", ["days": String(dropped)])
    }
}
