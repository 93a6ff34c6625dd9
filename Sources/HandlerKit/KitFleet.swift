import Broker
public import Bytes
public import Protocol
public import Reactor
public import Workers
public import ZeroMQ

/// A fleet in one process for tests of handlers: a broker over inproc whose queue is in memory and whose time the test moves, and a worker.
///
/// Frames, windows, claims and outcomes are the real ones: what a handler sees here is what it sees in a fleet. Everything is on one loop.
public final class KitFleet {
    public let store: MemoryJobStore
    /// A producer, subscriber and publisher; the worker uses it too. Hand it to handlers that need one.
    public let client: BusClient
    public let runtime: WorkerRuntime
    /// What was published since the start, in order, on every stream.
    public private(set) var events: [Event] = []

    private let broker: BrokerServer
    private let context: ZMQContext
    let changed = KitSignal()
    private let arrived = KitSignal()
    private var fence = 0
    private var fences: [String: Int] = [:]

    public var clock: KitClock { store.clock }
    public var now: Timestamp { store.clock.now }

    /// Waits inside the fleet that are not about handlers, ns.
    private static let waitNs: Int64 = 10_000_000_000
    /// Between two tries to get a mark through to the topics, ns: a first one may come before the subscription.
    private static let markNs: Int64 = 10_000_000

    /// A worker's options as tests want them: handlers that a test leaves hanging do not hold it up.
    public static var options: WorkerOptions {
        var options = WorkerOptions(name: "kit")
        options.drainMs = 100
        options.stuckMs = 1_000
        return options
    }

    private init(_ store: MemoryJobStore, _ broker: BrokerServer, _ context: ZMQContext, _ client: BusClient, _ options: WorkerOptions) {
        self.store = store
        self.broker = broker
        self.context = context
        self.client = client
        runtime = WorkerRuntime(client, options: options)
        runtime.onContext = { [unowned store] context in
            context.keeper = (check: { try store.check($0) }, committed: { run, output in _ = store.complete(run, output) })
        }
        store.onChange = { [changed] in changed.fire() }
    }

    /// Starts a fleet. End it with `stop`.
    /// - Parameters:
    ///   - now: what the clock shows.
    ///   - options: the worker's; time limits in it are real time.
    public static func start(
        at now: Timestamp = KitClock.usualStart, options: WorkerOptions = KitFleet.options, on loop: isolated EventLoop
    ) async throws -> KitFleet {
        let store = MemoryJobStore(KitClock(now))
        let context = ZMQContext()
        let endpoint = BusEndpoint(work: "inproc://work", topics: "inproc://topics")
        var config = BrokerConfig(name: "kit", endpoints: [endpoint], postgres: nil)
        // A write to memory is worth no wait.
        config.limits.outcomeGatherNs = 0
        let broker = try await BrokerServer.start(config, store: store, context: context, on: loop)
        do {
            let client = try BusClient(context, endpoints: [endpoint], hello: Hello(role: .worker, name: options.name), on: loop)
            let fleet = KitFleet(store, broker, context, client, options)
            do {
                for stream in Topic.Stream.allCases {
                    try client.subscribe(stream, on: loop) { [unowned fleet] event in fleet.take(event) }
                }
                try await fleet.catchUp(on: loop)
            } catch {
                client.close(on: loop)
                throw error
            }
            return fleet
        } catch {
            await broker.stop(on: loop)
            throw error
        }
    }

    /// Runs `body` with a fleet on a loop of its own, and ends both.
    public static func run(
        at now: Timestamp = KitClock.usualStart, options: WorkerOptions = KitFleet.options,
        _ body: @Sendable (KitFleet, isolated EventLoop) async throws -> Void
    ) async throws {
        let loop = EventLoop(name: "kit")
        defer { loop.stop() }
        try await loop.run { loop in
            let fleet = try await start(at: now, options: options, on: loop)
            do {
                try await body(fleet, loop)
            } catch {
                await fleet.stop(on: loop)
                throw error
            }
            await fleet.stop(on: loop)
        }
    }

    /// Ends worker and broker; what still runs is cancelled after the worker's `drainMs`.
    public func stop(on loop: isolated EventLoop) async {
        await runtime.stop(on: loop)
        await broker.stop(on: loop)
    }

    // MARK: Handlers

    /// Has a worker's own registration put its handlers in: `fleet.register(on: loop) { MailWorker.register($0, …) }`. May be called again.
    public func register(on loop: isolated EventLoop, _ handlers: (WorkerRuntime) throws -> Void) rethrows {
        try handlers(runtime)
        runtime.start(on: loop)
    }

