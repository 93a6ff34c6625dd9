import CLinux

/// An address or a network as `allowed_ips` lists them: IPv4 or IPv6, with or without a prefix length.
enum NetworkText {
    static func isValid(_ text: String) -> Bool {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        // inet_pton reads a C string: a NUL would end it early.
        guard let address = parts.first, text.utf8.count <= 64, !text.utf8.contains(0), let bits = bits(of: String(address)) else { return false }
        guard parts.count == 2 else { return true }
        let prefix = parts[1].utf8
        guard (1...3).contains(prefix.count), prefix.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(parts[1]) else { return false }
        return length <= bits
    }

    private static func bits(of address: String) -> Int? {
        var room = in6_addr()
        if inet_pton(AF_INET, address, &room) == 1 { return 32 }
        return inet_pton(AF_INET6, address, &room) == 1 ? 128 : nil
    }
}
