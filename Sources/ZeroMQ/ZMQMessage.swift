internal import CZeroMQ

/// One message part. Receiving into it again frees what it held.
public struct ZMQMessage: ~Copyable {
    let raw: UnsafeMutablePointer<zmq_msg_t>

    public init() {
        raw = .allocate(capacity: 1)
        zmq_msg_init(raw)
    }

    deinit {
        zmq_msg_close(raw)
        raw.deallocate()
    }

    public var count: Int { zmq_msg_size(raw) }
    /// Whether more parts of the same message follow.
    public var hasMore: Bool { zmq_msg_more(raw) != 0 }

    /// The part's bytes, valid until the next receive into this message.
    public var bytes: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: zmq_msg_data(raw)?.assumingMemoryBound(to: UInt8.self), count: zmq_msg_size(raw))
    }

    /// Metadata that the ZAP handler or the connection set, for instance `User-Id`.
    public func property(_ name: String) -> String? {
        zmq_msg_gets(raw, name).map { String(cString: $0) }
    }
}
