import Postgres

/// Adds what has finished to the statistics.
package final class StatisticsTask: UpkeepTask {
    package let name = "statistics"
    package let intervalNs: Int64 = 5_000_000_000

    private static let count = Statement("SELECT heliograph.count_finished()")

    package init() {}

    package func run(_ turn: UpkeepTurn) async throws {
        turn.counters.counted += try await turn.pool.query(Self.count).int(0, 0)
    }
}
