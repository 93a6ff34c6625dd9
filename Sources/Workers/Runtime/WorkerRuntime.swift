public import Protocol
public import Reactor
public import ZeroMQ

/// Runs handlers for jobs, ingest batches and requests that brokers send. Lives on one loop.
///
/// Register handlers, then `start`. Outcomes are kept until a broker says that they are settled: when a broker dies they
/// are reported to another one, or to its successor.
public final class WorkerRuntime: WorkDelegate {
    public typealias JobHandler = (JobContext) async throws -> Void
    /// The loop is a parameter, so that the compiler keeps the handler on it: an answer that needs no waiting costs no turn of the loop.
    public typealias RequestHandler = (isolated EventLoop, [UInt8]) async throws -> [UInt8]
    /// Gets the payloads of a group and commits them together; one answer each, in order.
    public typealias BatchHandler = ([[UInt8]]) async -> [Result<[UInt8], Refusal>]

    struct Run {
        var link: Int
        var task: Task<Void, Never>?
        var context: JobContext
        var retry: RetryPolicy
        var timer: EventLoop.Timer?
        var isTimedOut = false
        /// An operator has asked for its end.
        var isCancelled = false
    }

    struct Outcome {
        var header: Header
        var payload: [UInt8]
        var link: Int
        /// When it was reported last, ns.
        var sinceNs: Int64
    }

    struct IngestBatch {
        var id: UInt64
        var link: Int
        var payload: [UInt8]
    }

    struct StreamState {
        var handler: BatchHandler
        var waiting: [IngestBatch] = []
        var waitingBytes = 0
        var running = 0
        var isStarting = false
    }

    public let options: WorkerOptions
    let client: BusClient
    private var jobHandlers: [String: (run: JobHandler, retry: RetryPolicy)] = [:]
    var requestHandlers: [String: RequestHandler] = [:]
    var streams: [String: StreamState] = [:]
    /// Jobs not started yet.
    private var waiting = PriorityLevels<WaitingJob>()
    private var running: [JobRun: Run] = [:]
    var requests = RequestRunners()
    /// Reported, not yet settled.
    private var outcomes: [JobRun: Outcome] = [:]
    private(set) var isStopping = false
    func countBatches(_ n: Int) { counters.batches += n }
    func countRequest() { counters.requests += 1 }

    /// Runs that ended, by how; for metrics.
    public private(set) var counters = WorkerCounters()

    public init(_ client: BusClient, options: WorkerOptions) {
        self.client = client
        self.options = options
    }

    // MARK: Handlers

    /// Gets every job's context before its handler: for tests of handlers.
    package var onContext: (JobContext) -> Void = { _ in }
    package var jobKinds: Set<String> { Set(jobHandlers.keys) }
    package func jobHandler(_ kind: String) -> (run: JobHandler, retry: RetryPolicy)? { jobHandlers[kind] }

    /// - Parameter retry: when a failed attempt is tried again, where the failure itself does not say.
    public func onJob(_ kind: String, retry: RetryPolicy = .standard, _ handler: @escaping JobHandler) { jobHandlers[kind] = (handler, retry) }
    public func onRequest(_ name: String, _ handler: @escaping RequestHandler) { requestHandlers[name] = handler }
    public func onBatches(_ stream: String, _ handler: @escaping BatchHandler) { streams[stream] = StreamState(handler: handler) }

    private var windows: Windows {
        if isStopping { return Windows() }
        return Windows(
            jobs: jobHandlers.isEmpty ? 0 : options.slots + options.prefetch, batches: streams.isEmpty ? 0 : options.batches,
            requests: requestHandlers.isEmpty ? 0 : options.requests)
    }

    /// Tells the brokers what is served; work starts to come.
    public func start(on loop: isolated EventLoop) {
        client.serve(
            Hello(
                role: .worker, name: options.name, kinds: jobHandlers.keys.sorted(), streams: streams.keys.sorted(),
                requests: requestHandlers.keys.sorted(), windows: windows), delegate: self, on: loop)
        guard !jobHandlers.isEmpty else { return }
        loop.every(ns: options.listMs * 1_000_000) { [weak self] in
            guard let self, !self.isStopping else { return false }
            self.list(on: loop)
            return true
        }
    }

