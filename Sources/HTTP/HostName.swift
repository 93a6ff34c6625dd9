import Bytes

/// The syntax of `Host` (RFC 9110 §7.2): a name, an IPv4 address or an IPv6 address in brackets, and perhaps a port.
enum HostName {
    static func isValid(_ value: UnsafeBufferPointer<UInt8>) -> Bool {
        var i = 0
        if value.first == UInt8(ascii: "[") {
            guard let close = value.firstIndex(of: UInt8(ascii: "]")), isIPv6(value[1..<close]) else { return false }
            i = close + 1
        } else {
            while i < value.count, CharacterSet.regName.contains(value[i]) {
                if value[i] == UInt8(ascii: "%") {
                    guard i + 2 < value.count, ASCII.hexValue(value[i + 1]) != nil, ASCII.hexValue(value[i + 2]) != nil else { return false }
                }
                i += 1
            }
            if i == 0 { return false }
        }
        if i == value.count { return true }
        guard value[i] == UInt8(ascii: ":") else { return false }
        let port = value[(i + 1)...]
        guard port.count <= 5, port.allSatisfy(ASCII.isDigit) else { return false }
        return port.reduce(0) { $0 * 10 + Int($1 - 0x30) } <= 65_535
    }

    /// The characters and the rough shape; nothing here connects to it.
    private static func isIPv6(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        var colons = 0
        for b in text {
            if b == UInt8(ascii: ":") { colons += 1 } else if ASCII.hexValue(b) == nil, b != UInt8(ascii: ".") { return false }
        }
        return (2...8).contains(colons)
    }
}
