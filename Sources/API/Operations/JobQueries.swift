public import Postgres
import Protocol

/// What became of a retry.
public enum JobRetry: Hashable, Sendable {
    /// A job that waited for its time is available now.
    case woken(Int64)
    /// A finished job was copied from the history as this new one.
    case copied(Int64)
    /// It is waiting or running already.
    case notNeeded(String)
    case unknown
}

/// The operators' view of the queue: the hot table and the history as one list. Used by the API and the command line, on the pool's loop.
public struct JobQueries {
    let pool: PostgresPool

    public init(_ pool: PostgresPool) { self.pool = pool }

    // MARK: Listing

    private static let shared = "id, kind, queue, state, priority, attempt, max_attempts, created_at"
    private static let hot = "\(shared), run_at, attempted_at, NULL::timestamptz AS finished_at, tags, errors -> -1 ->> 'error' AS error"
    private static let past = "\(shared), NULL::timestamptz AS run_at, attempted_at, finished_at, tags, errors -> -1 ->> 'error' AS error"

    /// Jobs newest first, by their ids. Each part of the union walks its index on the id backwards and stops at the limit.
    public func list(_ filter: JobFilter) async throws(PostgresError) -> JobRows {
        var parameters = Parameters()
        var conditions: [String] = []
        func add(_ condition: String, _ value: some PostgresEncodable) {
            parameters.append(value)
            conditions.append(condition + "$\(parameters.count)")
        }
        if let before = filter.before { add("id < ", before) }
        if let state = filter.state {
            parameters.append(state.rawValue)
            conditions.append("state = $\(parameters.count)::text::heliograph.job_state")
        }
        if let kind = filter.kind { add("kind = ", kind) }
        if let queue = filter.queue { add("queue = ", queue) }
        parameters.append(filter.limit)
        let tail = (conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND ")) + " ORDER BY id DESC LIMIT $\(parameters.count)"
        var parts: [String] = []
        if filter.state?.isFinal != true { parts.append("(SELECT \(Self.hot) FROM heliograph.job\(tail))") }
        if filter.state?.isFinal != false { parts.append("(SELECT \(Self.past) FROM heliograph.job_history\(tail))") }
        // Few texts: one for each set of conditions.
        let statement = Statement("SELECT * FROM (\(parts.joined(separator: " UNION ALL "))) AS jobs ORDER BY id DESC LIMIT $\(parameters.count)")
        let rows = try await pool.query(statement, parameters, retryOnLoss: true)
        return JobRows(rows: rows, isFull: rows.count == filter.limit)
    }

    private static let detail = Statement(
        """
        SELECT \(hot), timeout_ms, unique_key, epoch, args, NULL::jsonb AS output, errors FROM heliograph.job WHERE id = $1
        UNION ALL
        SELECT \(past), timeout_ms, NULL, NULL, args, output, errors FROM heliograph.job_history WHERE id = $1
        LIMIT 1
        """)

    /// One job, or nil.
    public func show(_ id: Int64) async throws(PostgresError) -> JobDetail? {
        let rows = try await pool.query(Self.detail, Parameters(id), retryOnLoss: true)
        return rows.isEmpty ? nil : JobDetail(list: JobRows(rows: rows, isFull: false))
    }

    // MARK: Retrying

    /// Wakes the brokers when it commits, as `heliograph.enqueue` does.
    private static let again = Statement(
        """
        WITH woken AS (
            UPDATE heliograph.job SET state = 'available', run_at = now()
            WHERE id = $1 AND state IN ('scheduled', 'retryable') RETURNING id, kind
        ), copied AS (
            INSERT INTO heliograph.job (kind, queue, priority, max_attempts, timeout_ms, tags, args)
            SELECT kind, queue, priority, max_attempts, timeout_ms, tags, args FROM heliograph.job_history AS h
            WHERE id = $1 AND NOT EXISTS (SELECT FROM heliograph.job AS j WHERE j.id = h.id) LIMIT 1
            RETURNING id, kind
        ), made AS (SELECT id, kind, false AS is_copy FROM woken UNION ALL SELECT id, kind, true FROM copied)
        SELECT id, is_copy, pg_notify('heliograph_job', kind) IS NULL FROM made
        """)
    private static let state = Statement("SELECT state FROM heliograph.job WHERE id = $1")

    /// Runs a job again as soon as a worker has room: one that waits for its time now, a finished one as a new job.
    /// Not sent again after a lost connection: it would be copied twice.
    public func retry(_ id: Int64) async throws(PostgresError) -> JobRetry {
        let rows = try await pool.query(Self.again, Parameters(id))
        guard rows.isEmpty else {
            let new = try rows.int64(0, 0)
            return try rows.bool(0, 1) ? .copied(new) : .woken(new)
        }
        let known = try await pool.query(Self.state, Parameters(id), retryOnLoss: true)
        return known.isEmpty ? .unknown : .notNeeded(try known.string(0, 0))
    }
}