    /// Tells each broker what it has of it, and again what it has heard nothing of: a connection that breaks loses what is on its way.
    private func list(on loop: isolated EventLoop) {
        for link in 0..<client.linkCount where client.isUp(link: link) {
            let held = running.filter { $0.value.link == link }.keys + waiting.runs(of: link) + outcomes.filter { $0.value.link == link }.keys
            client.send(Header(.held), payload: JobRun.list(held), link: link, on: loop)
        }
        let before = loop.nowNs - options.listMs * 1_000_000
        for (run, outcome) in outcomes where outcome.sinceNs < before && client.isUp(link: outcome.link) {
            outcomes[run]?.sinceNs = loop.nowNs
            client.send(outcome.header, payload: outcome.payload, link: outcome.link, on: loop)
        }
    }

    /// Stops in order: no new work, what has not started goes back, what runs may finish, then it is cancelled and goes back.
    public func stop(on loop: isolated EventLoop) async {
        guard !isStopping else { return }
        isStopping = true
        for link in 0..<client.linkCount { client.send(Header(.credit), payload: windows.payload, link: link, on: loop) }
        while let next = waiting.popFirst() { report(next.run, Header(.returned), [], link: next.link, on: loop) }
        let limit = loop.nowNs + options.drainMs * 1_000_000
        while isBusy, loop.nowNs < limit { await loop.sleep(ns: 5_000_000) }
        for run in running.values { run.task?.cancel() }
        requests.cancelAll()
        let grace = loop.nowNs + 1_000_000_000
        while !running.isEmpty || !outcomes.isEmpty, loop.nowNs < grace { await loop.sleep(ns: 5_000_000) }
        client.close(on: loop)
    }

    private var isBusy: Bool {
        !running.isEmpty || requests.isBusy || !outcomes.isEmpty || streams.values.contains { $0.running > 0 || !$0.waiting.isEmpty }
    }

    // MARK: WorkDelegate

    public func work(_ view: MessageView, link: Int, on loop: isolated EventLoop) {
        switch view.header.verb {
        case .job: acceptJob(view, link: link, on: loop)
        case .ingest: acceptBatch(view, link: link, on: loop)
        default: acceptRequest(view, link: link, on: loop)
        }
    }

    public func settled(_ view: MessageView, link: Int, on loop: isolated EventLoop) {
        if view.header.flags.contains(.fenced) { counters.fenced += 1 }
        outcomes[JobRun(view)] = nil
    }

    public func cancelled(_ view: MessageView, link: Int, on loop: isolated EventLoop) {
        if view.header.aux == 0 { return requests.cancel(view.header.requestID, link: link) }
        let run = JobRun(view)
        if let state = running[run] {
            // A broker asks until the run has ended.
            guard !state.isCancelled else { return }
            running[run]?.isCancelled = true
            running[run]?.task?.cancel()
            guard let timer = running[run]?.timer else { return }
            loop.cancel(timer)
            running[run]?.timer = loop.after(ns: options.stuckMs * 1_000_000) { self.giveUp(run, on: loop) }
        } else if !waiting.removeAll(where: { $0.run == run }).isEmpty, !view.header.flags.contains(.fenced) {
            // It was never started: the store, which knows that it is to be cancelled, takes it from here.
            report(run, Header(.returned), [], link: link, on: loop)
        }
    }

    public func linkUp(_ link: Int, isNew: Bool, on loop: isolated EventLoop) {
        guard isNew else { return }
        // What still runs, or waits, for a broker that is gone: the new one takes it over before it would offer it again.
        for (run, state) in running where !client.isUp(link: state.link) || state.link == link {
            running[run]?.link = link
            client.send(run.header(.holding), payload: [], link: link, on: loop)
        }
        for run in waiting.move(to: link, where: { !client.isUp(link: $0) || $0 == link }) {
            client.send(run.header(.holding), payload: [], link: link, on: loop)
        }
        for (run, outcome) in outcomes where !client.isUp(link: outcome.link) || outcome.link == link {
            outcomes[run]?.link = link
            client.send(outcome.header, payload: outcome.payload, link: link, on: loop)
        }
    }

    public func linkDown(_ link: Int, on loop: isolated EventLoop) {
        guard let other = (0..<client.linkCount).first(where: { client.isUp(link: $0) }) else { return }
        linkUp(other, isNew: true, on: loop)
    }

    // MARK: Jobs

