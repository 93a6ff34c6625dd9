internal import CZeroMQ

/// What libzmq reported: the call, its errno and libzmq's words for it.
public struct ZMQError: Error, Sendable, CustomStringConvertible {
    public var call: String
    public var code: Int32

    init(_ call: StaticString) {
        self.call = call.description
        code = zmq_errno()
    }

    init(call: String, code: Int32) {
        self.call = call
        self.code = code
    }

    public var message: String { String(cString: zmq_strerror(code)) }
    public var description: String { "\(call): \(message)" }
}
