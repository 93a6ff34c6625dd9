import Bytes
import Glibc
import Postgres
import Reactor

/// Which cars this process asks: a beat a second says that it lives, and all live pollers share the cars by `Rendezvous`.
///
/// A car is taken with a new epoch when it is nobody's, or its poller's last beat is too old by the database's clock; it is given up when another is its
/// rightful poller. Beats are trusted for less than that by the poller's own monotonic clock: one that was stopped does nothing when it wakes up, and
/// what it would still write is refused for its epoch.
final class CarLeases {
    /// Of this life of this process: `host:process:random`.
    let id: String
    private let pool: PostgresPool
    private let options: VehicleOptions
    private let nowNs: () -> Int64
    /// When the last beat that was confirmed was begun.
    private var confirmedNs: Int64?
    /// Cars that are asked here, by their epoch.
    private(set) var epochs: [Int64: Int64] = [:]

    /// `pool` should have one connection and short limits: an answer that comes late is of no use.
    init(_ pool: PostgresPool, _ options: VehicleOptions, nowNs: @escaping () -> Int64 = { Clock.monotonicNs }) {
        self.pool = pool
        self.options = options
        self.nowNs = nowNs
        id = "\(Self.hostName()):\(getpid()):\(String(UInt64.random(in: .min ... .max), radix: 36))"
    }

    /// Whether anything may be begun now.
    var isHeld: Bool {
        guard let confirmedNs else { return false }
        return nowNs() - confirmedNs < Int64(options.trustMs) * 1_000_000
    }

    /// What follows from a beat.
    struct Beat {
        /// All pollers that live.
        var pollers: [String] = []
        var accounts: [Account] = []
        /// All cars that are to be asked by somebody.
        var cars: [Int64: LeasedCar] = [:]
        /// Somebody else has them now, or the database knows them no more.
        var lost: [Int64] = []
        /// To be ended in order, then released.
        var given: [Int64] = []
        /// To be taken.
        var wanted: [Int64] = []

        struct Account {
            var number: Int64
            var rotation: Int64
            var fault: String?
        }
    }

    func beat() async throws(PostgresError) -> Beat {
        let begunNs = nowNs()
        let answers = try await pool.batch([
            (Self.beat, Parameters(id)), (Self.livePollers, Parameters(Int64(options.deadMs))), (Self.accounts, Parameters()), (Self.cars, Parameters()),
        ])
        confirmedNs = begunNs
        var beat = Beat()
        for row in 0..<answers[1].count { beat.pollers.append(try answers[1].string(row, 0)) }
        for row in 0..<answers[2].count {
            beat.accounts.append(
                Beat.Account(number: try answers[2].int64(row, 0), rotation: try answers[2].int64(row, 1), fault: try answers[2].stringIfPresent(row, 2)))
        }
        try divide(answers[3], &beat)
        return beat
    }

    private func divide(_ rows: PostgresRows, _ beat: inout Beat) throws(PostgresError) {
        let share = Rendezvous(beat.pollers)
        let live = Set(beat.pollers)
        for row in 0..<rows.count {
            let car = LeasedCar(
                number: try rows.int64(row, 0), account: try rows.int64(row, 1), teslaID: try rows.int64(row, 2), vehicleID: try rows.int64(row, 3))
            beat.cars[car.number] = car
            let holder = try rows.stringIfPresent(row, 4)
            let epoch = try rows.int64IfPresent(row, 5) ?? 0
            let isMine = share.owner(of: car.number) == id
            if let mine = epochs[car.number] {
                if holder != id || epoch != mine { beat.lost.append(car.number) } else if !isMine { beat.given.append(car.number) }
            } else if isMine, holder.map({ $0 == id || !live.contains($0) }) ?? true {
                beat.wanted.append(car.number)
            }
        }
        beat.given += epochs.keys.filter { beat.cars[$0] == nil }
    }

