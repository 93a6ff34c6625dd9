import Bytes
import CLinux
package import Reactor

/// One TCP connection to the server under test, never blocking: what came in so far, and a way to wait for more.
package final class Wire {
    package private(set) var received: [UInt8] = []
    package private(set) var isClosed = false
    private let fd: Int32
    private var outgoing: [UInt8] = []
    private var waiters: [UnsafeContinuation<Void, Never>] = []
    private let close: () -> Void

    package init(port: UInt16, on loop: isolated EventLoop) throws {
        fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let fd = fd
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard result == 0 || hg_errno() == EINPROGRESS else { throw Overdue(what: "connect: errno \(hg_errno())") }
        let watching = Watching()
        close = {
            guard let watch = watching.watch else { return }
            loop.unwatch(watch)
            watching.watch = nil
            _ = CLinux.close(fd)
        }
        watching.watch = loop.watch(fd, [.read, .write], edge: true) { [weak self] _ in self?.onReady() }
    }

    private final class Watching {
        var watch: EventLoop.Watch?
    }

    deinit { close() }

    package func send(_ bytes: [UInt8]) {
        outgoing += bytes
        onReady()
    }

    package func end() {
        isClosed = true
        close()
    }

    /// Returns once `holds` or the peer has closed.
    package func wait(until holds: (Wire) -> Bool) async {
        while !isClosed, !holds(self) { await withUnsafeContinuation { waiters.append($0) } }
    }

    /// Takes bytes off the front.
    package func take(_ count: Int) -> [UInt8] {
        defer { received.removeFirst(count) }
        return Array(received.prefix(count))
    }

    private func onReady() {
        while !outgoing.isEmpty {
            let n = outgoing.withUnsafeBytes { CLinux.send(fd, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if n <= 0 { break }
            outgoing.removeFirst(n)
        }
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while !isClosed {
            let n = chunk.withUnsafeMutableBytes { recv(fd, $0.baseAddress, $0.count, 0) }
            if n > 0 {
                received += chunk.prefix(n)
            } else {
                if n == 0 || (hg_errno() != EAGAIN && hg_errno() != EINPROGRESS && hg_errno() != ENOTCONN) { end() }
                break
            }
        }
        let due = waiters
        waiters = []
        for waiter in due { waiter.resume() }
    }
}
