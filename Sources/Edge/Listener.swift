import CLinux
import Reactor

/// One listening socket: accepts until there is nothing more, and keeps its head when descriptors run out.
final class Listener {
    /// Connections taken per wake-up, so that a flood of them does not starve those already here.
    private static let burst = 64
    /// How long accepting rests after an error that does not go away by itself.
    private static let restNs: Int64 = 100_000_000

    private let fd: Int32
    /// Held, so that a listening server lives until it is stopped.
    private let server: HTTPServer
    private var watch: EventLoop.Watch?
    private var isOpen = true

    init(fd: Int32, server: HTTPServer) {
        self.fd = fd
        self.server = server
    }

    func start() {
        guard isOpen, watch == nil else { return }
        watch = server.port.watch(fd, .read) { [self] _ in accept() }
    }

    func stop() {
        guard isOpen else { return }
        isOpen = false
        pause()
        close(fd)
    }

    private func pause() {
        if let watch { server.port.unwatch(watch) }
        watch = nil
    }

    private func accept() {
        for _ in 0..<Self.burst {
            guard isOpen else { return }
            var address = sockaddr_in6()
            var size = socklen_t(MemoryLayout<sockaddr_in6>.size)
            let client = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    accept4(fd, $0, &size, Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
                }
            }
            guard client < 0 else {
                take(client, PeerAddress(address))
                continue
            }
            switch hg_errno() {
            case EAGAIN: return
            case EINTR, ECONNABORTED: continue
            case EMFILE, ENFILE: return shed()
            default: return rest()
            }
        }
    }

    private func take(_ client: Int32, _ peer: PeerAddress) {
        if server.connections.count >= server.configuration.maxConnections {
            server.counters.refusedConnections += 1
            let text: StaticString = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            _ = send(client, text.utf8Start, text.utf8CodeUnitCount, Int32(MSG_NOSIGNAL))
            close(client)
        } else {
            server.adopt(client, peer)
        }
    }

    /// Out of descriptors: a level-triggered listener would spin. The reserve is given up to accept and drop one client, and accepting rests.
    private func shed() {
        if server.reserve >= 0 {
            close(server.reserve)
            let client = accept4(fd, nil, nil, Int32(SOCK_CLOEXEC.rawValue))
            if client >= 0 { close(client) }
            server.reserve = hg_openat(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC)
        }
        rest()
    }

    private func rest() {
        server.counters.acceptErrors += 1
        pause()
        server.port.after(Self.restNs) { [weak self] in self?.start() }
    }
}
