public import Protocol
public import Reactor

/// The topic plane of a client: a SUB per broker, events in order per stream, a snapshot whenever a number is missing.
final class BusSubscriptions {
    typealias Handler = (Event) -> Void

    private enum Position {
        case unknown
        /// Asked for a snapshot; live events wait.
        case syncing(held: [Event], snapshot: [Event], askedNs: Int64)
        case at(epoch: Int64, sequence: UInt64)
    }

    private unowned let client: BusClient
    private var handlers: [String: Handler] = [:]
    private var positions: [[String: Position]]
    private var sockets: [LoopSocket] = []
    private(set) var gaps = 0

    init(_ client: BusClient, on loop: isolated EventLoop) throws(ZMQError) {
        self.client = client
        positions = client.links.map { _ in [:] }
        for link in client.links {
            let socket = try ZMQSocket(client.context, .sub)
            if let serverKey = link.endpoint.serverKey, let keys = client.keys { try socket.useCurve(serverKey: serverKey, keys: keys) }
            try socket.connect(link.endpoint.topics)
            let frame = ZMQMessage()
            sockets.append(
                try LoopSocket(
                    socket, on: loop,
                    onMessage: { [weak self] socket, message in
                        guard message.hasMore, socket.receive(into: frame) else { return }
                        self?.receive(frame.bytes, link, on: loop)
                    }, onBurst: {}))
        }
    }

    func close(on loop: isolated EventLoop) {
        for socket in sockets { socket.close(on: loop) }
        sockets = []
    }

    func subscribe(_ stream: String, _ handler: @escaping Handler, on loop: isolated EventLoop) throws(ZMQError) {
        let isNew = handlers[stream] == nil
        handlers[stream] = handler
        guard isNew else { return }
        for (index, socket) in sockets.enumerated() {
            try socket.withSocket { (socket) throws(ZMQError) in try socket.subscribe(stream) }
            socket.schedulePump(on: loop)
            positions[index][stream] = .unknown
            if client.links[index].isUp { ask(stream, client.links[index], on: loop) }
        }
    }

    func linkUp(_ link: BusLink, on loop: isolated EventLoop) {
        for stream in handlers.keys {
            // A second welcome in the same life of the broker: nothing was missed, or the next number shows it.
            if case .at(let epoch, _) = positions[link.index][stream] ?? .unknown, epoch == link.epoch { continue }
            ask(stream, link, on: loop)
        }
    }

    func tick(on loop: isolated EventLoop) {
        for link in client.links where link.isUp {
            for (stream, position) in positions[link.index] {
                // A snapshot that never came is asked for again.
                if case .syncing(_, _, let askedNs) = position, loop.nowNs - askedNs > 2_000_000_000 { ask(stream, link, on: loop) }
                if case .unknown = position { ask(stream, link, on: loop) }
            }
        }
    }

    private func ask(_ stream: String, _ link: BusLink, on loop: isolated EventLoop) {
        var held: [Event] = []
        if case .syncing(let waiting, _, _) = positions[link.index][stream] ?? .unknown { held = waiting }
        positions[link.index][stream] = .syncing(held: held, snapshot: [], askedNs: loop.nowNs)
        client.send(Header(.snapshot), name: stream, payload: [], link: link.index, on: loop)
    }

    private func receive(_ bytes: UnsafeBufferPointer<UInt8>, _ link: BusLink, on loop: isolated EventLoop) {
        var reader = FrameReader(bytes)
        do throws(FrameError) {
            while let view = try reader.next() {
                switch view.header.verb {
                case .event: live(event(view), link, on: loop)
                case .position: position(view, link, on: loop)
                default: break
                }
            }
        } catch {
            Log.warning("topic frame unreadable", ["broker": link.endpoint.topics, "error": error.description])
        }
    }

    private func event(_ view: MessageView) -> Event {
        Event(
            topic: view.nameString, payload: view.payloadArray, isState: view.header.flags.contains(.state), epoch: view.header.aux2,
            sequence: view.header.requestID)
    }

    private func live(_ event: Event, _ link: BusLink, on loop: isolated EventLoop) {
        let stream = Topic.stream(of: event.topic)
        guard let handler = handlers[stream] else { return }
        switch positions[link.index][stream] ?? .unknown {
        case .unknown: break
        case .syncing(var held, let snapshot, let askedNs):
            if held.count >= client.limits.heldEvents { return }
            positions[link.index][stream] = .unknown
            held.append(event)
            positions[link.index][stream] = .syncing(held: held, snapshot: snapshot, askedNs: askedNs)
        case .at(let epoch, let sequence):
            if event.epoch == epoch, event.sequence <= sequence { return }
            if event.epoch == epoch, event.sequence == sequence + 1 {
                positions[link.index][stream] = .at(epoch: epoch, sequence: event.sequence)
                handler(event)
            } else {
                gaps += 1
                ask(stream, link, on: loop)
                live(event, link, on: loop)
            }
        }
    }

    /// The broker's word on its last number: shows events that were dropped on the way when no later one follows.
    private func position(_ view: MessageView, _ link: BusLink, on loop: isolated EventLoop) {
        let stream = view.nameString
        guard handlers[stream] != nil, case .at(let epoch, let sequence) = positions[link.index][stream] ?? .unknown else { return }
        if view.header.aux2 != epoch || view.header.requestID > sequence {
            gaps += 1
            ask(stream, link, on: loop)
        }
    }

    func snapshotEvent(_ view: MessageView, _ link: BusLink) {
        let stream = Topic.stream(of: view.nameString)
        guard case .syncing(let held, var snapshot, let askedNs) = positions[link.index][stream] ?? .unknown else { return }
        positions[link.index][stream] = .unknown
        snapshot.append(event(view))
        positions[link.index][stream] = .syncing(held: held, snapshot: snapshot, askedNs: askedNs)
    }

    func snapshotEnd(_ view: MessageView, _ link: BusLink, on loop: isolated EventLoop) {
        let stream = view.nameString
        guard let handler = handlers[stream], case .syncing(let held, let snapshot, _) = positions[link.index][stream] ?? .unknown,
            let sequence = UInt64(String(decoding: view.payload, as: UTF8.self))
        else { return }
        positions[link.index][stream] = .at(epoch: view.header.aux2, sequence: sequence)
        for event in snapshot.sorted(by: { $0.sequence < $1.sequence }) { handler(event) }
        for event in held where event.epoch == view.header.aux2 {
            if event.sequence > sequence {
                live(event, link, on: loop)
            } else if !event.isState {
                // The snapshot holds states alone: what happened meanwhile is in nothing else.
                handler(event)
            }
        }
    }
}

extension BusClient {
    /// Listens to a stream: first its last values, then every event in order; after a gap its last values again.
    public func subscribe(_ stream: Topic.Stream, on loop: isolated EventLoop, _ handler: @escaping (Event) -> Void) throws(ZMQError) {
        if subscriptions == nil { subscriptions = try BusSubscriptions(self, on: loop) }
        try subscriptions?.subscribe(stream.rawValue, handler, on: loop)
    }

    /// How often events were missing and a snapshot repaired it.
    public var gaps: Int { subscriptions?.gaps ?? 0 }
}
