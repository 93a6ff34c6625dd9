import Bytes
import Postgres

/// What became of a retry.
public enum JobRetry: Hashable, Sendable {
    /// A job that waited for its time is available now.
    case woken(Int64)
    /// A finished job was copied from the history as this new one.
    case copied(Int64)
    /// It is waiting or running already.
    case notNeeded(String)
    /// Another job, which waits, holds its unique key.
    case keyHeld(key: String, holder: Int64?)
    case unknown
}

extension JobQueries {
    /// How often an insert is tried again that another transaction overtook on its ordering key.
    static let maxTries = 20

    private static let state = Statement("SELECT state FROM heliograph.job WHERE id = $1 FOR UPDATE")
    private static let wake = Statement(
        """
        WITH woken AS (
            UPDATE heliograph.job SET state = 'available', run_at = now() WHERE id = $1 AND state IN ('scheduled', 'retryable')
            RETURNING id, priority, queue, kind
        ) SELECT id, heliograph.wake(priority, queue, kind) IS NULL FROM woken
        """)
    private static let copy = Statement(
        """
        WITH copied AS (
            INSERT INTO heliograph.job_kept (kind, queue, priority, max_attempts, timeout_ms, tags, args, unique_key, ordering_key, replay_of)
            SELECT kind, queue, priority, least(max_attempts, 1000), timeout_ms, tags, args, unique_key, ordering_key, id
            FROM heliograph.job_history WHERE id = $1 LIMIT 1
            ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL AND state IN ('available', 'scheduled', 'retryable') DO NOTHING
            RETURNING id, priority, queue, kind
        ) SELECT id, heliograph.wake(priority, queue, kind) IS NULL FROM copied
        """)
    private static let holder = Statement(
        """
        SELECT h.unique_key, j.id FROM heliograph.job_history AS h LEFT JOIN heliograph.job_kept AS j
            ON j.unique_key = h.unique_key AND j.state IN ('available', 'scheduled', 'retryable')
        WHERE h.id = $1 LIMIT 1
        """)

    /// Runs a job again as soon as a worker has room: one that waits for its time now, a finished one as a new job that names the old one.
    /// Not sent again after a lost connection: it would be copied twice.
    public func retry(_ id: Int64, by who: String) async throws -> JobRetry {
        for _ in 1..<Self.maxTries {
            do {
                return try await tryRetry(id, who)
            } catch let error as PostgresError where error.isContended {
                continue
            }
        }
        return try await tryRetry(id, who)
    }

    private func tryRetry(_ id: Int64, _ who: String) async throws -> JobRetry {
        try await pool.transaction { transaction in
            let known = try await transaction.query(Self.state, Parameters(id))
            if !known.isEmpty {
                let state = try known.string(0, 0)
                guard state == "scheduled" || state == "retryable" else { return .notNeeded(state) }
                try await transaction.query(Self.wake, Parameters(id))
                try await AuditTrail.note(transaction, who, "retry", String(id))
                return .woken(id)
            }
            let copied = try await transaction.query(Self.copy, Parameters(id))
            if !copied.isEmpty {
                let new = try copied.int64(0, 0)
                try await AuditTrail.note(transaction, who, "retry", String(id), ["job": .int(Int(new))])
                return .copied(new)
            }
            let held = try await transaction.query(Self.holder, Parameters(id))
            if held.isEmpty { return .unknown }
            return .keyHeld(key: try held.stringIfPresent(0, 0) ?? "", holder: try held.int64IfPresent(0, 1))
        }
    }
}

extension JobRetry {
    /// The job that will run, and whether it is a copy; throws what stands against it.
    public func made(of asked: Int64) throws(OperationError) -> (id: Int64, isCopy: Bool) {
        switch self {
        case .woken(let id): return (id, false)
        case .copied(let id): return (id, true)
        case .notNeeded(let state): throw .conflict("job \(asked) is \(state): there is nothing to retry")
        case .keyHeld(let key, let holder?): throw .conflict("job \(holder), which waits, holds the unique key '\(key)' of job \(asked)")
        case .keyHeld(let key, nil): throw .conflict("the unique key '\(key)' of job \(asked) was held until just now; try again")
        case .unknown: throw .unknown("there is no job \(asked)")
        }
    }
}
