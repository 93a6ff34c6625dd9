package import Postgres
import Reactor

/// The right to do the upkeep for the fleet: a row with a term, renewed by its holder.
///
/// The holder trusts it for less than its term, counted by its own monotonic clock from before it asked: a process that was stopped
/// in between finds that out before it begins anything.
package final class UpkeepLease {
    package let name: String
    /// Every life of every process is another holder.
    package let holder: String
    package let termMs: Int64
    private let pool: PostgresPool
    /// Monotonic time at which the lease that is held was asked for.
    private var confirmedNs: Int64?

    private static let take = Statement("SELECT heliograph.take_lease($1, $2, $3)")
    private static let giveUp = Statement("DELETE FROM heliograph.lease WHERE name = $1 AND holder = $2")

    /// `pool` should have one connection: then a renewal and the release behind it keep their order.
    package init(_ name: String, termMs: Int64, pool: PostgresPool) {
        self.name = name
        self.termMs = termMs
        self.pool = pool
        holder = ProcessLife.newName()
    }

    /// Whether work may begin now.
    package var isHeld: Bool {
        guard let confirmedNs else { return false }
        return Clock.monotonicNs - confirmedNs < termMs * 1_000_000
    }

    /// Takes or renews the lease; false when another has it.
    package func renew() async throws(PostgresError) -> Bool {
        let askedNs = Clock.monotonicNs
        let isMine = try await pool.query(Self.take, Parameters(name, holder, termMs)).bool(0, 0)
        confirmedNs = isMine ? askedNs : nil
        return isMine
    }

    /// Gives the lease up, so that another need not wait for its end.
    package func release() async throws(PostgresError) {
        confirmedNs = nil
        try await pool.query(Self.giveUp, Parameters(name, holder), retryOnLoss: true)
    }
}
