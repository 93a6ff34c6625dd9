import Postgres
import Reactor

/// Offers the runs of dead brokers again.
///
/// A broker is dead when its beat has not changed for as long as this process has watched it, by this process's monotonic clock: neither a wall
/// clock that jumps nor a database that was away makes brokers dead that could not say anything.
package final class RescueTask: UpkeepTask {
    package let name = "rescue"
    package let intervalNs: Int64 = 300_000_000
    private let silenceMs: Int64
    private let graceMs: Int64
    /// Each broker's beat, as text, and since when it is that one, ns.
    private var beats: [Int64: (beat: String, sinceNs: Int64)] = [:]
    private var lookedNs: Int64 = 0

    /// Looks further apart than this prove nothing about the time between them, ns.
    private static let longestGapNs: Int64 = 1_000_000_000
    private static let brokers = Statement("SELECT epoch, beat_at::text FROM heliograph.broker")
    private static let rescue = Statement("SELECT heliograph.rescue($1::bigint[], $2)")

    private let monotonicNs: () -> Int64

    package init(silenceMs: Int64, graceMs: Int64, monotonicNs: @escaping () -> Int64 = { Clock.monotonicNs }) {
        self.silenceMs = silenceMs
        self.graceMs = graceMs
        self.monotonicNs = monotonicNs
    }

    package func run(_ turn: UpkeepTurn) async throws {
        let rows = try await turn.pool.query(Self.brokers)
        let nowNs = monotonicNs()
        var seen: [Int64: (beat: String, sinceNs: Int64)] = [:]
        for row in 0..<rows.count {
            let (epoch, beat) = (try rows.int64(row, 0), try rows.string(row, 1))
            let before = nowNs - lookedNs <= Self.longestGapNs ? beats[epoch] : nil
            seen[epoch] = (beat, before?.beat == beat ? before?.sinceNs ?? nowNs : nowNs)
        }
        beats = seen
        lookedNs = nowNs
        let silent = seen.filter { nowNs - $0.value.sinceNs >= silenceMs * 1_000_000 }.map(\.key)
        let jobs = try await turn.pool.query(Self.rescue, Parameters(silent, graceMs)).int(0, 0)
        guard jobs > 0 else { return }
        turn.counters.rescued += jobs
        Log.info("jobs of dead brokers offered again", ["jobs": String(jobs)])
    }
}
