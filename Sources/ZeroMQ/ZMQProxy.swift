internal import CZeroMQ
internal import Glibc

/// A bare `zmq_proxy` between a ROUTER and a DEALER on a thread of its own: what the broker is measured against.
///
/// `@unchecked Sendable`: everything but the joined thread is constant, and the sockets belong to that thread once it runs.
public final class ZMQProxy: @unchecked Sendable {
    /// Where callers and where workers connect: loopback TCP, ports chosen by the kernel.
    public let front: String
    public let back: String

    private let context: ZMQContext
    private var thread = pthread_t()

    private final class Sockets {
        let front: UnsafeMutableRawPointer
        let back: UnsafeMutableRawPointer
        init(_ front: UnsafeMutableRawPointer, _ back: UnsafeMutableRawPointer) {
            self.front = front
            self.back = back
        }
        deinit {
            zmq_close(front)
            zmq_close(back)
        }
    }

    /// - Parameter secretKey: serves CURVE with this key and lets every client key in; nil is plain.
    public init(secretKey: String? = nil) throws(ZMQError) {
        context = ZMQContext()
        guard let router = zmq_socket(context.raw, ZMQ_ROUTER) else { throw ZMQError("zmq_socket") }
        guard let dealer = zmq_socket(context.raw, ZMQ_DEALER) else {
            zmq_close(router)
            throw ZMQError("zmq_socket")
        }
        let sockets = Sockets(router, dealer)
        for socket in [router, dealer] {
            var bound: Int32 = 100_000
            var none: Int32 = 0
            zmq_setsockopt(socket, ZMQ_SNDHWM, &bound, MemoryLayout<Int32>.size)
            zmq_setsockopt(socket, ZMQ_RCVHWM, &bound, MemoryLayout<Int32>.size)
            zmq_setsockopt(socket, ZMQ_LINGER, &none, MemoryLayout<Int32>.size)
            if let secretKey {
                var one: Int32 = 1
                zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &one, MemoryLayout<Int32>.size)
                guard zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secretKey, secretKey.utf8.count) == 0 else { throw ZMQError("zmq_setsockopt CURVE") }
            }
            guard zmq_bind(socket, "tcp://127.0.0.1:*") == 0 else { throw ZMQError("zmq_bind") }
        }
        front = try Self.endpoint(router)
        back = try Self.endpoint(dealer)
        let failed = pthread_create(&thread, nil, Self.main, Unmanaged.passRetained(sockets).toOpaque())
        precondition(failed == 0, "pthread_create failed")
    }

    /// Ends the proxy and waits for its thread.
    public func stop() {
        zmq_ctx_shutdown(context.raw)
        pthread_join(thread, nil)
    }

    private static func endpoint(_ socket: UnsafeMutableRawPointer) throws(ZMQError) -> String {
        var size = 256
        var text = [CChar](repeating: 0, count: size)
        guard zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, &text, &size) == 0 else { throw ZMQError("zmq_getsockopt LAST_ENDPOINT") }
        return String(decoding: text.prefix(max(0, size - 1)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
        guard let context else { return nil }
        let sockets = Unmanaged<Sockets>.fromOpaque(context).takeRetainedValue()
        // Returns when the context is shut down.
        zmq_proxy(sockets.front, sockets.back, nil)
        return nil
    }
}
