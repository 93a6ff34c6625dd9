/// Incremental UTF-8 validation (RFC 3629): no overlong forms, no surrogates, nothing beyond U+10FFFF.
public struct UTF8Check: Sendable {
    /// Continuation bytes still expected, and the range the next one must be in.
    private var needed: UInt8 = 0
    private var low: UInt8 = 0x80
    private var high: UInt8 = 0xBF

    public init() {}

    /// Whether the bytes fed so far end on a character boundary.
    public var isComplete: Bool { needed == 0 }

    /// Feeds bytes; false as soon as they cannot be part of valid text.
    public mutating func feed(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var i = 0
        while i < bytes.count {
            let b = bytes[i]
            i += 1
            if needed == 0 {
                if b < 0x80 { continue }
                low = 0x80
                high = 0xBF
                switch b {
                case 0xC2...0xDF: needed = 1
                case 0xE0...0xEF:
                    needed = 2
                    if b == 0xE0 { low = 0xA0 }
                    if b == 0xED { high = 0x9F }
                case 0xF0...0xF4:
                    needed = 3
                    if b == 0xF0 { low = 0x90 }
                    if b == 0xF4 { high = 0x8F }
                default: return false
                }
            } else {
                guard b >= low, b <= high else { return false }
                low = 0x80
                high = 0xBF
                needed -= 1
            }
        }
        return true
    }

    public static func isValid(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var check = UTF8Check()
        return check.feed(bytes) && check.isComplete
    }

    public static func isValid(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBufferPointer { isValid($0) } }
}
