internal import CZeroMQ

/// A libzmq context: its I/O thread and the namespace of `inproc://` addresses.
///
/// `@unchecked Sendable`: libzmq's contexts are thread-safe and the pointer is a constant.
public final class ZMQContext: @unchecked Sendable {
    let raw: UnsafeMutableRawPointer

    public init() {
        guard let raw = zmq_ctx_new() else { fatalError("zmq_ctx_new failed: out of memory or descriptors") }
        self.raw = raw
        // Heliograph's clients hold a few sockets each; the default of 1023 would bound a test that makes thousands.
        zmq_ctx_set(raw, ZMQ_MAX_SOCKETS, 16_384)
        zmq_ctx_set(raw, ZMQ_IPV6, 1)
    }

    /// Ends the context; every socket must be closed by then (a socket keeps its context alive, so that holds).
    deinit { zmq_ctx_term(raw) }
}
