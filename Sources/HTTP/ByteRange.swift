/// The `Range` field for bytes (RFC 9110 §14), one range at a time.
public enum ByteRange: Hashable, Sendable {
    /// No range, several ranges, another unit or a malformed field: answer with the whole (a server may ignore `Range`).
    case whole
    /// Answer 206 with these bytes.
    case part(Range<Int>)
    /// Answer 416.
    case unsatisfiable

    /// Resolves a field value against a length in bytes.
    public init(_ text: String?, length: Int) {
        self = .whole
        guard let text else { return }
        var t = FieldText(text)
        guard t.token() == "bytes", t.take("=") else { return }
        t.skipSpace()
        if t.take("-") {
            guard let suffix = t.number() else { return }
            t.skipSpace()
            guard t.isAtEnd else { return }
            self = suffix == 0 || length == 0 ? .unsatisfiable : .part(max(0, length - suffix)..<length)
            return
        }
        guard let first = t.number(), t.take("-") else { return }
        t.skipSpace()
        let last = t.isAtEnd ? Int.max : t.number()
        t.skipSpace()
        guard let last, t.isAtEnd, first <= last else { return }
        self = first >= length ? .unsatisfiable : .part(first..<(min(last, length - 1) + 1))
    }
}
