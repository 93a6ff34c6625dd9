import CLinux

/// An address or a network as `allowed_ips` lists them: `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`. IPv4 and its IPv6-mapped form are the same.
struct AddressRange: Hashable {
    /// What stands in front of the four bytes of IPv4.
    static let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]

    private let bytes: [UInt8]
    private let bits: Int

    /// nil when the text is neither.
    init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        // inet_pton reads a C string: a NUL would end it early.
        guard text.utf8.count <= 64, !text.utf8.contains(0), let address = parts.first.map(String.init), let (bytes, width) = Self.bytes(address) else {
            return nil
        }
        var bits = width
        if parts.count == 2 {
            guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ $0 &- 0x30 < 10 }), let given = Int(parts[1]), given <= width else {
                return nil
            }
            bits = given
        }
        self.bytes = bytes
        self.bits = bits + 128 - width
    }

    private static func bytes(_ text: String) -> ([UInt8], width: Int)? {
        var v4 = in_addr()
        if inet_pton(AF_INET, text, &v4) == 1 { return (mapped + withUnsafeBytes(of: v4) { Array($0) }, 32) }
        var v6 = in6_addr()
        guard inet_pton(AF_INET6, text, &v6) == 1 else { return nil }
        return (withUnsafeBytes(of: v6) { Array($0) }, 128)
    }

    /// Whether an address of 16 bytes lies within.
    func contains(_ address: [UInt8]) -> Bool {
        guard address.count == 16 else { return false }
        let whole = bits / 8
        for i in 0..<whole where address[i] != bytes[i] { return false }
        let rest = bits % 8
        return rest == 0 || (address[whole] ^ bytes[whole]) >> UInt8(8 - rest) == 0
    }
}
