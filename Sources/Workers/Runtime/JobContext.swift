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

    /// Says how far the run is: any JSON document of at most `JobProgress.maxBytes`, shown to operators and pushed on `jobs.<kind>`. Cheap enough
    /// to be called for every step; only what is newest twice a second is kept.
    public func setProgress(_ json: JSONValue) throws(JobFailure) {
        let document = json.bytes
        guard document.count <= JobProgress.maxBytes else {
            throw JobFailure("progress of \(document.count) bytes, at most \(JobProgress.maxBytes)", isRetryable: false)
        }
        progress = document
        onProgress(document)
    }

    /// What was said last.
    private(set) var progress: [UInt8] = []
    var onProgress: ([UInt8]) -> Void = { _ in }

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

/// How a run ended.
public enum JobResult: Sendable, Equatable {
    /// A JSON document or empty.
    case done(output: [UInt8])
    case failed(JobFailure)
    case snoozed(ms: Int64)

    /// Runs a handler to its end. The policy decides what the failure leaves open: when it is tried again, and whether.
    static func of(_ context: JobContext, _ retry: RetryPolicy, _ handler: WorkerRuntime.JobHandler) async -> JobResult {
        var failure: JobFailure
        do {
            try await handler(context)
            return .done(output: context.output)
        } catch let thrown as JobFailure {
            failure = thrown
        } catch let snooze as JobSnooze {
            return .snoozed(ms: snooze.milliseconds)
        } catch {
            failure = JobFailure(String(describing: error))
        }
        if let most = retry.maxAttempts, context.attempt >= most { failure.isRetryable = false }
        failure.retryInMs = failure.retryInMs ?? retry.delayMs(attempt: context.attempt, jobID: context.id)
        return .failed(failure)
    }
}

/// Thrown by a handler that wants to be run again later; the attempt does not count.
public struct JobSnooze: Error, Hashable, Sendable {
    public var milliseconds: Int64
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }
}
