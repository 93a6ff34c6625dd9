import CLinux
import HTTP
import Reactor
import Simulation

/// One WebSocket client that hands on every text message with the time it was read.
final class SocketListener {
    private let fd: Int32
    private var watch: EventLoop.Watch?
    private var decoder = WebSocketDecoder(.client, maxMessage: 16 << 20)
    private var opening: [UInt8] = []
    private var isOpen = false
    private var isSent = false
    private var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    private let onText: ([UInt8], Int64) -> Void
    /// Why it ended, if it did.
    private(set) var failure: BenchError?

    /// Returns once the server has taken the WebSocket.
    /// - Parameter onText: gets a message and the monotonic time.
    static func open(
        _ address: HTTPAddress, _ target: String, on loop: isolated EventLoop, onText: @escaping ([UInt8], Int64) -> Void
    ) async throws -> SocketListener {
        let (fd, code) = address.connect()
        guard fd >= 0 else { throw BenchError("cannot connect to \(address): \(String(cString: strerror(code)))") }
        let listener = SocketListener(fd, onText)
        let request = WebSocketHandshake.request(host: address.description, target: target, nonce: Array(0..<16))
        listener.watch = loop.watch(fd, [.read, .write]) { ready in listener.onReady(ready, request, on: loop) }
        let limit = Clock.monotonicNs + 10_000_000_000
        while !listener.isOpen {
            if let failure = listener.failure { throw failure }
            guard Clock.monotonicNs < limit else { throw BenchError("the WebSocket was not opened") }
            await loop.sleep(ns: 1_000_000)
        }
        return listener
    }

    private init(_ fd: Int32, _ onText: @escaping ([UInt8], Int64) -> Void) {
        self.fd = fd
        self.onText = onText
    }

    func close(on loop: isolated EventLoop) {
        guard let watch else { return }
        loop.unwatch(watch)
        self.watch = nil
        CLinux.close(fd)
    }

    private func end(_ reason: String, on loop: isolated EventLoop) {
        failure = BenchError("the WebSocket ended: \(reason)")
        close(on: loop)
    }

    private func onReady(_ ready: EventLoop.Readiness, _ request: [UInt8], on loop: isolated EventLoop) {
        if !isSent, ready.contains(.write) {
            isSent = true
            guard send(fd, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else { return end("handshake not sent", on: loop) }
            if let watch { loop.update(watch, .read) }
        } else if ready.contains(.read) {
            read(on: loop)
        }
    }

    private func read(on loop: isolated EventLoop) {
        let count = recv(fd, &buffer, buffer.count, 0)
        guard count > 0 else {
            if count < 0, hg_errno() == EAGAIN { return }
            return end(count == 0 ? "closed" : String(cString: strerror(hg_errno())), on: loop)
        }
        let now = Clock.monotonicNs
        var bytes = Array(buffer[..<count])
        if !isOpen {
            opening += bytes
            guard let head = (3..<max(3, opening.count)).first(where: { opening[($0 - 3)...$0].elementsEqual([13, 10, 13, 10]) }) else { return }
            let text = String(decoding: opening[...head], as: UTF8.self)
            guard text.hasPrefix("HTTP/1.1 101 ") else { return end(String(text.prefix(200)), on: loop) }
            isOpen = true
            bytes = Array(opening[(head + 1)...])
            opening = []
        }
        do throws(WebSocketFault) {
            try take(bytes, now, on: loop)
        } catch {
            end("\(error)", on: loop)
        }
    }

    private func take(_ bytes: [UInt8], _ now: Int64, on loop: isolated EventLoop) throws(WebSocketFault) {
        let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
        defer { buffer.deallocate() }
        _ = buffer.initialize(from: bytes)
        var position = 0
        while let event = try decoder.next(UnsafeBufferPointer(buffer), at: &position) {
            switch event {
            case .text(let text): onText(text, now)
            case .ping(let payload):
                let pong = WebSocketFrame.encode(.pong, payload, mask: 0)
                _ = send(fd, pong, pong.count, Int32(MSG_NOSIGNAL))
            case .close(let code, let reason): return end("\(code?.rawValue ?? 0) \(reason)", on: loop)
            case .binary, .pong: break
            }
        }
    }
}
