import Bytes
import Protocol

/// The texts of a row, checked where they lie in the body: no string is made unless there are escapes in it.
struct IntakeText {
    /// What `bytes` points into, when the text had escapes.
    private var unescaped: [UInt8] = []
    private var raw = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
    private var hasEscapes = false

    mutating func set(_ text: JSONReader.Text) {
        raw = text.raw
        hasEscapes = text.hasEscapes
        if hasEscapes { unescaped = Array(text.string.utf8) }
    }

    /// The text's bytes, good until `set` is called again or the body goes.
    @inline(__always) func withBytes<R>(_ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
        hasEscapes ? unescaped.withUnsafeBufferPointer(body) : body(raw)
    }

    var count: Int { hasEscapes ? unescaped.count : raw.count }

    /// Whether the text can be an id: within the bound, and without control characters (C0, DEL, C1).
    var isID: Bool {
        guard count <= ChargingNames.maxIDBytes else { return false }
        return withBytes { bytes in
            var before: UInt8 = 0
            for b in bytes {
                if b < 0x20 || b == 0x7F || (before == 0xC2 && b < 0xA0) { return false }
                before = b
            }
            return true
        }
    }
}
