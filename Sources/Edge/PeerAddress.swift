import CLinux

/// A client's address as `accept4` gave it; text is made when asked for.
public struct PeerAddress: Sendable {
    /// What comes before an IPv4 address mapped into IPv6 (RFC 4291 §2.5.5.2).
    private static let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]

    private var storage = sockaddr_in6()

    init(_ address: sockaddr_in6) { storage = address }

    /// `192.0.2.1` or `2001:db8::1`, without the port; IPv4 over a dual-stack socket reads as IPv4.
    public var host: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        var address = storage
        let done = withUnsafePointer(to: &address) { pointer -> Bool in
            let raw = UnsafeRawPointer(pointer)
            if Int32(pointer.pointee.sin6_family) == AF_INET {
                var v4 = raw.loadUnaligned(as: sockaddr_in.self).sin_addr
                return inet_ntop(AF_INET, &v4, &text, socklen_t(text.count)) != nil
            }
            var v6 = pointer.pointee.sin6_addr
            return inet_ntop(AF_INET6, &v6, &text, socklen_t(text.count)) != nil
        }
        guard done else { return "" }
        let host = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return host.hasPrefix("::ffff:") && host.contains(".") ? String(host.dropFirst(7)) : host
    }

    /// The address as 16 bytes; IPv4 is mapped (RFC 4291 §2.5.5.2).
    package var octets: [UInt8] {
        withUnsafePointer(to: storage) { pointer in
            let raw = UnsafeRawPointer(pointer)
            if Int32(pointer.pointee.sin6_family) == AF_INET {
                let v4 = raw.loadUnaligned(as: sockaddr_in.self).sin_addr
                return Self.mapped + withUnsafeBytes(of: v4) { Array($0) }
            }
            return withUnsafeBytes(of: pointer.pointee.sin6_addr) { Array($0) }
        }
    }
}
