import HTTP

/// A WebSocket frame encoded once and queued by reference on every connection it goes to.
public final class SharedFrame: Sendable {
    public let bytes: [UInt8]
    /// Frames of the same key replace one another while they wait; nil means every one counts.
    public let key: String?

    /// Takes frame bytes as `WebSocketFrame` encodes them, without a mask.
    public init(encoded bytes: [UInt8], key: String? = nil) {
        self.bytes = bytes
        self.key = key
    }

    /// `payload` must be UTF-8.
    public convenience init(text payload: [UInt8], key: String? = nil) {
        self.init(encoded: WebSocketFrame.encode(.text, payload), key: key)
    }
}
