import Broker
import Bytes
import Protocol
import Reactor
import ZeroMQ

/// The broker core behind real sockets, with a store that takes everything at once and forgets it.
final class TestBroker {
    private(set) var core: BrokerCore
    private var routers: [LoopSocket] = []
    private var publishers: [LoopSocket] = []
    private(set) var zap: ZAPHandler?
    private(set) var endpoint: BusEndpoint
    private var lastJob: Int64 = 0
    private var isClosed = false
    /// Events are numbered and then lost on the way to the subscribers.
    var losesEvents = false

    init(_ context: ZMQContext, _ endpoint: BusEndpoint, epoch: Int64 = 1, security: BusSecurity? = nil, on loop: isolated EventLoop) throws(ZMQError) {
        var limits = BrokerLimits()
        limits.beatNs = 50_000_000
        core = BrokerCore(name: "test", epoch: epoch, limits: limits, nowNs: loop.nowNs)
        self.endpoint = endpoint
        if let security { zap = try ZAPHandler(context, clients: security.clients, on: loop) }
        let router = try ZMQSocket(context, .router)
        let publisher = try ZMQSocket(context, .xpub)
        if let security {
            try router.serveCurve(secretKey: security.secretKey, domain: ZAPHandler.domain)
            try publisher.serveCurve(secretKey: security.secretKey, domain: ZAPHandler.domain)
        }
        try router.bind(endpoint.work)
        try publisher.bind(endpoint.topics)
        self.endpoint = BusEndpoint(work: try router.lastEndpoint(), topics: try publisher.lastEndpoint(), serverKey: endpoint.serverKey)
        let frame = ZMQMessage()
        routers.append(
            try LoopSocket(
                router, on: loop,
                onMessage: { [weak self] socket, identity in
                    let id = Array(identity.bytes)
                    guard identity.hasMore, socket.receive(into: frame) else { return }
                    self?.receive(frame.bytes, from: id, nowNs: loop.nowNs)
                }, onBurst: { [weak self] in self?.flush(on: loop) }))
        publishers.append(try LoopSocket(publisher, on: loop, onMessage: { _, _ in }, onBurst: {}))
        loop.every(ns: 20_000_000) { [weak self] in
            guard let self, !isClosed else { return false }
            core.tick(nowNs: loop.nowNs)
            flush(on: loop)
            return true
        }
    }

    /// Closes without a word, as a killed process does.
    func kill(on loop: isolated EventLoop) {
        isClosed = true
        for socket in routers + publishers { socket.close(on: loop) }
        routers = []
        publishers = []
        zap?.close(on: loop)
    }

    /// Names of the peers that said hello.
    var peers: [String] {
        let inspection = try? JSONValue.parse(core.inspection())
        return (inspection?["peers"]?.array ?? []).compactMap { $0["name"]?.string }.sorted()
    }

    private func receive(_ bytes: UnsafeBufferPointer<UInt8>, from identity: [UInt8], nowNs: Int64) {
        var reader = FrameReader(bytes)
        do throws(FrameError) {
            while let view = try reader.next() { core.receive(view, from: identity, nowNs: nowNs) }
        } catch {
            core.malformedFrame(error, from: identity)
        }
    }

    private func flush(on loop: isolated EventLoop) {
        guard let router = routers.first, let publisher = publishers.first else { return }
        let work = core.takeWork()
        for insert in work.inserts {
            lastJob += 1
            core.inserted(insert, id: lastJob, isDuplicate: false)
        }
        for outcome in work.outcomes { core.settle(outcome.run, peer: outcome.peer, fenced: false) }
        if !work.claims.isEmpty { core.claimed([], asked: work.claims) }
        core.flush { _, identity, bytes in
            router.withSocket { socket in
                if socket.send(identity, more: true) == .sent { _ = socket.send(bytes) }
            }
            router.schedulePump(on: loop)
        }
        core.flushStreams { stream, bytes in
            var bytes = bytes
            if losesEvents { bytes = Self.positions(bytes) }
            publisher.withSocket { socket in
                if socket.send(Array(stream.utf8), more: true) == .sent { _ = socket.send(bytes) }
            }
            publisher.schedulePump(on: loop)
        }
        core.forgetStrangers()
    }

    /// The frame without its events.
    private static func positions(_ frame: [UInt8]) -> [UInt8] {
        var writer = FrameWriter()
        frame.withUnsafeBufferPointer { bytes in
            var reader = FrameReader(bytes)
            while let view = (try? reader.next()) ?? nil {
                if view.header.verb != .event { writer.append(view.header, name: view.name, payload: view.payload) }
            }
        }
        return writer.bytes
    }
}
