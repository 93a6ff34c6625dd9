import Bytes

/// What a client subscribes to: a topic (`vehicles.7`), everything below one (`vehicles.*`), or all (`*`).
public struct TopicPattern: Hashable, Sendable, CustomStringConvertible {
    /// Bytes of one pattern; clients choose them, so they are bounded.
    public static let maxLength = 128

    public let text: String

    /// Nil unless the text is 1 to 128 bytes of letters, digits, `_ - : .` and perhaps a last segment `*`.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard (1...Self.maxLength).contains(bytes.count) else { return nil }
        for (i, b) in bytes.enumerated() {
            if b == UInt8(ascii: "*") {
                guard i == bytes.count - 1, i == 0 || bytes[i - 1] == UInt8(ascii: ".") else { return nil }
            } else {
                guard ASCII.isDigit(b) || ASCII.lower(b) &- 0x61 < 26 || b == 0x5F || b == 0x2D || b == 0x3A || b == 0x2E else { return nil }
            }
        }
        self.text = text
    }

    public var description: String { text }
    public var isPrefix: Bool { text.hasSuffix("*") }

    public func matches(_ topic: String) -> Bool {
        isPrefix ? topic.utf8.starts(with: text.utf8.dropLast()) : topic == text
    }
}
