public import Bytes
public import Protocol
public import Reactor
public import Workers

/// One run of a handler, on the spot: no queue, no broker, nothing to start.
public struct HandlerRun: Sendable {
    /// What the broker would be told: the policy has had its word on a failure.
    public let result: JobResult
    /// What the handler said of itself, every word of it.
    public let progress: [JSONValue]
    /// The handler finished the job in a transaction of its own, which is committed.
    public let isCommitted: Bool
    /// The document that is kept with the finished job; nil where the handler set none or did not succeed.
    public let output: JSONValue?

    /// The failure, if it failed.
    public var failure: JobFailure? { if case .failed(let failure) = result { failure } else { nil } }

    /// How a run is set up.
    public struct Setup: Sendable {
        public var kind = "test"
        public var id: Int64 = 1
        public var attempt = 1
        public var retry = RetryPolicy.standard
        /// Limit of the run, ms of real time, after which the handler is cancelled.
        public var timeoutMs: Int64 = 10_000
        /// How long after that a handler that does not heed it is given up, ms. It goes on, unheard.
        public var stuckMs: Int64 = 1_000
        /// false: somebody else has the job by now, so that finishing it in a transaction fails and rolls back.
        public var isCurrent = true

        public init(kind: String = "test", attempt: Int = 1, retry: RetryPolicy = .standard, timeoutMs: Int64 = 10_000, isCurrent: Bool = true) {
            self.kind = kind
            self.attempt = attempt
            self.retry = retry
            self.timeoutMs = timeoutMs
            self.isCurrent = isCurrent
        }
    }

    /// Runs a handler with these arguments to its end.
    public static func of(
        args: JSONValue, _ setup: Setup = Setup(), on loop: isolated EventLoop, _ handler: @escaping WorkerRuntime.JobHandler
    ) async -> HandlerRun {
        await of(bytes: args.bytes, setup, on: loop, handler)
    }

    /// The same with arguments that need not be JSON.
    public static func of(
        bytes args: [UInt8], _ setup: Setup = Setup(), on loop: isolated EventLoop, _ handler: @escaping WorkerRuntime.JobHandler
    ) async -> HandlerRun {
        let context = JobContext(id: setup.id, attempt: setup.attempt, kind: setup.kind, args: args, timeoutMs: setup.timeoutMs)
        context.keeper = (
            check: { run in if !setup.isCurrent { throw MemoryJobStore.stale(run) } },
            committed: { _, _ in }
        )
        var said: [[UInt8]] = []
        context.onProgress = { said.append($0) }
        let result = await result(context, setup, on: loop, handler)
        var output: JSONValue?
        // The context wrote it: what it wrote can be read.
        if case .done(let document) = result { output = try? JSONValue.parse(document) }  // ok: an empty document is none
        return HandlerRun(
            result: result, progress: said.compactMap { try? JSONValue.parse($0) },  // ok: the context wrote them
            isCommitted: context.isCommitted, output: output)
    }

    private static func result(
        _ context: JobContext, _ setup: Setup, on loop: isolated EventLoop, _ handler: @escaping WorkerRuntime.JobHandler
    ) async -> JobResult {
        let ended = KitSignal()
        var result: JobResult?
        var isTimedOut = false
        let task = loop.spawn {
            result = await JobResult.of(context, setup.retry, handler)
            ended.fire()
        }
        if result == nil, setup.timeoutMs > 0 {
            await ended.wait(ns: setup.timeoutMs * 1_000_000, on: loop)
            isTimedOut = result == nil
            task.cancel()
        }
        if result == nil { await ended.wait(ns: setup.timeoutMs > 0 ? setup.stuckMs * 1_000_000 : .max / 4, on: loop) }
        if let result {
            if case .done = result { return result }
            if !isTimedOut { return result }
        }
        return .failed(JobResult.judged(JobFailure("timed out after \(setup.timeoutMs) ms"), context, setup.retry))
    }
}