    /// Takes cars, as far as nobody was quicker.
    func take(_ cars: [LeasedCar]) async throws(PostgresError) -> [CarClaim] {
        guard !cars.isEmpty else { return [] }
        let numbers = cars.map(\.number)
        let answers = try await pool.batch([(Self.makeMemories, Parameters(numbers)), (Self.take, Parameters(numbers, id, Int64(options.deadMs)))])
        let rows = answers[1]
        let known = Dictionary(cars.map { ($0.number, $0) }) { $1 }
        var claims: [CarClaim] = []
        for row in 0..<rows.count {
            guard let car = known[try rows.int64(row, 0)] else { continue }
            let epoch = try rows.int64(row, 1)
            epochs[car.number] = epoch
            claims.append(
                CarClaim(
                    car: car, epoch: epoch, memory: try rows.jsonIfPresent(row, 2), notBefore: Timestamp(microseconds: try rows.int64(row, 3) &* 1_000),
                    requestsDay: try rows.int64IfPresent(row, 4), requests: try rows.int(row, 5)))
        }
        return claims
    }

    /// Gives cars up that have come to rest: their rightful pollers need not wait.
    func release(_ cars: [Int64]) async throws(PostgresError) {
        let held = cars.compactMap { car in epochs[car].map { (car, $0) } }
        for (car, _) in held { epochs[car] = nil }
        guard !held.isEmpty else { return }
        _ = try await pool.query(Self.release, Parameters(held.map(\.0), held.map(\.1), id), retryOnLoss: true)
    }

    /// Another has it: nothing is left to give up.
    func forget(_ car: Int64) { epochs[car] = nil }

    /// At the end, when everything is released.
    func leave() async throws(PostgresError) {
        confirmedNs = nil
        _ = try await pool.query(Self.leave, Parameters(id), retryOnLoss: true)
    }

    private static func hostName() -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    // MARK: SQL

    private static let beat: Statement = """
        WITH gone AS (DELETE FROM heliograph.poller WHERE seen_at < clock_timestamp() - interval '1 day')
        INSERT INTO heliograph.poller (id, seen_at) VALUES ($1, clock_timestamp()) ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp()
        """
    private static let livePollers: Statement = """
        SELECT id FROM heliograph.poller WHERE seen_at > clock_timestamp() - make_interval(secs => $1 / 1000.0) ORDER BY id
        """
    private static let accounts: Statement = "SELECT number, rotation, fault FROM heliograph.vehicle_account ORDER BY number"
    private static let cars: Statement = """
        SELECT c.number, c.account, c.tesla_id, c.tesla_vehicle_id, m.poller, m.epoch
        FROM heliograph.car AS c LEFT JOIN heliograph.car_memory AS m ON m.car = c.number
        WHERE c.account IS NOT NULL AND NOT c.is_gone ORDER BY c.number
        """
    private static let makeMemories: Statement = """
        INSERT INTO heliograph.car_memory (car) SELECT number FROM heliograph.car WHERE number = ANY($1::bigint[]) ON CONFLICT DO NOTHING
        """
    /// Of two pollers that want a car at the same time the second waits for the first one's row, and finds it taken.
    private static let take: Statement = """
        WITH due AS (
            SELECT car FROM heliograph.car_memory AS m
            WHERE m.car = ANY($1::bigint[]) AND (m.poller IS NULL OR m.poller = $2 OR NOT EXISTS (
                SELECT FROM heliograph.poller AS p WHERE p.id = m.poller AND p.seen_at > clock_timestamp() - make_interval(secs => $3 / 1000.0)))
            ORDER BY car FOR NO KEY UPDATE
        )
        UPDATE heliograph.car_memory AS m SET poller = $2, epoch = m.epoch + 1 FROM due WHERE m.car = due.car
        RETURNING m.car, m.epoch, m.memory, m.not_before, (m.requests_on - date '1970-01-01')::bigint, m.requests
        """
    private static let release: Statement = """
        UPDATE heliograph.car_memory AS m SET poller = NULL FROM unnest($1::bigint[], $2::bigint[]) AS u(car, epoch)
        WHERE m.car = u.car AND m.epoch = u.epoch AND m.poller = $3
        """
    private static let leave: Statement = "DELETE FROM heliograph.poller WHERE id = $1"
}
