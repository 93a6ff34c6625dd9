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
    package private(set) var output: [UInt8] = []
    package private(set) var isCommitted = false

    package init(id: Int64, attempt: Int, kind: String, args: [UInt8], timeoutMs: Int64) {
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

    /// The largest output, bytes.
    public static let maxOutputBytes = 1 << 20

    /// Keeps a JSON document of at most `maxOutputBytes` with the finished job; a larger one discards the job with the reason.
    public func setOutput(_ json: JSONValue) throws(JobFailure) {
        let document = json.bytes
        guard document.count <= Self.maxOutputBytes else {
            throw JobFailure("output of \(document.count) bytes, at most \(Self.maxOutputBytes)", isRetryable: false)
        }
        output = document
    }

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
    package var onProgress: ([UInt8]) -> Void = { _ in }

    /// Finishes the job inside the handler's own transaction: its rows and the completion are committed together, or
    /// neither is. Call it last in the transaction. Fails (and so rolls back) when the run is no longer the job's current one.
    public func complete(in transaction: PostgresTransaction) async throws {
        if let keeper {
            try keeper.check(JobRun(id: id, attempt: attempt))
        } else {
            _ = try await transaction.query(
                Self.completeJob,
                Parameters { p in
                    p.append(id)
                    p.append(Int64(attempt))
                    p.appendJSON(output.isEmpty ? nil : output)
                })
        }
        wasCompletedInTransaction = true
    }

    /// Once COMMIT has answered.
    private func markCommitted() {
        isCommitted = wasCompletedInTransaction
        if isCommitted { keeper?.committed(JobRun(id: id, attempt: attempt), output) }
    }

    /// Keeps the job where the transaction's database does not: for tests of handlers. `check` throws when the run is not the current one.
    package var keeper: (check: (JobRun) throws -> Void, committed: (JobRun, [UInt8]) -> Void)?

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
    package static func of(_ context: JobContext, _ retry: RetryPolicy, _ handler: WorkerRuntime.JobHandler) async -> JobResult {
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
        return .failed(judged(failure, context, retry))
    }

    /// A failure with what the policy says of it.
    package static func judged(_ failure: JobFailure, _ context: JobContext, _ retry: RetryPolicy) -> JobFailure {
        var failure = failure
        if let most = retry.maxAttempts, context.attempt >= most { failure.isRetryable = false }
        failure.retryInMs = failure.retryInMs ?? retry.delayMs(attempt: context.attempt, jobID: context.id)
        return failure
    }
}

/// Thrown by a handler that wants to be run again later; the attempt does not count.
public struct JobSnooze: Error, Hashable, Sendable {
    public var milliseconds: Int64
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }
}
