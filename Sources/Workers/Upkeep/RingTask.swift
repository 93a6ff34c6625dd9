import Postgres
import Reactor

/// Keeps the job table small by turning its ring: new jobs go to an empty slot when theirs is full, and a slot whose jobs have gone is emptied as
/// a whole. Jobs that stay are taken out of the ring only when they keep it from turning.
package final class RingTask: UpkeepTask {
    package let name = "ring"
    package private(set) var intervalNs: Int64 = RingTask.usualNs

    /// A slot is full with this many bytes of rows.
    package static let fullBytes: Int64 = 32 << 20
    /// The most jobs that are taken out of a slot.
    package static let mostMoved: Int64 = 10_000
    private static let usualNs: Int64 = 1_000_000_000
    /// The longest wait after readers were in the way: every try holds the queue up for as long as it waits.
    private static let mostNs: Int64 = 32_000_000_000

    private static let empty = Statement("SELECT heliograph.empty_slot()::bigint")
    private static let turn = Statement("SELECT heliograph.turn_ring($1)::bigint")
    private static let clear = Statement("SELECT heliograph.clear_slot($1::integer)")

    private let fullBytes: Int64

    package init(fullBytes: Int64 = RingTask.fullBytes) { self.fullBytes = fullBytes }

    package func run(_ turn: UpkeepTurn) async throws {
        let waitedNs = intervalNs
        intervalNs = Self.usualNs
        do throws(PostgresError) {
            if let slot = try await turn.pool.query(Self.empty).int64IfPresent(0, 0) {
                turn.counters.slotsEmptied += 1
                Log.debug("slot of the job table emptied", ["slot": String(slot)])
            }
        } catch {
            guard error.isContended else { throw error }
            Log.info("slot of the job table not emptied: somebody reads it", ["error": error.message])
            intervalNs = min(2 * waitedNs, Self.mostNs)
        }
        guard turn.mayWork(), try await turn.pool.query(Self.turn, Parameters(fullBytes)).int64IfPresent(0, 0) == 0, turn.mayWork() else { return }
        let moved = try await turn.pool.query(Self.clear, Parameters(Self.mostMoved)).int(0, 0)
        if moved > 0 { Log.info("jobs that stay taken out of the ring", ["jobs": String(moved)]) }
    }
}
