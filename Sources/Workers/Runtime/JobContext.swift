public import Bytes
public import Postgres
public import Protocol

/// What a handler knows of the run it is doing.
///
/// A handler returns normally when the job is done, throws `JobFailure` to say how it failed, `JobSnooze` to be run again
/// later without losing an attempt; any other error is a retryable failure with its description. It should look at
/// `Task.isCancelled` between steps: time limits, cancel and stop are cooperative.
public final class JobContext {
    public let id: Int64
    public let attempt: Int
    public let kind: String
    /// The job's JSON document.
    public let args: [UInt8]
    /// Milliseconds this run may take; 0 = no limit.
    public let timeoutMs: Int64
    private(set) var output: [UInt8] = []
    private(set) var isCommitted = false

    init(id: Int64, attempt: Int, kind: String, args: [UInt8], timeoutMs: Int64) {
        self.id = id
        self.attempt = attempt
        self.kind = kind
        self.args = args
        self.timeoutMs = timeoutMs
    }

    /// The arguments as a tree; a document that cannot be read discards the job.
    public func json() throws(JobFailure) -> JSONValue {
        do throws(JSONError) {
            return try JSONValue.parse(args)
        } catch {
            throw JobFailure("args unreadable: \(error)", isRetryable: false)
        }
    }

    /// Keeps a JSON document with the finished job.
    public func setOutput(_ json: JSONValue) { output = json.bytes }

    /// Finishes the job inside the handler's own transaction: its rows and the completion are committed together, or
    /// neither is. Call it last in the transaction. Fails (and so rolls back) when the run is no longer the job's current one.
    public func complete(in transaction: PostgresTransaction) async throws {
        _ = try await transaction.query(
            Self.completeJob,
            Parameters { p in
                p.append(id)
                p.append(Int64(attempt))
                p.appendJSON(output.isEmpty ? nil : output)
            })
        wasCompletedInTransaction = true
    }

    /// Set by the runtime's `transaction(_:)` once COMMIT has answered.
    func markCommitted() { isCommitted = wasCompletedInTransaction }

    private var wasCompletedInTransaction = false
    private static let completeJob = Statement("SELECT heliograph.complete_job($1, $2::integer, $3)")

    /// Runs a transaction that ends with this job's completion.
    public func finish(in pool: PostgresPool, _ body: (PostgresTransaction) async throws -> Void) async throws {
        try await pool.transaction { transaction in
            try await body(transaction)
            try await complete(in: transaction)
        }
        markCommitted()
    }
}

/// Thrown by a handler that wants to be run again later; the attempt does not count.
public struct JobSnooze: Error, Hashable, Sendable {
    public var milliseconds: Int64
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }
}
