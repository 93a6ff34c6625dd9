import Bytes
import CLinux
import HTTP
import Reactor

/// A client on a raw socket that reads whole answers with their fields, and WebSocket messages. Lives on its test's loop.
final class WireClient {
    struct TimedOut: Error {}
    struct Ended: Error {}

    /// No test waits longer for one thing.
    static let patienceNs: Int64 = 10_000_000_000

    private let fd: Int32
    private var buffer: [UInt8] = []
    private(set) var isEnded = false
    private var watch: EventLoop.Watch?
    private var waiter: UnsafeContinuation<Void, any Error>?
    private var decoder = WebSocketDecoder(.client, maxMessage: 1 << 20)
    private var messages: [JSONValue] = []
    private let after: (Int64, @escaping () -> Void) -> Void
    private let unwatch: (EventLoop.Watch) -> Void

    init(port: UInt16, on loop: isolated EventLoop) {
        after = { _ = loop.after(ns: $0, $1) }
        unwatch = { loop.unwatch($0) }
        fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        _ = withUnsafePointer(to: &address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(fd, $0, 16) } }
        watch = loop.watch(fd, .read) { [weak self] _ in self?.readable() }
    }

    deinit { close(fd) }

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

    private func pause() async { await withUnsafeContinuation { c in after(1_000_000) { c.resume() } } }

    func send(_ bytes: [UInt8]) async throws {
        var rest = bytes
        while !rest.isEmpty {
            let done = rest.withUnsafeBytes { CLinux.send(fd, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL)) }
            if done >= 0 { rest.removeFirst(done) } else if hg_errno() == EAGAIN || hg_errno() == ENOTCONN { await pause() } else { throw Ended() }
        }
    }

    private func line() async throws -> String {
        while true {
            if let lf = buffer.firstIndex(of: 0x0A) {
                let line = buffer[0..<lf]
                buffer.removeFirst(lf + 1)
                return String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self)
            }
            try await more()
        }
    }

    /// Status and fields; names in lower case.
    func head() async throws -> (status: Int, fields: [String: String]) {
        let first = try await line().split(separator: " ")
        guard first.count >= 2, let status = Int(first[1]) else { throw Ended() }
        var fields: [String: String] = [:]
        while case let text = try await line(), !text.isEmpty {
            let parts = text.split(separator: ":", maxSplits: 1)
            fields[parts[0].lowercased()] = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
        }
        return (status, fields)
    }

    // MARK: WebSocket

    func upgrade(_ path: String) async throws -> Int {
        try await send(WebSocketHandshake.request(host: "test", target: path, nonce: Array(0..<16)))
        return try await head().status
    }

    func send(text: String) async throws { try await send(WebSocketFrame.text(text, mask: 0x1234_5678)) }

    /// The next message, as JSON; text that is none comes as a string. Throws `Ended` at the end.
    func message() async throws -> JSONValue {
        while true {
            if !messages.isEmpty { return messages.removeFirst() }
            try decode()
            if messages.isEmpty { try await more() }
        }
    }

    /// So many messages.
    func messages(_ count: Int) async throws -> [JSONValue] {
        var all: [JSONValue] = []
        while all.count < count { all.append(try await message()) }
        return all
    }

    /// Whether nothing has come that was not taken: asks the server for a pong first, so that all before it is here.
    func isQuiet() async throws -> Bool {
        hasPong = false
        try await send(WebSocketFrame.encode(.ping, [], mask: 1))
        while !hasPong {
            try decode()
            if !hasPong { try await more() }
        }
        return messages.isEmpty
    }

    private var hasPong = false

    private func decode() throws {
        let held = buffer
        var position = 0
        try held.withUnsafeBufferPointer { bytes in
            while let event = try decoder.next(bytes, at: &position) {
                switch event {
                case .text(let text): messages.append((try? JSONValue.parse(text)) ?? .string(String(decoding: text, as: UTF8.self)))
                case .pong: hasPong = true
                default: break
                }
            }
        }
        buffer.removeFirst(position)
    }
}
