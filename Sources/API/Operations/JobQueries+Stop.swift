public import Bytes
import Postgres
import Protocol

extension JobQueries {
    /// Jobs that one transaction ends.
    static let chunk = 1_000
    /// The most jobs that one call may name.
    public static let maxIDs = 10_000

    /// How a job is ended that has not finished.
    public enum Ending: String, Sendable {
        case cancelled, discarded
        var action: String { self == .cancelled ? "cancel" : "discard" }
    }

    private static let stopJobs = Statement(
        """
        WITH asked AS (SELECT * FROM heliograph.stop_jobs($1, $2::text::heliograph.job_state, $3))
        SELECT w.id, coalesce(a.outcome,
            CASE WHEN EXISTS (SELECT FROM heliograph.job_history AS h WHERE h.id = w.id) THEN 'finished' ELSE 'unknown' END) AS outcome
        FROM (SELECT DISTINCT unnest($1::bigint[]) AS id) AS w LEFT JOIN asked AS a USING (id) ORDER BY w.id
        """)

    /// Ends jobs: waiting ones at once, running ones are asked to stop. `[{"id","outcome"}]`; an outcome is `cancelled`, `discarded`, `asked`,
    /// `finished` (too late) or `unknown`.
    public func stop(_ ids: [Int64], as ending: Ending, by who: String) async throws -> JSONValue {
        guard (1...Self.maxIDs).contains(ids.count) else { throw OperationError.invalid("name 1 to \(Self.maxIDs) jobs") }
        return try await refusing {
            try await pool.transaction { transaction in
                let rows = try await transaction.query(Self.stopJobs, Parameters(ids, ending.rawValue, who))
                let outcomes = try rows.objects()
                var counts: [(key: String, value: JSONValue)] = []
                for outcome in ["cancelled", "discarded", "asked"] {
                    let count = (outcomes.array ?? []).count { $0["outcome"]?.string == outcome }
                    if count > 0 { counts.append((outcome, .int(count))) }
                }
                if !counts.isEmpty {
                    let subject = ids.prefix(20).map(String.init).joined(separator: " ") + (ids.count > 20 ? " …" : "")
                    try await AuditTrail.note(transaction, who, ending.action, subject, .object(counts))
                }
                return outcomes
            }
        }
    }

    // MARK: By filter

    private static func unfinished(_ filter: JobFilter, _ parameters: inout Parameters) throws -> String {
        if filter.state?.isFinal == true { throw OperationError.invalid("only jobs that have not finished can be ended") }
        // One that was asked to stop already is not asked again.
        return (["cancel_asked_at IS NULL"] + filter.conditions(&parameters)).joined(separator: " AND ")
    }

    /// How many unfinished jobs a filter finds, with the newest as examples: `{"matches","sample":[job]}`.
    public func previewStop(_ filter: JobFilter, examples: Int = 10) async throws -> JSONValue {
        var parameters = Parameters()
        let condition = try Self.unfinished(filter, &parameters)
        let count = Statement("SELECT count(*) FROM heliograph.job WHERE \(condition)")
        let given = parameters
        let matches = try await refusing { try await pool.query(count, given, retryOnLoss: true).int(0, 0) }
        parameters.append(examples)
        let newest = Statement(
            """
            SELECT id, kind, queue, state, attempt, max_attempts, created_at, errors -> -1 ->> 'error' AS error FROM heliograph.job
            WHERE \(condition) ORDER BY id DESC LIMIT $\(parameters.count)
            """)
        let sample = try await pool.query(newest, parameters, retryOnLoss: true).objects()
        return ["matches": .int(matches), "sample": sample]
    }

    private static let newestID = Statement("SELECT coalesce(max(id), 0) FROM heliograph.job")

    /// Ends all unfinished jobs that a filter finds and that are there now, 1,000 at a time: `{"stopped","asked"}`. What is done stays done when it
    /// is cut off; one note in the audit trail grows with it.
    public func stop(_ filter: JobFilter, as ending: Ending, by who: String) async throws -> JSONValue {
        let upto = try await pool.query(Self.newestID, retryOnLoss: true).int64(0, 0)
        var parameters = Parameters()
        let condition = try Self.unfinished(filter, &parameters)
        let first = parameters.count
        let step = Statement(
            """
            SELECT array_agg(id) FROM (
                SELECT id FROM heliograph.job WHERE \(condition) AND id > $\(first + 1) AND id <= $\(first + 2) ORDER BY id LIMIT $\(first + 3)) AS s
            """)
        let given = parameters
        var progress = (cursor: Int64(0), stopped: 0, asked: 0, note: Int64?.none)
        while true {
            let before = progress
            progress = try await refusing {
                try await pool.transaction { transaction in
                    var parameters = given
                    parameters.append(before.cursor)
                    parameters.append(upto)
                    parameters.append(Self.chunk)
                    let found = try await transaction.query(step, parameters)
                    guard try !found.isNull(0, 0) else { return before }
                    let ids = try found.int64Array(0, 0)
                    let outcomes = try await transaction.query(Self.stopJobs, Parameters(ids, ending.rawValue, who))
                    var after = before
                    for row in 0..<outcomes.count {
                        switch try outcomes.string(row, 1) {
                        case "asked": after.asked += 1
                        case ending.rawValue: after.stopped += 1
                        default: break
                        }
                    }
                    after.cursor = ids.max() ?? upto
                    let detail: JSONValue = ["filter": filter.json, "stopped": .int(after.stopped), "asked": .int(after.asked)]
                    if let note = before.note {
                        try await AuditTrail.extend(transaction, note, detail)
                    } else {
                        after.note = try await AuditTrail.note(transaction, who, ending.action, "", detail)
                    }
                    return after
                }
            }
            if progress.cursor == before.cursor { return ["stopped": .int(progress.stopped), "asked": .int(progress.asked)] }
        }
    }
}

extension JobFilter {
    /// The conditions that were given.
    var json: JSONValue {
        var members: [(key: String, value: JSONValue)] = []
        for (name, text) in [("state", state?.rawValue), ("kind", kind), ("queue", queue), ("tag", tag), ("error", error), ("ordering_key", orderingKey)] {
            if let text { members.append((name, .string(text))) }
        }
        if let replay { members.append(("replay", .int(Int(replay)))) }
        return .object(members)
    }
}
