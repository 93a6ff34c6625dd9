import Bytes
import Glibc
import Postgres
import Reactor

/// A car taken from the pollers for as long as its rows are derived again. They see it as another poller's.
final class RebuildLease {
    let car: Int64
    private(set) var epoch: Int64 = 0
    private let id = "rebuild:\(getpid()):\(String(UInt64.random(in: .min ... .max), radix: 36))"
    private let pool: PostgresPool
    private var isHeld = false

    /// A poller that was not seen for so long is dead.
    private static let silenceSeconds = 10.0
    private static let beatNs: Int64 = 1_000_000_000

    init(_ car: Int64, _ pool: PostgresPool) {
        self.car = car
        self.pool = pool
    }

    /// - Parameter byForce: also from a poller that lives; what it still writes is refused.
    func take(byForce: Bool, on loop: isolated EventLoop) async throws {
        _ = try await pool.query(Self.beat, Parameters(id))
        let rows = try await pool.query(Self.take, Parameters(car, id, byForce ? 0 : Self.silenceSeconds))
        guard rows.count == 1 else {
            let holder = try await pool.query(Self.holder, Parameters(car))
            try await forget()
            guard holder.count == 1, let name = try holder.stringIfPresent(0, 0) else { throw RebuildFault.noCar(car) }
            throw RebuildFault.held(by: name, seconds: Int(try holder.doubleIfPresent(0, 1) ?? 0))
        }
        epoch = try rows.int64(0, 0)
        isHeld = true
        loop.spawn { await self.keepBeating(on: loop) }
    }

    private func keepBeating(on loop: isolated EventLoop) async {
        while isHeld {
            do {
                _ = try await pool.query(Self.beat, Parameters(id))
            } catch {
                Log.warning("rebuild: not told that the car is still held", ["car": String(car), "error": String(describing: error)])
            }
            await loop.sleep(ns: Self.beatNs)
        }
    }

    /// Locks the car in the transaction; throws where it is not ours any more.
    func confirm(_ transaction: PostgresTransaction) async throws -> CarMemory.Locked {
        guard let row = try await CarMemory.lock([car], transaction)[car], row.epoch == epoch, row.holder == id else { throw RebuildFault.leaseLost }
        return row
    }

    func release() async throws {
        isHeld = false
        _ = try await pool.query(Self.giveUp, Parameters(car, id), retryOnLoss: true)
        try await forget()
    }

    private func forget() async throws { _ = try await pool.query(Self.leave, Parameters(id), retryOnLoss: true) }

    private static let beat: Statement = """
        INSERT INTO heliograph.poller (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET seen_at = now()
        """
    private static let take: Statement = """
        UPDATE heliograph.car_memory AS m SET poller = $2, epoch = m.epoch + 1
        WHERE m.car = $1 AND NOT EXISTS (
            SELECT FROM heliograph.poller AS p WHERE p.id = m.poller AND p.seen_at > now() - make_interval(secs => $3))
        RETURNING m.epoch
        """
    private static let holder: Statement = """
        SELECT m.poller, extract(epoch FROM now() - p.seen_at)::double precision
        FROM heliograph.car_memory AS m LEFT JOIN heliograph.poller AS p ON p.id = m.poller WHERE m.car = $1
        """
    private static let giveUp: Statement = "UPDATE heliograph.car_memory SET poller = NULL WHERE car = $1 AND poller = $2"
    private static let leave: Statement = "DELETE FROM heliograph.poller WHERE id = $1"
}
