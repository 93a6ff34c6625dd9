import Bytes
public import Protocol
public import Reactor

/// A client of all brokers at once: one DEALER each, flushed once a tick; reconnects to a restarted broker by itself.
///
/// Lives on one loop and is used there only. Calls wait for a broker while none is there, up to their time limit.
public final class BusClient {
    struct Pending {
        var verb: Verb
        var name: String
        /// Kept until answered: a batch may go to another broker, a request may wait for the first one.
        var payload: [UInt8]
        var expiresNs: Int64
        var link: Int?
        var completion: (Result<BusAnswer, Refusal>) -> Void
    }

    /// Gathered bytes that are sent before the tick ends.
    static let burstBytes = 16 << 10

    public let name: String
    let limits: BusLimits
    var hello: Hello
    var links: [BusLink] = []
    var pending: [UInt64: Pending] = [:]
    var unsent: [UInt64] = []
    var lastID: UInt64 = 0
    var deadlines: DeadlineSlots
    var nextLink = 0
    var subscriptions: BusSubscriptions?
    weak var delegate: (any WorkDelegate)?
    private(set) var isClosed = false
    let context: ZMQContext
    let keys: CurveKeys?

    /// - Parameters:
    ///   - keys: this client's CURVE pair; needed for endpoints with a server key.
    public init(
        _ context: ZMQContext, endpoints: [BusEndpoint], hello: Hello, keys: CurveKeys? = nil, limits: BusLimits = BusLimits(),
        on loop: isolated EventLoop
    ) throws(ZMQError) {
        self.context = context
        self.keys = keys
        self.name = hello.name
        self.hello = hello
        self.limits = limits
        deadlines = DeadlineSlots(nowNs: loop.nowNs)
        for (index, endpoint) in endpoints.enumerated() {
            let link = BusLink(index: index, endpoint: endpoint)
            links.append(link)
            try open(link, on: loop)
        }
        loop.every(ns: 100_000_000) { [weak self] in
            guard let self, !self.isClosed else { return false }
            self.tick(on: loop)
            return true
        }
    }

    /// Whether at least one broker has welcomed this client.
    public var isUp: Bool { links.contains { $0.isUp } }
    public var pendingCount: Int { pending.count }
    public var linkCount: Int { links.count }
    public func isUp(link: Int) -> Bool { links[link].isUp }
    public func epoch(link: Int) -> Int64? { links[link].epoch }

    /// Serves work from now on: says hello again with what is served.
    public func serve(_ hello: Hello, delegate: any WorkDelegate, on loop: isolated EventLoop) {
        self.hello = hello
        self.delegate = delegate
        for link in links { sayHello(link, on: loop) }
    }

    /// Says goodbye and closes; calls without an answer fail as `stopping`.
    public func close(on loop: isolated EventLoop) {
        guard !isClosed else { return }
        isClosed = true
        for link in links {
            link.out.append(Header(.goodbye))
            flush(link, on: loop)
            link.socket?.withSocket { socket in try? socket.setLinger(ms: 500) }  // ok: closing either way
            link.socket?.close(on: loop)
            link.socket = nil
        }
        subscriptions?.close(on: loop)
        let calls = pending.values
        pending.removeAll()
        for call in calls { call.completion(.failure(Refusal(.stopping, "the client is closed"))) }
    }

    // MARK: Sending

    /// Queues a message on a link for the end of this tick.
    public func send(_ header: Header, name: String = "", payload: [UInt8], link: Int, on loop: isolated EventLoop) {
        guard payload.count <= Header.maxPayload else {
            // An answer that no message can carry is an error that its caller should hear.
            Log.error("message too large", ["verb": "\(header.verb)", "bytes": String(payload.count)])
            guard header.verb == .reply || header.verb == .committed else { return }
            let refusal = Refusal(.failed, "the answer has \(payload.count) bytes, at most \(Header.maxPayload)")
            return send(Header(.refused, requestID: header.requestID), payload: refusal.payload, link: link, on: loop)
        }
        let link = links[link]
        if link.out.isFull(before: name.utf8.count + payload.count) { flush(link, on: loop) }
        link.out.append(header, name: name.utf8, payload: payload)
        // The broker begins with the first messages of a burst while this side still makes the others: or only one of them would work at a time.
        if link.out.bytes.count >= Self.burstBytes, !link.isStalled {
            flush(link, on: loop)
        } else {
            scheduleFlush(link, on: loop)
        }
    }

    func scheduleFlush(_ link: BusLink, on loop: isolated EventLoop) {
        guard !link.flushScheduled else { return }
        link.flushScheduled = true
        loop.atEndOfTick {
            link.flushScheduled = false
            self.flush(link, on: loop)
        }
    }

    private func flush(_ link: BusLink, on loop: isolated EventLoop) {
        guard !link.out.isEmpty, let socket = link.socket else { return }
        let result = socket.withSocket { $0.send(link.out.bytes) }
        switch result {
        case .sent:
            link.isStalled = false
            link.out.reset()
        case .full, .unreachable:
            // Not connected (IMMEDIATE) or full. While up, try again soon; while down, calls are kept in `pending` anyway.
            link.isStalled = link.isUp
            if link.isUp {
                loop.after(ns: 5_000_000) { self.scheduleFlush(link, on: loop) }
            } else {
                link.out.reset()
            }
        }
        socket.schedulePump(on: loop)
    }

