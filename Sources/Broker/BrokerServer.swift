import Bytes
import Postgres
import Protocol
public import Reactor
public import ZeroMQ

/// A broker on a loop: sockets around the pure core, lanes that carry its store work to PostgreSQL.
///
/// Per tick: messages go into the core, the core's frames go out once per peer, the core's store work goes into the lanes.
public final class BrokerServer {
    /// Gathered bytes that are sent before a burst ends.
    static let burstBytes = 16 << 10
    /// Between two core ticks, ns.
    static let tickNs: Int64 = 200_000_000
    /// Between two looks for routes of peers that are gone, ns.
    static let routesNs: Int64 = 10_000_000_000
    /// Between two writes of what running jobs say of themselves, ns.
    static let progressNs: Int64 = 500_000_000

    let config: BrokerConfig
    let store: any JobStore
    var core: BrokerCore
    var routers: [LoopSocket] = []
    var publishers: [LoopSocket] = []
    private var zap: ZAPHandler?
    var lanes = StoreLanes()
    var progress: [JobRun: [UInt8]] = [:]
    var isControlDue = false
    var isAtControl = false
    /// A claim's answer was lost: the lanes pause until the table was looked at.
    var mayHaveStrays = false
    var isRecovering = false
    var isSecondLookDue = false
    /// Which router socket a peer talks through.
    private var routes: [[UInt8]: Int] = [:]
    private(set) var isStopped = false
    /// Claims that have come back.
    var claimTurns = 0
    /// Called when the broker cannot go on (another one took its place).
    private let onFailure: (BrokerError) -> Void
    /// Endpoints really bound: `tcp://host:*` has its port filled in.
    public private(set) var boundEndpoints: [BusEndpoint] = []

    private init(_ config: BrokerConfig, _ store: any JobStore, onFailure: @escaping (BrokerError) -> Void, nowNs: Int64) {
        self.config = config
        self.store = store
        self.onFailure = onFailure
        core = BrokerCore(name: config.name, epoch: store.epoch, limits: config.limits, nowNs: nowNs)
    }

    /// Registers a new epoch and starts listening. The schema must be migrated.
    /// - Parameter store: keeps the jobs, in place of the PostgreSQL that `config` names.
    public static func start(
        _ config: BrokerConfig, store: (any JobStore)? = nil, context: ZMQContext, on loop: isolated EventLoop,
        onFailure: @escaping (BrokerError) -> Void = { _ in }
    ) async throws -> BrokerServer {
        for endpoint in config.endpoints where BusEndpoint.isOpen(endpoint.work) || BusEndpoint.isOpen(endpoint.topics) {
            let isPlainLoopback = config.allowsPlainLoopback && [endpoint.work, endpoint.topics].allSatisfy { $0.hasPrefix("tcp://127.0.0.1:") }
            guard config.security != nil || isPlainLoopback else {
                throw BrokerError(.insecure, "\(endpoint.work) can be reached from outside: it needs keys; make them with 'heliograph keys new'")
            }
        }
        let store = try await open(config, store, on: loop)
        do {
            let server = BrokerServer(config, store, onFailure: onFailure, nowNs: loop.nowNs)
            // Before anything may be claimed.
            server.core.setControl(try await store.control())
            try server.listen(context, on: loop)
            server.run(on: loop)
            return server
        } catch {
            await store.close(on: loop)
            throw error
        }
    }

    private static func open(_ config: BrokerConfig, _ store: (any JobStore)?, on loop: isolated EventLoop) async throws -> any JobStore {
        if let store { return store }
        guard let postgres = config.postgres else { throw BrokerError(.storage, "a broker needs a PostgreSQL to keep its jobs in") }
        return try await PostgresJobStore.open(postgres, name: config.name, on: loop)
    }

