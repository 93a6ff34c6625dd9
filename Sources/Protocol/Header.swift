/// The fixed part of every message: 40 bytes, little-endian.
///
/// ```
/// 0 magic "HG" · 2 version · 3 verb · 4 flags u16 · 6 name length u16 · 8 payload length u32 · 12 aux u32
/// 16 request id u64 · 24 time left i64 (ms when sent, 0 = no limit) · 32 aux2 i64
/// ```
/// The name (UTF-8) and the payload follow. One frame on the bus carries any number of messages, one behind the other:
/// what a tick produces for a peer travels as one ZeroMQ message.
public struct Header: Hashable, Sendable {
    public static let size = 40
    public static let magic0 = UInt8(ascii: "H")
    public static let magic1 = UInt8(ascii: "G")
    /// Raised whenever a field changes its meaning; a peer with another version is refused by name.
    public static let version: UInt8 = 1
    /// The largest payload taken from the wire, in bytes: above the largest HTTP body (10 MB) with its row codec.
    public static let maxPayload = 32 << 20
    public static let maxName = 256

    public struct Flags: OptionSet, Hashable, Sendable {
        public let rawValue: UInt16
        public init(rawValue: UInt16) { self.rawValue = rawValue }
        /// `done`: the worker committed the completion in its own transaction.
        public static let committed = Flags(rawValue: 1)
        /// `publish`, `event`: the topic is a state; its last value is kept and slow listeners may skip to the newest.
        public static let state = Flags(rawValue: 2)
        /// `event`: part of a snapshot.
        public static let snapshot = Flags(rawValue: 4)
        /// `settled`: the outcome was refused because the job belongs to a later attempt.
        public static let fenced = Flags(rawValue: 8)
    }

    public var verb: Verb
    public var flags: Flags
    public var aux: UInt32
    public var requestID: UInt64
    public var timeoutMs: Int64
    public var aux2: Int64

    public init(_ verb: Verb, flags: Flags = [], requestID: UInt64 = 0, timeoutMs: Int64 = 0, aux: UInt32 = 0, aux2: Int64 = 0) {
        self.verb = verb
        self.flags = flags
        self.aux = aux
        self.requestID = requestID
        self.timeoutMs = timeoutMs
        self.aux2 = aux2
    }
}
