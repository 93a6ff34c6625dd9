import Bytes

/// Takes field values apart as RFC 9110 §5.6 writes them: tokens, quoted strings, parameters, lists.
struct FieldText {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    var isAtEnd: Bool { position >= bytes.count }

    mutating func skipSpace() {
        while position < bytes.count, bytes[position] == 0x20 || bytes[position] == 0x09 { position += 1 }
    }

    mutating func take(_ character: Character) -> Bool {
        guard position < bytes.count, bytes[position] == character.asciiValue else { return false }
        position += 1
        return true
    }

    /// A token in lower case, or nil.
    mutating func token() -> String? { taking(CharacterSet.token.contains).map { $0.lowercased() } }

    /// As many digits as there are; nil when none or too many for an Int.
    mutating func number() -> Int? { taking(ASCII.isDigit).flatMap { Int($0) } }

    /// Characters up to one of `ends` or the end, space trimmed at the right.
    mutating func until(_ end: Character) -> String {
        let start = position
        while position < bytes.count, bytes[position] != end.asciiValue { position += 1 }
        var last = position
        while last > start, bytes[last - 1] == 0x20 || bytes[last - 1] == 0x09 { last -= 1 }
        return String(decoding: bytes[start..<last], as: UTF8.self)
    }

    /// A token as written, or the inside of a quoted string.
    mutating func tokenOrQuoted() -> String? {
        guard take("\"") else { return taking(CharacterSet.token.contains) }
        var out: [UInt8] = []
        while position < bytes.count {
            var b = bytes[position]
            position += 1
            if b == UInt8(ascii: "\"") { return String(decoding: out, as: UTF8.self) }
            if b == UInt8(ascii: "\\") {
                guard position < bytes.count else { return nil }
                b = bytes[position]
                position += 1
            }
            out.append(b)
        }
        return nil
    }

    private mutating func taking(_ wanted: (UInt8) -> Bool) -> String? {
        let start = position
        while position < bytes.count, wanted(bytes[position]) { position += 1 }
        return position > start ? String(decoding: bytes[start..<position], as: UTF8.self) : nil
    }
}
