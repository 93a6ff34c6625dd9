/// Base64 (RFC 4648 §4).
public enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    public static func encode(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let count = min(3, bytes.count - start)
            var group: UInt32 = 0
            for i in 0..<3 { group = group << 8 | (i < count ? UInt32(bytes[start + i]) : 0) }
            for i in 0..<4 { out.append(i <= count ? alphabet[Int(group >> UInt32(18 - 6 * i)) & 63] : UInt8(ascii: "=")) }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Strict: padded, no white space, spare bits zero. Nil for anything else.
    public static func decode(_ text: String) -> [UInt8]? {
        let bytes = Array(text.utf8)
        guard bytes.count % 4 == 0 else { return nil }
        let padding = bytes.suffix(2).filter { $0 == UInt8(ascii: "=") }.count
        var out: [UInt8] = []
        var group: UInt32 = 0
        for (i, b) in bytes.dropLast(padding).enumerated() {
            guard let v = value(b) else { return nil }
            group = group << 6 | v
            if i % 4 == 3 { out.append(contentsOf: [UInt8(group >> 16 & 255), UInt8(group >> 8 & 255), UInt8(group & 255)]) }
        }
        switch padding {
        case 1:
            guard group & 3 == 0 else { return nil }
            out.append(contentsOf: [UInt8(group >> 10 & 255), UInt8(group >> 2 & 255)])
        case 2:
            guard group & 15 == 0 else { return nil }
            out.append(UInt8(group >> 4 & 255))
        default: break
        }
        return out
    }

    /// Base64url without padding (RFC 4648 §5, as RFC 7515 uses it).
    public static func encodeURL(_ bytes: [UInt8]) -> String {
        let plain = encode(bytes).utf8.prefix { $0 != UInt8(ascii: "=") }
        let mapped = plain.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: "-") : $0 == UInt8(ascii: "/") ? UInt8(ascii: "_") : $0 }
        return String(decoding: mapped, as: UTF8.self)
    }

    /// Strict, likewise: nil for padding, the other alphabet's characters, or spare bits that are not zero.
    public static func decodeURL(_ text: some Collection<UInt8>) -> [UInt8]? {
        var plain: [UInt8] = []
        for b in text {
            switch b {
            case UInt8(ascii: "-"): plain.append(UInt8(ascii: "+"))
            case UInt8(ascii: "_"): plain.append(UInt8(ascii: "/"))
            case UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="): return nil
            default: plain.append(b)
            }
        }
        plain += [UInt8](repeating: UInt8(ascii: "="), count: (4 - plain.count % 4) % 4)
        return decode(String(decoding: plain, as: UTF8.self))
    }

    private static func value(_ b: UInt8) -> UInt32? {
        switch b {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(b - 65)
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(b - 71)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(b + 4)
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