    private func listen(_ context: ZMQContext, on loop: isolated EventLoop) throws {
        // The handler answers before anything is bound, or libzmq would let every key in.
        if let security = config.security { zap = try ZAPHandler(context, clients: security.clients, on: loop) }
        for (index, endpoint) in config.endpoints.enumerated() {
            let router = try ZMQSocket(context, .router)
            let publisher = try ZMQSocket(context, .xpub)
            if let security = config.security {
                if BusEndpoint.isOpen(endpoint.work) { try router.serveCurve(secretKey: security.secretKey, domain: ZAPHandler.domain) }
                if BusEndpoint.isOpen(endpoint.topics) { try publisher.serveCurve(secretKey: security.secretKey, domain: ZAPHandler.domain) }
            }
            do throws(ZMQError) {
                try router.bind(endpoint.work)
                try publisher.bind(endpoint.topics)
            } catch {
                throw BrokerError(.address, error.description)
            }
            boundEndpoints.append(BusEndpoint(work: try router.lastEndpoint(), topics: try publisher.lastEndpoint(), serverKey: endpoint.serverKey))
            let frame = ZMQMessage()
            routers.append(
                try LoopSocket(
                    router, on: loop,
                    onMessage: { [unowned self] socket, identity in
                        let id = Array(identity.bytes)
                        guard identity.hasMore, socket.receive(into: frame) else { return }
                        // Roles are bound to keys: what the ZAP handler said of this connection.
                        let role = BusEndpoint.isOpen(endpoint.work) ? frame.property("User-Id") : nil
                        receive(frame.bytes, from: id, role: role, router: index, on: loop)
                        while frame.hasMore, socket.receive(into: frame) {}
                        // Workers begin with the first messages of a burst while the others are still routed.
                        if core.outbox.gathered >= Self.burstBytes { flush(on: loop) }
                    }, onBurst: { [unowned self] in flush(on: loop) }))
            publishers.append(try LoopSocket(publisher, on: loop, onMessage: { _, _ in }, onBurst: {}))
        }
    }

    private func receive(_ bytes: UnsafeBufferPointer<UInt8>, from identity: [UInt8], role: String?, router: Int, on loop: isolated EventLoop) {
        guard !isStopped else { return }
        var reader = FrameReader(bytes)
        // Once a frame: hashing a routing id costs as much as routing a message.
        var known = core.peer(of: identity)
        if known == nil { routes[identity] = router }
        do throws(FrameError) {
            while let view = try reader.next() {
                if view.header.verb == .hello, let role, Hello(payload: view.payloadArray)?.role.rawValue != role {
                    core.malformedFrame(.unknownVerb(view.header.verb.rawValue), from: identity)
                    continue
                }
                if let peer = known, view.header.verb != .goodbye {
                    core.receive(view, from: peer, nowNs: loop.nowNs)
                } else {
                    core.receive(view, from: identity, nowNs: loop.nowNs)
                    known = core.peer(of: identity)
                }
            }
        } catch {
            core.malformedFrame(error, from: identity)
        }
    }

    /// Sends what the core has gathered and starts the store work.
    func flush(on loop: isolated EventLoop) {
        take(core.takeWork(), on: loop)
        var lost: [PeerID] = []
        core.flush { peer, identity, bytes in
            let router = routers[routes[identity] ?? 0]
            let result = router.withSocket { socket in
                let first = socket.send(identity, more: true)
                return first == .sent ? socket.send(bytes) : first
            }
            router.schedulePump(on: loop)
            if result != .sent { lost.append(peer) }
        }
        core.flushStreams { stream, bytes in
            let topic = Array(stream.utf8)
            for publisher in publishers {
                publisher.withSocket { socket in
                    if socket.send(topic, more: true) == .sent { _ = socket.send(bytes) }
                }
                publisher.schedulePump(on: loop)
            }
        }
        core.forgetStrangers()
        for peer in lost { core.drop(peer, because: "cannot be reached") }
        if !lost.isEmpty { flush(on: loop) }
    }

    private func take(_ work: StoreWork, on loop: isolated EventLoop) {
        if !work.isEmpty {
            lanes.add(work)
            progress.merge(work.progress) { _, new in new }
        }
        core.unwrittenOutcomes = lanes.outcomes.count
        runLanes(on: loop)
    }

