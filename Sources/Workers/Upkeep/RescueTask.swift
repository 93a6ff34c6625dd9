import Postgres
import Reactor

/// Offers the runs of dead brokers again.
package final class RescueTask: UpkeepTask {
    package let name = "rescue"
    package let intervalNs: Int64 = 300_000_000
    private let silenceMs: Int64
    private let graceMs: Int64

    private static let rescue = Statement("SELECT heliograph.rescue($1, $2)")

    package init(silenceMs: Int64, graceMs: Int64) {
        self.silenceMs = silenceMs
        self.graceMs = graceMs
    }

    package func run(_ turn: UpkeepTurn) async throws {
        let jobs = try await turn.pool.query(Self.rescue, Parameters(silenceMs, graceMs)).int(0, 0)
        guard jobs > 0 else { return }
        turn.counters.rescued += jobs
        Log.info("jobs of dead brokers offered again", ["jobs": String(jobs)])
    }
}
