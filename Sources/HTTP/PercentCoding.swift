import Bytes

/// Percent-encoding (RFC 3986 §2.1).
public enum PercentCoding {
    /// Undoes escapes. Nil when an escape is malformed, or when the result is not UTF-8 or contains NUL.
    ///
    /// `plusIsSpace` is the rule of form data and queries, not of paths.
    public static func decode(_ bytes: UnsafeBufferPointer<UInt8>, plusIsSpace: Bool = false) -> String? {
        var plain = true
        for b in bytes where b == UInt8(ascii: "%") || b >= 0x80 || b == 0 || plusIsSpace && b == UInt8(ascii: "+") {
            plain = false
            break
        }
        if plain { return String(decoding: bytes, as: UTF8.self) }
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var i = 0
        while i < bytes.count {
            var b = bytes[i]
            i += 1
            if b == UInt8(ascii: "%") {
                guard i + 1 < bytes.count, let high = ASCII.hexValue(bytes[i]), let low = ASCII.hexValue(bytes[i + 1]) else { return nil }
                b = high << 4 | low
                i += 2
            } else if plusIsSpace, b == UInt8(ascii: "+") {
                b = 0x20
            }
            if b == 0 { return nil }
            out.append(b)
        }
        return UTF8Check.isValid(out) ? String(decoding: out, as: UTF8.self) : nil
    }

    public static func decode(_ text: String, plusIsSpace: Bool = false) -> String? {
        var text = text
        return text.withUTF8 { decode($0, plusIsSpace: plusIsSpace) }
    }

    /// Escapes everything but unreserved characters, with upper-case digits.
    public static func encode(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var out: [UInt8] = []
        for b in text.utf8 {
            if CharacterSet.unreserved.contains(b) {
                out.append(b)
            } else {
                out.append(contentsOf: [UInt8(ascii: "%"), digits[Int(b >> 4)], digits[Int(b & 15)]])
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
