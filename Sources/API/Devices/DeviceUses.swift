import Bytes
import Postgres

/// How often tokens were used on this loop since they were last written down.
struct DeviceUses {
    private var uses: [String: (count: Int, at: Timestamp)] = [:]

    var isEmpty: Bool { uses.isEmpty }

    mutating func note(_ token: String, _ count: Int = 1, at time: Timestamp) {
        let known = uses[token]
        uses[token] = ((known?.count ?? 0) + count, max(known?.at ?? time, time))
    }

    /// Locked in order, so that two loops never wait for each other in a circle.
    private static let write = Statement(
        """
        WITH u AS (
            SELECT t.id, v.count, v.at FROM unnest($1::text[], $2::bigint[], $3::timestamptz[]) AS v(id, count, at)
            JOIN heliograph.device_token AS t ON t.id = v.id::uuid ORDER BY t.id FOR UPDATE OF t
        )
        UPDATE heliograph.device_token AS t SET use_count = t.use_count + u.count, last_used_at = greatest(t.last_used_at, u.at) FROM u WHERE t.id = u.id
        """)

    /// What is to be written down now; `note` it again when that fails.
    mutating func take() -> [String: (count: Int, at: Timestamp)] {
        defer { uses = [:] }
        return uses
    }

    static func write(_ taken: [String: (count: Int, at: Timestamp)], _ pool: PostgresPool) async throws(PostgresError) {
        let ids = taken.keys.sorted()
        try await pool.query(write, Parameters(ids, ids.map { taken[$0]?.count ?? 0 }, ids.map { taken[$0]?.at ?? Timestamp(seconds: 0) }))
    }
}