    private func acceptJob(_ view: MessageView, link: Int, on loop: isolated EventLoop) {
        let run = JobRun(view)
        let timeout = view.header.timeoutMs > 0 ? view.header.timeoutMs : options.jobTimeoutMs
        let context = JobContext(id: run.id, attempt: run.attempt, kind: view.nameString, args: view.payloadArray, timeoutMs: timeout)
        if isStopping { return report(run, Header(.returned), [], link: link, on: loop) }
        onContext(context)
        waiting.append(WaitingJob(run: run, link: link, context: context), priority: Int(clamping: view.header.aux2))
        startWaiting(on: loop)
    }

    private func startWaiting(on loop: isolated EventLoop) {
        while running.count < options.slots, let next = waiting.popFirst() {
            guard let handler = jobHandlers[next.context.kind] else {
                report(next.run, Header(.failed), JobFailure("this worker serves no \(next.context.kind)").payload, link: next.link, on: loop)
                continue
            }
            let run = next.run
            let context = next.context
            running[run] = Run(link: next.link, task: nil, context: context, retry: handler.retry, timer: nil)
            context.onProgress = { [unowned self] document in
                guard let link = running[run]?.link, client.isUp(link: link) else { return }
                client.send(run.header(.progress), payload: document, link: link, on: loop)
            }
            let task = loop.spawn {
                let (header, payload) = await self.execute(handler.run, handler.retry, context)
                self.ended(run, header, payload, on: loop)
            }
            // A handler that never suspended has ended by now.
            guard running[run] != nil else { continue }
            running[run]?.task = task
            running[run]?.timer = loop.after(ns: context.timeoutMs * 1_000_000) { self.timeOut(run, on: loop) }
        }
    }

    private func execute(_ handler: JobHandler, _ retry: RetryPolicy, _ context: JobContext) async -> (Header, [UInt8]) {
        switch await JobResult.of(context, retry, handler) {
        case .done(let output): return (Header(.done, flags: context.isCommitted ? .committed : []), context.isCommitted ? [] : output)
        case .failed(let failure):
            if isStopping, Task.isCancelled { return (Header(.returned), []) }
            return (Header(.failed), failure.payload)
        case .snoozed(let ms): return (Header(.snoozed, aux2: ms), [])
        }
    }

    private func ended(_ run: JobRun, _ header: Header, _ payload: [UInt8], on loop: isolated EventLoop) {
        guard let state = running.removeValue(forKey: run) else { return }
        if let timer = state.timer { loop.cancel(timer) }
        counters.jobs += 1
        if state.isCancelled, header.verb != .done {
            report(run, Header(.failed), JobFailure("cancelled while it ran").payload, link: state.link, on: loop)
        } else if state.isTimedOut, header.verb != .done {
            let failure = JobResult.judged(JobFailure("timed out after \(state.context.timeoutMs) ms"), state.context, state.retry)
            report(run, Header(.failed), failure.payload, link: state.link, on: loop)
        } else {
            if header.verb == .failed { counters.failed += 1 }
            report(run, header, payload, link: state.link, on: loop)
        }
        if !waiting.isEmpty { startWaiting(on: loop) }
    }

    private func timeOut(_ run: JobRun, on loop: isolated EventLoop) {
        guard running[run] != nil else { return }
        running[run]?.isTimedOut = true
        running[run]?.task?.cancel()
        running[run]?.timer = loop.after(ns: options.stuckMs * 1_000_000) { self.giveUp(run, on: loop) }
    }

    /// A handler that does not heed cancellation must not hold its slot for ever. Its rows are fenced by the attempt.
    private func giveUp(_ run: JobRun, on loop: isolated EventLoop) {
        guard running[run] != nil else { return }
        Log.error("a job ignores its cancellation; its slot is given up", ["id": String(run.id), "attempt": String(run.attempt)])
        ended(run, Header(.failed), [], on: loop)
    }

    private func report(_ run: JobRun, _ header: Header, _ payload: [UInt8], link: Int, on loop: isolated EventLoop) {
        var header = header
        header.requestID = UInt64(bitPattern: run.id)
        header.aux = UInt32(clamping: run.attempt)
        let target = client.isUp(link: link) ? link : (0..<client.linkCount).first { client.isUp(link: $0) } ?? link
        outcomes[run] = Outcome(header: header, payload: payload, link: target, sinceNs: loop.nowNs)
        if client.isUp(link: target) { client.send(header, payload: payload, link: target, on: loop) }
    }
}

/// What a worker has done since it started.
public struct WorkerCounters: Sendable {
    public var jobs = 0
    public var failed = 0
    public var fenced = 0
    public var requests = 0
    public var batches = 0
}