    private func open(_ link: BusLink, on loop: isolated EventLoop) throws(ZMQError) {
        let socket = try ZMQSocket(context, .dealer)
        try socket.setImmediate()
        if let serverKey = link.endpoint.serverKey, let keys { try socket.useCurve(serverKey: serverKey, keys: keys) }
        try socket.setRoutingID(Self.routingID(hello.name))
        try socket.connect(link.endpoint.work)
        link.socket = try LoopSocket(
            socket, on: loop,
            onMessage: { [weak self] _, message in self?.receive(message.bytes, link, on: loop) },
            onBurst: { [weak self] in self?.delegate?.workPaused(on: loop) })
        sayHello(link, on: loop)
    }

    /// The name and 8 random bytes: unique, so that a handover to a namesake cannot happen by accident.
    private static func routingID(_ name: String) -> [UInt8] {
        var id = Array(name.utf8.prefix(64))
        id.append(0x23)
        var random = UInt64.random(in: .min ... .max)
        for _ in 0..<16 {
            id.append(Array("0123456789abcdef".utf8)[Int(random & 15)])
            random >>= 4
        }
        return id
    }

    private func sayHello(_ link: BusLink, on loop: isolated EventLoop) {
        link.lastHelloNs = loop.nowNs
        link.out.append(Header(.hello), payload: hello.payload)
        scheduleFlush(link, on: loop)
    }

    // MARK: Receiving

    private func receive(_ bytes: UnsafeBufferPointer<UInt8>, _ link: BusLink, on loop: isolated EventLoop) {
        link.lastHeardNs = loop.nowNs
        var reader = FrameReader(bytes)
        do throws(FrameError) {
            while let view = try reader.next() { receive(view, link, on: loop) }
        } catch {
            Log.warning("bus frame unreadable", ["broker": link.endpoint.work, "error": error.description])
        }
    }

    private func receive(_ view: MessageView, _ link: BusLink, on loop: isolated EventLoop) {
        let header = view.header
        switch header.verb {
        case .reply, .committed:
            complete(header.requestID, .success(BusAnswer(payload: view.payloadArray)))
        case .accepted:
            complete(header.requestID, .success(BusAnswer(accepted: Accepted(id: header.aux2, isDuplicate: header.aux == 1))))
        case .refused:
            let refusal = Refusal(payload: view.payloadArray)
            if refusal.code == .stranger {
                // The broker restarted, or forgot us after a silence.
                if link.isUp || loop.nowNs - link.lastHelloNs > 200_000_000 {
                    down(link, on: loop)
                    sayHello(link, on: loop)
                }
            } else if header.requestID != 0 {
                complete(header.requestID, .failure(refusal))
            } else {
                Log.warning("broker refused", ["broker": link.endpoint.work, "reason": refusal.description])
            }
        case .welcome:
            guard let welcome = Welcome(payload: view.payloadArray) else { return }
            let isNew = link.epoch != welcome.epoch
            if isNew, link.isUp { down(link, on: loop) }
            link.state = .up(broker: welcome.broker, epoch: welcome.epoch)
            delegate?.linkUp(link.index, isNew: isNew, on: loop)
            sendWaiting(on: loop)
            subscriptions?.linkUp(link, on: loop)
        case .goodbye: down(link, on: loop)
        case .job, .ingest, .request: delegate?.work(view, link: link.index, on: loop)
        case .settled: delegate?.settled(view, link: link.index, on: loop)
        case .cancel: delegate?.cancelled(view, link: link.index, on: loop)
        case .event: subscriptions?.snapshotEvent(view, link)
        case .snapshotEnd: subscriptions?.snapshotEnd(view, link, on: loop)
        default: break
        }
    }

    /// A link lost its broker: batches go to another one, everything else whose fate is unknown fails.
    func down(_ link: BusLink, on loop: isolated EventLoop) {
        let wasUp = link.isUp
        link.state = .down
        link.out.reset()
        for (id, call) in pending where call.link == link.index {
            if call.verb == .ingest {
                pending[id]?.link = nil
                unsent.append(id)
            } else {
                complete(id, .failure(Refusal(.disconnected, "the broker was lost before it answered; the outcome is unknown")))
            }
        }
        if wasUp { delegate?.linkDown(link.index, on: loop) }
        sendWaiting(on: loop)
    }

    // MARK: Time

    private func tick(on loop: isolated EventLoop) {
        let now = loop.nowNs
        for link in links {
            if link.isUp, now - link.lastHeardNs > limits.silenceNs { down(link, on: loop) }
            if link.isUp {
                if now - link.lastHelloNs >= limits.beatNs {
                    link.lastHelloNs = now
                    link.out.append(Header(.beat))
                    scheduleFlush(link, on: loop)
                }
            } else if now - link.lastHelloNs >= 300_000_000 {
                sayHello(link, on: loop)
            }
        }
        for id in deadlines.takeDue(nowNs: now) where pending[id] != nil { complete(id, .failure(Refusal(.deadline, "no answer in time"))) }
        // While no broker is there nobody meets the ids of calls that gave up.
        if unsent.count > 2 * pending.count + 1_000 { unsent.removeAll { pending[$0] == nil } }
        subscriptions?.tick(on: loop)
    }
}
