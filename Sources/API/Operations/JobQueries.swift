public import Bytes
public import Postgres
import Protocol

/// The operators' view of the queue: the hot table and the history as one list. Used by the API and the command line, on the pool's loop.
public struct JobQueries {
    let pool: PostgresPool

    public init(_ pool: PostgresPool) { self.pool = pool }

    private static let shared = "id, kind, queue, state, priority, attempt, max_attempts, created_at"
    private static let keys = "tags, errors -> -1 ->> 'error' AS error, ordering_key, replay_of, replay"
    private static let hot = "\(shared), run_at, attempted_at, NULL::timestamptz AS finished_at, \(keys), blocked"
    private static let past = "\(shared), NULL::timestamptz AS run_at, attempted_at, finished_at, \(keys), false AS blocked"

    /// Jobs newest first, by their ids. Each part of the union walks its index on the id backwards and stops at the limit.
    /// Throws `OperationError` and `PostgresError`.
    public func list(_ filter: JobFilter) async throws -> JobRows {
        var parameters = Parameters()
        let conditions = filter.conditions(&parameters)
        parameters.append(filter.limit)
        let tail = (conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND ")) + " ORDER BY id DESC LIMIT $\(parameters.count)"
        var parts: [String] = []
        if filter.state?.isFinal != true { parts.append("(SELECT \(Self.hot) FROM heliograph.job\(tail))") }
        if filter.state?.isFinal != false {
            // Who looks for an error means jobs that failed, unless a state is named.
            let history = filter.error != nil && filter.state == nil ? "heliograph.job_failed" : "heliograph.job_history"
            parts.append("(SELECT \(Self.past) FROM \(history)\(tail))")
        }
        let statement = Statement("SELECT * FROM (\(parts.joined(separator: " UNION ALL "))) AS jobs ORDER BY id DESC LIMIT $\(parameters.count)")
        let rows = try await refusing { try await pool.query(statement, parameters, retryOnLoss: true) }
        return JobRows(rows: rows, isFull: rows.count == filter.limit)
    }

    private static let some = Statement("SELECT \(past) FROM heliograph.job_history WHERE id = ANY ($1) ORDER BY id DESC")

    /// These finished jobs, newest first.
    func finished(_ ids: [Int64]) async throws -> JobRows {
        JobRows(rows: try await pool.query(Self.some, Parameters(ids), retryOnLoss: true), isFull: false)
    }

    private static let detail = Statement(
        """
        SELECT \(hot), timeout_ms, unique_key, epoch, progress, cancel_asked_at, args, NULL::jsonb AS output, errors FROM heliograph.job WHERE id = $1
        UNION ALL
        SELECT \(past), timeout_ms, unique_key, NULL, NULL, NULL, args, output, errors FROM heliograph.job_history WHERE id = $1
        LIMIT 1
        """)

    /// One job, or nil.
    public func show(_ id: Int64) async throws(PostgresError) -> JobDetail? {
        let rows = try await pool.query(Self.detail, Parameters(id), retryOnLoss: true)
        return rows.isEmpty ? nil : JobDetail(list: JobRows(rows: rows, isFull: false))
    }

    private static let why = Statement("SELECT heliograph.why($1)")

    /// Why a job does not run: `{"id","state","reasons":[{"reason":code,…}]}`, or nil where there is no such job. `JobReason` has the words.
    public func why(_ id: Int64) async throws -> JSONValue? {
        try await pool.query(Self.why, Parameters(id), retryOnLoss: true).jsonIfPresent(0, 0)
    }

    private static let brokers = Statement(
        """
        SELECT name, epoch, started_at, (extract(epoch FROM clock_timestamp() - beat_at) * 1000)::bigint AS beat_age_ms, serves
        FROM heliograph.broker ORDER BY name, epoch
        """)

    /// Every broker that is known: `[{"name","epoch","started_at","beat_age_ms","serves"}]`.
    public func brokers() async throws -> JSONValue { try await pool.query(Self.brokers, retryOnLoss: true).objects() }
}