    // MARK: Life

    private func run(on loop: isolated EventLoop) {
        loop.every(ns: Self.tickNs) { [weak self] in
            guard let self, !self.isStopped else { return false }
            self.core.tick(nowNs: loop.nowNs)
            self.flush(on: loop)
            return true
        }
        every(1_000_000_000, "beat", on: loop) { [self] in
            if try await !store.beat(serves: core.serves()) {
                onFailure(BrokerError(.superseded, "another broker named \(config.name) has taken over; this one stops"))
            }
        }
        every(250_000_000, "promote", on: loop) { [self] in
            let places = try await store.promote()
            for (kind, queue) in places { core.woken(kind, queue: queue) }
            flush(on: loop)
            let elsewhere = places.filter { !core.serves($0.kind) }
            if !elsewhere.isEmpty { try await store.tell(elsewhere) }
        }
        every(Self.progressNs, "progress", on: loop) { [self] in
            guard !progress.isEmpty else { return }
            let taken = progress
            progress = [:]
            do {
                try await store.save(taken)
            } catch {
                progress.merge(taken) { new, _ in new }
                throw error
            }
        }
        // What a notification should have told, and what came between a claim and its answer.
        every(1_000_000_000, "control", on: loop) { [self] in await refreshControl(on: loop) }
        every(Self.routesNs, "routes", on: loop) { [self] in routes = routes.filter { core.peer(of: $0.key) != nil } }
        store.listen(on: loop) { [weak self] event in self?.handle(event, on: loop) }
    }

    private func handle(_ event: StoreEvent, on loop: isolated EventLoop) {
        guard !isStopped else { return }
        switch event {
        case .woken(let kind, let queue, let priority): core.woken(kind, queue: queue, priority: priority)
        case .wokenAll: core.wokenAll()
        case .cancel(let id): core.cancel(id)
        case .key(let key): lanes.keys.insert(key)
        case .control, .listening:
            if case .listening = event { core.wokenAll() }
            loop.spawn { await self.refreshControl(on: loop) }
        }
        flush(on: loop)
    }

    /// Reads what operators have set, and whom they want stopped.
    private func refreshControl(on loop: isolated EventLoop) async {
        // One at a time: an older answer must not come last.
        isControlDue = true
        guard !isAtControl else { return }
        isAtControl = true
        defer { isAtControl = false }
        do {
            while isControlDue {
                isControlDue = false
                core.setControl(try await store.control())
                for id in try await store.cancelAsked() { core.cancel(id) }
                flush(on: loop)
            }
        } catch {
            Log.warning("pauses and limits not read; tried again", ["error": String(describing: error)])
        }
    }

    /// Runs an async body again and again; its failures are logged and do not end it.
    private func every(_ ns: Int64, _ what: String, on loop: isolated EventLoop, _ body: @escaping () async throws -> Void) {
        loop.after(ns: ns) { [weak self] in
            loop.spawn { [weak self] in
                guard let self, !self.isStopped else { return }
                do {
                    try await body()
                } catch {
                    Log.warning("broker upkeep failed; tried again", ["what": what, "error": String(describing: error)])
                }
                self.every(ns, what, on: loop, body)
            }
        }
    }

    /// Stops in order: no new work, unsent jobs given back, outcomes written, goodbye, connections closed.
    public func stop(on loop: isolated EventLoop) async {
        guard !isStopped else { return }
        core.stop()
        flush(on: loop)
        let limit = loop.nowNs + 5_000_000_000
        while !lanes.running.isEmpty, loop.nowNs < limit {
            await loop.sleep(ns: 10_000_000)
        }
        isStopped = true
        for socket in routers + publishers {
            socket.withSocket { socket in try? socket.setLinger(ms: 500) }  // ok: closing either way
            socket.close(on: loop)
        }
        routers = []
        publishers = []
        zap?.close(on: loop)
        await store.close(on: loop)
    }

    /// Peers, queues and counters as JSON.
    public func inspection() -> [UInt8] { core.inspection() }
}
