internal import CZeroMQ

/// A socket with one owner: the loop thread that made it. Never blocks: every call is DONTWAIT.
public struct ZMQSocket: ~Copyable {
    public enum Kind: Sendable {
        case dealer, router, xpub, sub, rep

        var raw: Int32 {
            switch self {
            case .dealer: ZMQ_DEALER
            case .router: ZMQ_ROUTER
            case .xpub: ZMQ_XPUB
            case .sub: ZMQ_SUB
            case .rep: ZMQ_REP
            }
        }
    }

    /// What became of a send.
    public enum SendResult: Sendable {
        case sent
        /// The peer's queue is full: try again when the socket is writable.
        case full
        /// A ROUTER knows no such peer (any more).
        case unreachable
    }

    private let raw: UnsafeMutableRawPointer
    /// Keeps the context alive as long as its sockets.
    private let context: ZMQContext

    public init(_ context: ZMQContext, _ kind: Kind) throws(ZMQError) {
        self.raw = try Self.open(context, kind)
        self.context = context
    }

    private static func open(_ context: ZMQContext, _ kind: Kind) throws(ZMQError) -> UnsafeMutableRawPointer {
        guard let raw = zmq_socket(context.raw, kind.raw) else { throw ZMQError("zmq_socket") }
        var options: [(Int32, Int32)] = [
            (ZMQ_LINGER, 0), (ZMQ_HANDSHAKE_IVL, 5_000),
            // Messages are bounded by credits and byte counts above; libzmq's own bound must never bite first.
            (ZMQ_SNDHWM, 100_000), (ZMQ_RCVHWM, 100_000),
        ]
        switch kind {
        case .dealer, .sub:
            options += [(ZMQ_RECONNECT_IVL, 50), (ZMQ_RECONNECT_IVL_MAX, 500), (ZMQ_HEARTBEAT_IVL, 2_000), (ZMQ_HEARTBEAT_TIMEOUT, 5_000)]
        case .router: options += [(ZMQ_ROUTER_MANDATORY, 1), (ZMQ_ROUTER_HANDOVER, 1)]
        case .xpub, .rep: break
        }
        do throws(ZMQError) {
            for (option, value) in options { try set(raw, option, value) }
            var limit: Int64 = 64 << 20
            guard zmq_setsockopt(raw, ZMQ_MAXMSGSIZE, &limit, MemoryLayout<Int64>.size) == 0 else { throw ZMQError("zmq_setsockopt MAXMSGSIZE") }
        } catch {
            zmq_close(raw)
            throw error
        }
        return raw
    }

    deinit { zmq_close(raw) }

    /// The descriptor to watch. It is edge-triggered: after it fires, and after every send, receive until nothing is left.
    public var descriptor: Int32 {
        get throws(ZMQError) {
            var fd: Int32 = -1
            var size = MemoryLayout<Int32>.size
            guard zmq_getsockopt(raw, ZMQ_FD, &fd, &size) == 0 else { throw ZMQError("zmq_getsockopt FD") }
            return fd
        }
    }

    public borrowing func bind(_ endpoint: String) throws(ZMQError) {
        guard zmq_bind(raw, endpoint) == 0 else { throw ZMQError(call: "zmq_bind \(endpoint)", code: zmq_errno()) }
    }

    /// The endpoint really bound, for instance with the port that `tcp://127.0.0.1:*` got.
    public borrowing func lastEndpoint() throws(ZMQError) -> String {
        var size = 256
        var text = [CChar](repeating: 0, count: size)
        guard zmq_getsockopt(raw, ZMQ_LAST_ENDPOINT, &text, &size) == 0 else { throw ZMQError("zmq_getsockopt LAST_ENDPOINT") }
        return String(decoding: text.prefix(max(0, size - 1)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    public borrowing func connect(_ endpoint: String) throws(ZMQError) {
        guard zmq_connect(raw, endpoint) == 0 else { throw ZMQError(call: "zmq_connect \(endpoint)", code: zmq_errno()) }
    }

    public borrowing func setRoutingID(_ id: [UInt8]) throws(ZMQError) {
        guard zmq_setsockopt(raw, ZMQ_ROUTING_ID, id, id.count) == 0 else { throw ZMQError("zmq_setsockopt ROUTING_ID") }
    }

    /// Milliseconds that unsent messages may take after the socket is closed.
    public borrowing func setLinger(ms: Int32) throws(ZMQError) { try set(ZMQ_LINGER, ms) }

    /// Queues only to completed connections: what is sent while the peer is away is refused as full, not kept.
    public borrowing func setImmediate() throws(ZMQError) { try set(ZMQ_IMMEDIATE, 1) }

    public borrowing func subscribe(_ prefix: String) throws(ZMQError) {
        guard zmq_setsockopt(raw, ZMQ_SUBSCRIBE, prefix, prefix.utf8.count) == 0 else { throw ZMQError("zmq_setsockopt SUBSCRIBE") }
    }

    /// Serves CURVE with this secret key (Z85); peers are then checked by the context's ZAP handler.
    public borrowing func serveCurve(secretKey: String, domain: String) throws(ZMQError) {
        try set(ZMQ_CURVE_SERVER, 1)
        guard zmq_setsockopt(raw, ZMQ_CURVE_SECRETKEY, secretKey, secretKey.utf8.count) == 0 else { throw ZMQError("zmq_setsockopt CURVE_SECRETKEY") }
        guard zmq_setsockopt(raw, ZMQ_ZAP_DOMAIN, domain, domain.utf8.count) == 0 else { throw ZMQError("zmq_setsockopt ZAP_DOMAIN") }
    }

    /// Speaks CURVE to a server with this public key (Z85).
    public borrowing func useCurve(serverKey: String, keys: CurveKeys) throws(ZMQError) {
        for (option, key) in [(ZMQ_CURVE_SERVERKEY, serverKey), (ZMQ_CURVE_PUBLICKEY, keys.publicKey), (ZMQ_CURVE_SECRETKEY, keys.secretKey)] {
            guard zmq_setsockopt(raw, option, key, key.utf8.count) == 0 else { throw ZMQError("zmq_setsockopt CURVE key") }
        }
    }

    /// Receives one part; false when there is none now.
    public borrowing func receive(into message: borrowing ZMQMessage) -> Bool {
        zmq_msg_recv(message.raw, raw, ZMQ_DONTWAIT) >= 0
    }

    public borrowing func send(_ bytes: [UInt8], more: Bool = false) -> SendResult {
        bytes.withUnsafeBufferPointer { send($0, more: more) }
    }

    public borrowing func send(_ bytes: UnsafeBufferPointer<UInt8>, more: Bool = false) -> SendResult {
        if zmq_send(raw, bytes.baseAddress, bytes.count, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) >= 0 { return .sent }
        return zmq_errno() == EHOSTUNREACH ? .unreachable : .full
    }

    /// Moves a received part on without copying it.
    public borrowing func forward(_ message: borrowing ZMQMessage, more: Bool) -> SendResult {
        if zmq_msg_send(message.raw, raw, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) >= 0 { return .sent }
        return zmq_errno() == EHOSTUNREACH ? .unreachable : .full
    }

    private borrowing func set(_ option: Int32, _ value: Int32) throws(ZMQError) { try Self.set(raw, option, value) }

    private static func set(_ raw: UnsafeMutableRawPointer, _ option: Int32, _ value: Int32) throws(ZMQError) {
        var value = value
        guard zmq_setsockopt(raw, option, &value, MemoryLayout<Int32>.size) == 0 else {
            throw ZMQError(call: "zmq_setsockopt \(option)", code: zmq_errno())
        }
    }
}
