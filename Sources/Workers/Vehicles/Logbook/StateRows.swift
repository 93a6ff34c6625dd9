import Bytes
import Postgres

/// A group's states. Each ends the one before it, in the database or among these, so that a car's states have no gaps.
struct StateRows {
    private var ids: [Int64] = []
    private var cars: [Int64] = []
    private var states: [String] = []
    private var starts: [Timestamp] = []
    private var ends: [Timestamp?] = []
    /// The last one of each car, and when its first one began.
    private var last: [Int64: Int] = [:]
    private var firsts: [(car: Int64, at: Timestamp)] = []

    mutating func add(_ id: Int64, _ car: Int64, _ state: LoggedState, at: Timestamp) {
        var at = at
        if let i = last[car] {
            // A clock that went back does not turn a state round.
            at = max(at, starts[i])
            if at == starts[i] {
                states[i] = state.rawValue
                return
            }
            ends[i] = at
        } else {
            firsts.append((car, at))
        }
        last[car] = ids.count
        ids.append(id)
        cars.append(car)
        states.append(state.rawValue)
        starts.append(at)
        ends.append(nil)
    }

    func write(_ transaction: PostgresTransaction) {
        guard !ids.isEmpty else { return }
        transaction.enqueue(Self.end, Parameters(firsts.map(\.car), firsts.map(\.at)))
        transaction.enqueue(Self.insert, Parameters(ids, cars, states, starts, ends))
    }

    private static let end: Statement = """
        UPDATE heliograph.car_state AS s SET ended_at = greatest(s.started_at, u.at)
        FROM unnest($1::bigint[], $2::timestamptz[]) AS u(car, at) WHERE s.car = u.car AND s.ended_at IS NULL
        """
    /// A state that began at the same moment as the one before it takes its place.
    private static let insert: Statement = """
        INSERT INTO heliograph.car_state AS s (id, car, state, started_at, ended_at)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::timestamptz[])
        ON CONFLICT (car, started_at) DO UPDATE SET state = excluded.state, ended_at = excluded.ended_at
        """
}