    /// Registers one handler.
    public func onJob(
        _ kind: String, retry: RetryPolicy = .standard, on loop: isolated EventLoop, _ handler: @escaping WorkerRuntime.JobHandler
    ) {
        runtime.onJob(kind, retry: retry, handler)
        runtime.start(on: loop)
    }

    /// Runs a registered handler on the spot, with its own policy; the queue has no part in it. Nil where none is registered.
    public func run(_ kind: String, args: JSONValue = [:], attempt: Int = 1, timeoutMs: Int64 = 10_000, on loop: isolated EventLoop) async -> HandlerRun? {
        guard let handler = runtime.jobHandler(kind) else { return nil }
        return await HandlerRun.of(args: args, .init(kind: kind, attempt: attempt, retry: handler.retry, timeoutMs: timeoutMs), on: loop, handler.run)
    }

    // MARK: Jobs

    /// Enqueues over the bus, as a producer does; returns when the job is in the queue. It may have started by then.
    @discardableResult
    public func enqueue(_ draft: JobDraft, on loop: isolated EventLoop) async throws(Refusal) -> Accepted { try await client.enqueue(draft, on: loop) }

    @discardableResult
    public func enqueue(_ kind: String, _ args: JSONValue = [:], on loop: isolated EventLoop) async throws(Refusal) -> Accepted {
        try await client.enqueue(JobDraft(kind: kind, args: args.bytes), on: loop)
    }

    public func job(_ id: Int64) -> KitJob? { store.job(id) }

    /// Every job there ever was that meets these conditions, by id.
    public func jobs(kind: String? = nil, state: JobState? = nil) -> [KitJob] {
        store.jobs.filter { (kind == nil || $0.kind == kind) && (state == nil || $0.state == state) }
    }

    /// What was published on a topic, in order.
    public func events(on topic: String) -> [Event] { events.filter { $0.topic == topic } }

    // MARK: Operators

    /// Cancels a job: a waiting one at once; the handler of a running one is cancelled. False where no such job waits or runs.
    @discardableResult
    public func cancel(_ id: Int64, on loop: isolated EventLoop) async -> Bool {
        let outcome = store.stop(id)
        await told(on: loop)
        return outcome != nil
    }

    /// No job of this queue starts until `resume`; `*` is all queues.
    public func pause(_ queue: String, on loop: isolated EventLoop) async {
        store.pause(queue)
        await told(on: loop)
    }

    public func resume(_ queue: String, on loop: isolated EventLoop) async {
        store.resume(queue)
        await told(on: loop)
    }

    /// At most `most` jobs of this kind run at once; nil takes the limit away.
    public func limit(_ kind: String, running most: Int?, on loop: isolated EventLoop) async {
        store.limit(kind, running: most)
        await told(on: loop)
    }

    /// The broker hears of it at the end of the tick; this is after that.
    private func told(on loop: isolated EventLoop) async {
        await withUnsafeContinuation { continuation in loop.atEndOfTick { continuation.resume() } }
    }

    // MARK: Catching up

    private static let markKey = "handler-kit-mark"

    private func take(_ event: Event) {
        let stream = Topic.stream(of: event.topic)
        guard event.topic == "\(stream).\(Self.markKey)" else {
            events.append(event)
            if stream == Topic.Stream.jobs.rawValue { hear(event) }
            return
        }
        fences[stream] = Int(String(decoding: event.payload, as: UTF8.self))
        arrived.fire()
    }

    /// The broker writes progress twice a second: a test is over by then.
    private func hear(_ event: Event) {
        guard let said = try? JSONValue.parse(event.payload), said["type"] == "progress",  // ok: somebody else's event
            let id = said["id"]?.int, let attempt = said["attempt"]?.int, let progress = said["progress"]
        else { return }
        store.heard(JobRun(id: Int64(id), attempt: attempt), progress.bytes)
    }

    /// Waits until all that was sent and published before has arrived: a mark on every stream goes the same way behind it.
    func catchUp(on loop: isolated EventLoop) async throws(KitFailure) {
        fence += 1
        let limit = loop.nowNs + Self.waitNs
        var markedNs: Int64 = 0
        while true {
            let missing = Topic.Stream.allCases.map(\.rawValue).filter { fences[$0, default: 0] < fence }
            if missing.isEmpty { return }
            guard loop.nowNs < limit else { throw KitFailure("the broker in this process does not answer within \(Self.waitNs / 1_000_000_000) s") }
            if loop.nowNs - markedNs >= Self.markNs {
                markedNs = loop.nowNs
                for stream in missing { client.publish("\(stream).\(Self.markKey)", Array("\(fence)".utf8), isState: false, on: loop) }
            }
            await arrived.wait(ns: Self.markNs, on: loop)
        }
    }
}
