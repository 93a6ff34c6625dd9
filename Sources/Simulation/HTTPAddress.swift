import CLinux

/// Where an HTTP server is: a numeric address or `localhost` with a port, or a Unix socket.
public struct HTTPAddress: Hashable, Sendable, CustomStringConvertible {
    enum Place: Hashable, Sendable {
        case v4(in_addr_t)
        /// The sixteen bytes as hex words, since `in6_addr` is not Hashable.
        case v6(UInt64, UInt64)
        case unix(String)
    }

    let place: Place
    package let port: UInt16
    /// What goes into `Host`.
    public let description: String

    /// A Unix socket's path: at most 107 bytes.
    public init?(unixSocket path: String) {
        guard !path.isEmpty, path.utf8.count < 108, !path.utf8.contains(0) else { return nil }
        place = .unix(path)
        port = 0
        description = "localhost"
    }

    /// A numeric IPv4 or IPv6 address, or `localhost`, which is 127.0.0.1. Names are not resolved.
    public init?(host: String, port: UInt16) {
        var v4 = in_addr()
        var v6 = in6_addr()
        if inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host, &v4) == 1 {
            place = .v4(v4.s_addr)
            description = "\(host):\(port)"
        } else if inet_pton(AF_INET6, host, &v6) == 1 {
            let words = withUnsafeBytes(of: &v6) { ($0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)) }
            place = .v6(words.0, words.1)
            description = "[\(host)]:\(port)"
        } else {
            return nil
        }
        self.port = port
    }

    /// `http://127.0.0.1:8000`, `http://localhost`, `http://[::1]:8000/` or `unix:/run/api.sock`.
    public init?(_ url: String) {
        if url.hasPrefix("unix:") {
            self.init(unixSocket: String(url.dropFirst(5)))
            return
        }
        guard url.hasPrefix("http://") else { return nil }
        var rest = url.dropFirst(7)
        if rest.hasSuffix("/") { rest.removeLast() }
        var host = rest
        var port: UInt16 = 80
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("]") {
            guard let number = UInt16(rest[rest.index(after: colon)...]) else { return nil }
            port = number
            host = rest[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        self.init(host: String(host), port: port)
    }

    /// Opens a non-blocking socket and starts to connect; a negative descriptor comes with the errno.
    package func connect() -> (fd: Int32, errno: Int32) {
        let family =
            switch place {
            case .v4: AF_INET
            case .v6: AF_INET6
            case .unix: AF_UNIX
            }
        let fd = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { return (-1, hg_errno()) }
        let result: Int32
        switch place {
        case .v4(let address):
            var s = sockaddr_in()
            s.sin_family = sa_family_t(AF_INET)
            s.sin_port = port.bigEndian
            s.sin_addr.s_addr = address
            result = Self.connect(fd, &s)
        case .v6(let first, let second):
            var s = sockaddr_in6()
            s.sin6_family = sa_family_t(AF_INET6)
            s.sin6_port = port.bigEndian
            withUnsafeMutableBytes(of: &s.sin6_addr) {
                $0.storeBytes(of: first, as: UInt64.self)
                $0.storeBytes(of: second, toByteOffset: 8, as: UInt64.self)
            }
            result = Self.connect(fd, &s)
        case .unix(let path):
            var s = sockaddr_un()
            s.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &s.sun_path) { $0.copyBytes(from: path.utf8) }
            result = Self.connect(fd, &s)
        }
        guard result == 0 || hg_errno() == EINPROGRESS else {
            let code = hg_errno()
            close(fd)
            return (-1, code)
        }
        var one: Int32 = 1
        setsockopt(fd, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        return (fd, 0)
    }

    private static func connect<Address>(_ fd: Int32, _ address: inout Address) -> Int32 {
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { CLinux.connect(fd, $0, socklen_t(MemoryLayout<Address>.size)) }
        }
    }
}
