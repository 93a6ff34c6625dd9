import Postgres
import Reactor

/// Drives the running replays, each at its own rate, in turns. Where a step ends is committed with it, so whoever drives next goes on
/// from there.
package final class ReplayTask: UpkeepTask {
    package let name = "replays"
    package var intervalNs: Int64 { paces.isEmpty ? Self.idleNs : Self.busyNs }

    /// Between two looks for replays, ns: while there is none, and while some wait for their rate.
    private static let idleNs: Int64 = 200_000_000
    private static let busyNs: Int64 = 25_000_000
    /// How long steps are made before it is looked again which replays run, ns.
    private static let sliceNs: Int64 = 200_000_000
    /// Wait after a step that failed in a way that may pass, ns.
    private static let retryNs: Int64 = 1_000_000_000

    private var paces: [Int64: ReplayPace] = [:]

    private static let running = Statement("SELECT id, per_second, dry_run FROM heliograph.replay WHERE state = 'running' ORDER BY id")
    private static let step = Statement("SELECT made, goes_on FROM heliograph.replay_step($1, $2::integer)")
    private static let fail = Statement(
        "UPDATE heliograph.replay SET state = 'failed', error = $2, finished_at = now() WHERE id = $1 AND state = 'running'")

    package init() {}

    package func run(_ turn: UpkeepTurn) async throws {
        var left = try await turn.pool.query(Self.running, retryOnLoss: true).map { row in
            (id: try row.next(Int64.self), perSecond: try row.next(Double.self), isDry: try row.next(Bool.self))
        }
        let beginNs = Clock.monotonicNs
        var paces: [Int64: ReplayPace] = [:]
        for replay in left {
            paces[replay.id] = self.paces[replay.id] ?? ReplayPace(perSecond: replay.perSecond, nowNs: beginNs)
            paces[replay.id]?.perSecond = replay.perSecond
        }
        self.paces = paces
        // Whole rounds, so that a replay with slow steps takes no other's turn.
        while !left.isEmpty, Clock.monotonicNs - beginNs < Self.sliceNs {
            var hasMade = false
            for replay in left {
                guard turn.mayWork() else { return }
                let most = replay.isDry ? ReplayPace.maxStep : self.paces[replay.id]?.allowance(nowNs: Clock.monotonicNs) ?? 0
                guard most > 0 else { continue }
                hasMade = true
                if try await !step(replay.id, most: most, turn) { left.removeAll { $0.id == replay.id } }
            }
            if !hasMade { return }
        }
    }

    /// Returns whether another step may follow at once.
    private func step(_ id: Int64, most: Int, _ turn: UpkeepTurn) async throws(PostgresError) -> Bool {
        do throws(PostgresError) {
            let rows = try await turn.pool.query(Self.step, Parameters(id, Int64(most)))
            let made = try rows.int(0, 0)
            paces[id]?.spend(made)
            turn.counters.replayed += made
            return try rows.bool(0, 1)
        } catch {
            guard error.isLasting else {
                paces[id]?.pause(untilNs: Clock.monotonicNs + Self.retryNs)
                // The others can do no better without a server.
                if error.kind != .server { throw error }
                Log.warning("replay step failed; tried again", ["replay": String(id), "error": error.description])
                return false
            }
            try await turn.pool.query(Self.fail, Parameters(id, error.message), retryOnLoss: true)
            Log.error("replay failed", ["replay": String(id), "error": error.description])
            return false
        }
    }
}
