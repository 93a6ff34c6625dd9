import CLinux
import Reactor

/// A client on raw, non-blocking sockets. Lives on its test's loop and never blocks it.
final class TestClient {
    struct TimedOut: Error {}
    struct Ended: Error {}

    struct Response {
        var status: Int
        var reason = ""
        var fields: [(name: String, value: String)] = []
        var body: [UInt8] = []
        var text: String { String(decoding: body, as: UTF8.self) }
        subscript(_ name: String) -> String? { fields.first { $0.name.lowercased() == name.lowercased() }?.value }
    }

    /// No test waits longer for one thing; it ends a hanging test and decides nothing else.
    static let patienceNs: Int64 = 10_000_000_000

    let fd: Int32
    private(set) var buffer: [UInt8] = []
    private(set) var isEnded = false
    private var isClosed = false
    private var watch: EventLoop.Watch?
    private var waiter: UnsafeContinuation<Void, any Error>?
    private let after: (Int64, @escaping () -> Void) -> Void
    private let unwatch: (EventLoop.Watch) -> Void

    /// Connects; with `reads` false it never takes a byte, and has a small window.
    init(port: UInt16, reads: Bool = true, on loop: isolated EventLoop) {
        after = { _ = loop.after(ns: $0, $1) }
        unwatch = { loop.unwatch($0) }
        fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        if !reads {
            var small: Int32 = 4096
            setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, 4)
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        _ = withUnsafePointer(to: &address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(fd, $0, 16) } }
        if reads { watch = loop.watch(fd, .read) { [weak self] _ in self?.readable() } }
    }

    deinit { if !isClosed { CLinux.close(fd) } }

    /// Resets the connection, as a client does that is killed.
    func hangUp() {
        if let watch { unwatch(watch) }
        watch = nil
        var reset = linger(l_onoff: 1, l_linger: 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, socklen_t(MemoryLayout<linger>.size))
        isClosed = true
        CLinux.close(fd)
    }

    private func readable() {
        var room = [UInt8](repeating: 0, count: 65_536)
        let count = recv(fd, &room, room.count, 0)
        if count > 0 {
            buffer.append(contentsOf: room[0..<count])
        } else if count == 0 || hg_errno() != EAGAIN {
            isEnded = true
            if let watch { unwatch(watch) }
            watch = nil
        }
        let waiting = waiter
        waiter = nil
        waiting?.resume()
    }

    /// Waits for more bytes or the end.
    private func more() async throws {
        if isEnded { throw Ended() }
        try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<Void, any Error>) in
            waiter = continuation
            after(Self.patienceNs) { [weak self] in
                guard let self, let late = self.waiter else { return }
                self.waiter = nil
                late.resume(throwing: TimedOut())
            }
        }
    }

    func pause(ms: Int64) async { await withUnsafeContinuation { c in after(ms * 1_000_000) { c.resume() } } }

    // MARK: Bytes

    /// Sends as much as the socket takes; returns how much that was.
    @discardableResult
    func push(_ bytes: [UInt8]) -> Int { max(0, bytes.withUnsafeBytes { CLinux.send(fd, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL)) }) }

    func send(_ bytes: [UInt8]) async throws {
        var rest = bytes
        while !rest.isEmpty {
            let done = rest.withUnsafeBytes { CLinux.send(fd, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL)) }
            if done >= 0 { rest.removeFirst(done) } else if hg_errno() == EAGAIN || hg_errno() == ENOTCONN { await pause(ms: 1) } else { throw Ended() }
        }
    }

    func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    func take(_ count: Int) async throws -> [UInt8] {
        while buffer.count < count { try await more() }
        defer { buffer.removeFirst(count) }
        return Array(buffer[0..<count])
    }

    /// Everything up to the connection's end.
    func rest() async throws -> [UInt8] {
        while !isEnded { try await more() }
        defer { buffer = [] }
        return buffer
    }

    func line() async throws -> String {
        while true {
            if let lf = buffer.firstIndex(of: 0x0A) {
                let line = buffer[0..<lf]
                buffer.removeFirst(lf + 1)
                return String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self)
            }
            try await more()
        }
    }

    // MARK: Responses

    func response(toHead: Bool = false) async throws -> Response {
        let first = try await line().split(separator: " ", maxSplits: 2)
        guard first.count >= 2, first[0] == "HTTP/1.1", let status = Int(first[1]) else { throw Ended() }
        var response = Response(status: status, reason: first.count > 2 ? String(first[2]) : "")
        while case let line = try await line(), !line.isEmpty {
            let parts = line.split(separator: ":", maxSplits: 1)
            response.fields.append((String(parts[0]), parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""))
        }
        if toHead || status < 200 || status == 204 || status == 304 { return response }
        if response["transfer-encoding"] == "chunked" {
            while case let size = Int(try await line(), radix: 16) ?? 0, size > 0 {
                response.body += try await take(size)
                _ = try await line()
            }
            _ = try await line()
        } else if let length = response["content-length"].flatMap({ Int($0) }) {
            response.body = try await take(length)
        } else {
            response.body = try await rest()
        }
        return response
    }

    func get(_ path: String, _ fields: String = "", method: String = "GET") async throws -> Response {
        try await send("\(method) \(path) HTTP/1.1\r\nHost: test\r\n\(fields)\r\n")
        return try await response(toHead: method == "HEAD")
    }
}
