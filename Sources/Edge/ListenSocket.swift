import CLinux

/// Where a server listens.
public struct ListenAddress: Hashable, Sendable {
    /// An IPv4 or IPv6 address; `::` means both families where the machine has IPv6, else `0.0.0.0`.
    public var host: String
    /// 0 lets the kernel choose.
    public var port: UInt16

    public init(host: String = "::", port: UInt16) {
        self.host = host
        self.port = port
    }
}

/// Why a server cannot listen.
public struct ListenError: Error, CustomStringConvertible {
    public var address: ListenAddress
    public var errno: Int32
    public var description: String { "cannot listen on \(address.host) port \(address.port): \(String(cString: strerror(errno)))" }
}

/// A listening TCP socket with SO_REUSEPORT, so that every loop has its own and the kernel spreads connections over them.
enum ListenSocket {
    /// Opens, binds and listens; returns the descriptor and the port it got.
    static func open(_ address: ListenAddress, backlog: Int32) throws(ListenError) -> (fd: Int32, port: UInt16) {
        do throws(ListenError) {
            return try open6or4(address, backlog)
        } catch {
            // No IPv6 on this machine: the wildcard still means "everybody".
            guard address.host == "::", error.errno == EAFNOSUPPORT || error.errno == EADDRNOTAVAIL else { throw error }
            return try open6or4(ListenAddress(host: "0.0.0.0", port: address.port), backlog)
        }
    }

    private static func open6or4(_ address: ListenAddress, _ backlog: Int32) throws(ListenError) -> (fd: Int32, port: UInt16) {
        var v6 = sockaddr_in6()
        var v4 = sockaddr_in()
        let is6 = inet_pton(AF_INET6, address.host, &v6.sin6_addr) == 1
        guard is6 || inet_pton(AF_INET, address.host, &v4.sin_addr) == 1 else { throw ListenError(address: address, errno: EINVAL) }
        let fd = socket(is6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { throw ListenError(address: address, errno: hg_errno()) }
        var one: Int32 = 1
        var zero: Int32 = 0
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, size)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, size)
        // Inherited by accepted sockets: one system call less for each.
        setsockopt(fd, Int32(IPPROTO_TCP), TCP_NODELAY, &one, size)
        if is6 { setsockopt(fd, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &zero, size) }
        v6.sin6_family = sa_family_t(AF_INET6)
        v6.sin6_port = address.port.bigEndian
        v4.sin_family = sa_family_t(AF_INET)
        v4.sin_port = address.port.bigEndian
        let bound = is6 ? bindTo(fd, &v6) : bindTo(fd, &v4)
        guard bound, listen(fd, backlog) == 0, let port = port(of: fd) else {
            let code = hg_errno()
            close(fd)
            throw ListenError(address: address, errno: code)
        }
        return (fd, port)
    }

    private static func bindTo<Address>(_ fd: Int32, _ address: inout Address) -> Bool {
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(fd, $0, socklen_t(MemoryLayout<Address>.size)) == 0 }
        }
    }

    private static func port(of fd: Int32) -> UInt16? {
        var address = sockaddr_in6()
        var size = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let got = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(fd, $0, &size) == 0 }
        }
        // The port is at the same place in both families' addresses.
        return got ? UInt16(bigEndian: address.sin6_port) : nil
    }
}
