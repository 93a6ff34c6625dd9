import Bytes
import CLinux
import HTTP
import Reactor
import TestSupport

/// A TCP server whose connections do what a test says, byte by byte.
final class ScriptedServer {
    let port: UInt16
    private(set) var conversations: [Conversation] = []
    private let fd: Int32
    private var watch: EventLoop.Watch?

    init(on loop: isolated EventLoop, _ script: @escaping (Conversation) async -> Void) throws {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(fd, $0, size) == 0 && listen(fd, 4_096) == 0 && getsockname(fd, $0, &size) == 0 }
        }
        guard isBound else { throw Overdue(what: "listen: errno \(hg_errno())") }
        self.fd = fd
        port = UInt16(bigEndian: address.sin_port)
        watch = loop.watch(fd, .read) { [weak self] _ in
            while true {
                let client = accept4(fd, nil, nil, Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
                guard client >= 0 else { return }
                let conversation = Conversation(client, on: loop)
                self?.conversations.append(conversation)
                Self.begin(script, conversation, on: loop)
            }
        }
    }

    private static func begin(_ script: @escaping (Conversation) async -> Void, _ conversation: Conversation, on loop: isolated EventLoop) {
        loop.spawn { await script(conversation) }
    }

    func stop(on loop: isolated EventLoop) {
        if let watch { loop.unwatch(watch) }
        watch = nil
        close(fd)
        for conversation in conversations { conversation.close() }
    }
}

/// The server's end of one connection.
final class Conversation {
    private(set) var received: [UInt8] = []
    private(set) var isEnded = false
    private let fd: Int32
    private var outgoing: [UInt8] = []
    private var waiters: [UnsafeContinuation<Void, Never>] = []
    private let unwatch: () -> Void

    init(_ fd: Int32, on loop: isolated EventLoop) {
        self.fd = fd
        let held = Held()
        unwatch = {
            guard let watch = held.watch else { return }
            loop.unwatch(watch)
            held.watch = nil
            _ = CLinux.close(fd)
        }
        held.watch = loop.watch(fd, [.read, .write], edge: true) { [weak self] _ in self?.onReady() }
    }

    private final class Held { var watch: EventLoop.Watch? }

    deinit { unwatch() }

    func close() {
        isEnded = true
        unwatch()
        wake()
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        outgoing += bytes
        onReady()
    }

    /// A whole answer.
    func answer(_ status: Int, _ body: String = "", _ fields: String = "") {
        send("HTTP/1.1 \(status) X\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)")
    }

    /// The next request's head, and its body where it has a length; nil at the end.
    func request() async -> (head: String, body: [UInt8])? {
        await wait { Self.headEnd($0.received) != nil }
        guard let end = Self.headEnd(received) else { return nil }
        let head = String(decoding: received[..<end], as: UTF8.self)
        received.removeFirst(end)
        let length = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }?.split(separator: " ").last.flatMap { Int($0) } ?? 0
        await wait { $0.received.count >= length }
        let body = Array(received.prefix(length))
        received.removeFirst(min(length, received.count))
        return (head, body)
    }

    /// Takes all that is there.
    func take() -> [UInt8] {
        defer { received = [] }
        return received
    }

    /// Becomes a WebSocket; false when the client asked for something else.
    func upgrade() async -> Bool {
        guard let (head, _) = await request(), let line = head.split(separator: "\r\n").first(where: { $0.hasPrefix("Sec-WebSocket-Key: ") }) else {
            return false
        }
        let accept = WebSocketHandshake.accept(key: String(line.dropFirst(19)))
        send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \(accept)\r\n\r\n")
        return true
    }

    func wait(until holds: (Conversation) -> Bool) async {
        while !isEnded, !holds(self) {
            await withUnsafeContinuation { waiter in
                // It may have come between the look and the suspension.
                if isEnded || holds(self) { waiter.resume() } else { waiters.append(waiter) }
            }
        }
    }

    static func headEnd(_ bytes: [UInt8]) -> Int? {
        guard bytes.count > 3 else { return nil }
        for i in 0..<(bytes.count - 3) where bytes[i] == 13 && bytes[i + 1] == 10 && bytes[i + 2] == 13 && bytes[i + 3] == 10 { return i + 4 }
        return nil
    }

    private func onReady() {
        while !isEnded, !outgoing.isEmpty {
            let n = outgoing.withUnsafeBytes { CLinux.send(fd, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if n <= 0 { break }
            outgoing.removeFirst(n)
        }
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while !isEnded {
            let n = chunk.withUnsafeMutableBytes { recv(fd, $0.baseAddress, $0.count, 0) }
            if n > 0 {
                received += chunk.prefix(n)
            } else {
                if n == 0 || hg_errno() != EAGAIN { close() }
                break
            }
        }
        wake()
    }

    private func wake() {
        let due = waiters
        waiters = []
        for waiter in due { waiter.resume() }
    }
}

/// The server's end of a WebSocket.
final class Peer {
    let conversation: Conversation
    private var decoder = WebSocketDecoder(.server, maxMessage: 1 << 22)
    private(set) var texts: [String] = []
    private(set) var pings = 0
    private(set) var closeCode: CloseCode?

    init(_ conversation: Conversation) { self.conversation = conversation }

    func send(_ text: String) { conversation.send(WebSocketFrame.text(text)) }

    /// The next text; nil at the end. Pings are answered.
    func next() async -> String? {
        while true {
            if !texts.isEmpty { return texts.removeFirst() }
            if closeCode != nil || conversation.isEnded { return nil }
            await conversation.wait { !$0.received.isEmpty }
            drain()
        }
    }

    private func drain() {
        let bytes = conversation.take()
        bytes.withUnsafeBufferPointer { buffer in
            var position = 0
            do throws(WebSocketFault) {
                while let event = try decoder.next(buffer, at: &position) {
                    switch event {
                    case .text(let text): texts.append(String(decoding: text, as: UTF8.self))
                    case .ping(let payload):
                        pings += 1
                        conversation.send(WebSocketFrame.encode(.pong, payload))
                    case .close(let code, _):
                        closeCode = code ?? .normal
                        conversation.send(WebSocketFrame.close(code))
                    default: break
                    }
                }
            } catch {
                closeCode = error.code
            }
        }
    }
}

/// Runs a body on a loop of its own.
func onLoop(_ body: @Sendable (isolated EventLoop) async throws -> Void) async throws {
    let loop = EventLoop(name: "poller test")
    defer { loop.stop() }
    try await loop.run { loop in try await body(loop) }
}
