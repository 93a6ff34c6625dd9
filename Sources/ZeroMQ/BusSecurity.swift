public import Protocol
public import Reactor

/// A broker's CURVE key and the clients it lets in.
public struct BusSecurity: Sendable {
    /// Z85 secret key of the broker.
    public var secretKey: String
    /// Public keys (Z85) that may connect, with the role each may take.
    public var clients: [String: Role]

    public init(secretKey: String, clients: [String: Role]) {
        self.secretKey = secretKey
        self.clients = clients
    }
}

/// The ZAP handler (RFC 27) of a context: answers libzmq's question whether a CURVE key may connect.
/// Without it libzmq would let every key in, so it is started before any socket is bound.
public final class ZAPHandler {
    public static let domain = "heliograph"
    private let clients: [String: Role]
    private var socket: LoopSocket?
    public private(set) var refused = 0

    public init(_ context: ZMQContext, clients: [String: Role], on loop: isolated EventLoop) throws(ZMQError) {
        self.clients = clients
        let rep = try ZMQSocket(context, .rep)
        try rep.bind("inproc://zeromq.zap.01")
        let part = ZMQMessage()
        socket = try LoopSocket(
            rep, on: loop,
            onMessage: { [weak self] socket, first in
                var parts = [Array(first.bytes)]
                var more = first.hasMore
                while more, socket.receive(into: part) {
                    parts.append(Array(part.bytes))
                    more = part.hasMore
                }
                self?.answer(parts, socket)
            }, onBurst: {})
    }

    /// Request: version, request id, domain, address, identity, mechanism, credentials.
    private func answer(_ parts: [[UInt8]], _ socket: borrowing ZMQSocket) {
        let key = parts.count >= 7 && parts[5] == Array("CURVE".utf8) ? CurveKeys.z85(parts[6]) : nil
        let role = key.flatMap { clients[$0] }
        if role == nil { refused += 1 }
        let reply: [[UInt8]] = [
            Array("1.0".utf8), parts.count > 1 ? parts[1] : [], Array((role == nil ? "400" : "200").utf8),
            Array((role == nil ? "key not allowed" : "").utf8), Array((role?.rawValue ?? "").utf8), [],
        ]
        for (index, part) in reply.enumerated() { _ = socket.send(part, more: index < reply.count - 1) }
    }

    public func close(on loop: isolated EventLoop) {
        socket?.close(on: loop)
        socket = nil
    }
}
