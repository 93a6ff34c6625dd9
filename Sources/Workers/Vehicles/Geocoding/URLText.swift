import Bytes

/// Parts of URLs.
enum URLText {
    /// Six decimals, 0.1 m: as many as geocoders take.
    static func degrees(_ value: Double) -> String {
        let millionths = Int((value * 1_000_000).rounded())
        let digits = String(millionths.magnitude % 1_000_000)
        return "\(millionths < 0 ? "-" : "")\(millionths.magnitude / 1_000_000).\(String(repeating: "0", count: 6 - digits.count))\(digits)"
    }

    /// Percent-encoded, unreserved characters apart.
    static func escaped(_ text: String) -> String {
        var out: [UInt8] = []
        for byte in text.utf8 {
            if ASCII.isDigit(byte) || (byte | 0x20) &- 0x61 < 26 || "-._~".utf8.contains(byte) {
                out.append(byte)
            } else {
                let hex = Array("0123456789ABCDEF".utf8)
                out += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
