import Postgres
import Reactor

/// Makes the days of the history and of the vehicles' journal and the months of the readings, battery reports and positions ahead of time.
package final class PartitionTask: UpkeepTask {
    package let name = "partitions"
    package let intervalNs: Int64 = 3_600_000_000_000

    private static let history = Statement("SELECT heliograph.make_history_partitions(7)")
    private static let readings = Statement("SELECT heliograph.make_reading_partitions(2)")
    private static let reports = Statement("SELECT heliograph.make_battery_partitions(2)")
    private static let vehicles = Statement("SELECT heliograph.make_vehicle_partitions(2, 7)")

    package init() {}

    package func run(_ turn: UpkeepTurn) async throws {
        // Transactions of their own: the locks of one do not wait for those of the others.
        var made = try await turn.pool.query(Self.history).int(0, 0)
        made += try await turn.pool.query(Self.readings).int(0, 0)
        made += try await turn.pool.query(Self.reports).int(0, 0)
        made += try await turn.pool.query(Self.vehicles).int(0, 0)
        guard made > 0 else { return }
        turn.counters.partitionsMade += made
        Log.info("partitions made", ["partitions": String(made)])
    }
}
