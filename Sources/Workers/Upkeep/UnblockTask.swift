import Postgres

/// Frees the next job of ordering keys that nobody freed: whoever was told that a key was free has died, or was not listening.
package final class UnblockTask: UpkeepTask {
    package let name = "unblock"
    package let intervalNs: Int64 = 5_000_000_000

    /// Freed and told in one transaction, or a kind could stay asleep.
    private static let unblock = Statement("SELECT kind, pg_notify('heliograph_job', '') FROM heliograph.unblock_forgotten() AS kind")

    package init() {}

    package func run(_ turn: UpkeepTurn) async throws {
        turn.counters.unblocked += try await turn.pool.query(Self.unblock).count
    }
}
