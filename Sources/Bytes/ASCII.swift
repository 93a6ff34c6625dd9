/// Predicates on single bytes.
public enum ASCII {
    @inlinable public static func isDigit(_ b: UInt8) -> Bool { b &- 0x30 < 10 }
    @inlinable public static func lower(_ b: UInt8) -> UInt8 { b &- 0x41 < 26 ? b | 0x20 : b }
    @inlinable public static func hexValue(_ b: UInt8) -> UInt8? {
        if b &- 0x30 < 10 { return b - 0x30 }
        let l = b | 0x20
        return l &- 0x61 < 6 ? l - 0x61 + 10 : nil
    }

    /// Whether two byte strings are equal without regard to ASCII case.
    public static func equalsIgnoringCase(_ a: some Collection<UInt8>, _ b: StaticString) -> Bool {
        guard a.count == b.utf8CodeUnitCount else { return false }
        var p = b.utf8Start
        for byte in a {
            if lower(byte) != lower(p.pointee) { return false }
            p += 1
        }
        return true
    }
}

/// Reads fixed ASCII shapes from bytes, left to right. Each `take` moves past what it matched, or leaves the position alone.
public struct ASCIICursor {
    public let bytes: UnsafeBufferPointer<UInt8>
    public private(set) var position: Int

    /// The buffer must outlive the cursor.
    public init(_ bytes: UnsafeBufferPointer<UInt8>, at position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    public var isAtEnd: Bool { position >= bytes.count }
    public var next: UInt8? { isAtEnd ? nil : bytes[position] }

    public mutating func skip() { position += 1 }

    public mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    /// Exactly `count` decimal digits, at most 18.
    public mutating func digits(_ count: Int) -> Int? {
        guard position + count <= bytes.count else { return nil }
        var n = 0
        for i in position..<(position + count) {
            guard ASCII.isDigit(bytes[i]) else { return nil }
            n = n * 10 + Int(bytes[i] - 0x30)
        }
        position += count
        return n
    }

    /// One or more decimal digits, as many as there are; nil when none or when the number overflows.
    public mutating func number() -> Int? {
        let start = position
        var n = 0
        while position < bytes.count, ASCII.isDigit(bytes[position]) {
            let (m, o) = n.multipliedReportingOverflow(by: 10)
            let (s, p) = m.addingReportingOverflow(Int(bytes[position] - 0x30))
            if o || p {
                position = start
                return nil
            }
            n = s
            position += 1
        }
        return position > start ? n : nil
    }
}
