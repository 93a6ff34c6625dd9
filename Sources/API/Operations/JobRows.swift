public import Bytes
import Postgres
public import Protocol

/// A job in one line, for tables.
public struct JobSummary: Hashable, Sendable {
    public let id: Int64
    public let kind: String
    public let queue: String
    public let state: JobState
    public let priority: Int
    public let attempt: Int
    public let maxAttempts: Int
    public let createdAt: Timestamp
    /// nil once it has finished.
    public let runAt: Timestamp?
    public let attemptedAt: Timestamp?
    public let finishedAt: Timestamp?
    /// Of the last failed attempt.
    public let error: String?
}

/// A page of jobs, newest first, as rows that write themselves.
public struct JobRows {
    let rows: PostgresRows
    /// Whether older jobs may follow.
    public let isFull: Bool

    public var count: Int { rows.count }

    /// What to pass as `before` for the next page.
    public func lastID() throws -> Int64? { rows.isEmpty ? nil : try rows.int64(rows.count - 1, 0) }

    public func summary(_ row: Int) throws -> JobSummary {
        let state = try rows.string(row, 3)
        guard let known = JobState(rawValue: state) else { throw PostgresError(.decoding, "no job state \(state)") }
        return JobSummary(
            id: try rows.int64(row, 0), kind: try rows.string(row, 1), queue: try rows.string(row, 2), state: known, priority: try rows.int(row, 4),
            attempt: try rows.int(row, 5), maxAttempts: try rows.int(row, 6), createdAt: try rows.timestamp(row, 7),
            runAt: try rows.timestampIfPresent(row, 8), attemptedAt: try rows.timestampIfPresent(row, 9), finishedAt: try rows.timestampIfPresent(row, 10),
            error: try rows.stringIfPresent(row, 12))
    }

    /// One job as a JSON object.
    public func write(_ row: Int, to w: inout JSONWriter) throws {
        w.beginObject()
        try members(row, &w)
        w.endObject()
    }

    /// `[…]` of all.
    public func write(to w: inout JSONWriter) throws {
        try w.array { w in for row in 0..<rows.count { try write(row, to: &w) } }
    }

    static let names: [StaticString] = [
        "id", "kind", "queue", "state", "priority", "attempt", "max_attempts", "created_at", "run_at", "attempted_at", "finished_at", "tags", "error",
        "ordering_key", "replay_of", "replay", "blocked",
    ]

    func members(_ row: Int, _ w: inout JSONWriter) throws {
        for (column, name) in Self.names.enumerated() {
            w.key(name)
            if column == 11 {
                try w.array { w in for tag in try rows.textArray(row, column) { w.value(tag) } }
            } else {
                try rows.write(row, column, to: &w)
            }
        }
    }
}

/// A job with everything that is known of it.
public struct JobDetail {
    let list: JobRows

    public func summary() throws -> JobSummary { try list.summary(0) }

    public func write(to w: inout JSONWriter) throws {
        w.beginObject()
        try list.members(0, &w)
        for (i, name) in Self.names.enumerated() {
            w.key(name)
            try list.rows.write(0, JobRows.names.count + i, to: &w)
        }
        w.endObject()
    }

    private static let names: [StaticString] = [
        "timeout_ms", "unique_key", "epoch", "progress", "cancel_asked_at", "args", "output", "errors",
    ]
}
