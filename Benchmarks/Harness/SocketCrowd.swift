import CLinux
import HTTP
import Reactor
import Simulation
import Synchronization

/// Many WebSocket clients on one loop, which count what arrives and answer pings: as little work per frame as a client can do.
final class SocketCrowd {
    /// What has arrived, for other threads. Written by the crowd's loop.
    final class Progress: Sendable {
        let clients: Int
        private let frameCount = Atomic<Int>(0)
        private let byteCount = Atomic<Int>(0)
        private let last = Atomic<Int64>(0)
        private let lost = Atomic<Int>(0)

        init(clients: Int) { self.clients = clients }

        /// Text frames that arrived whole.
        var frames: Int { frameCount.load(ordering: .relaxed) }
        /// Their payload bytes.
        var bytes: Int { byteCount.load(ordering: .relaxed) }
        /// When the last of them did, monotonic.
        var lastNs: Int64 { last.load(ordering: .relaxed) }

        func check() throws {
            let lost = lost.load(ordering: .relaxed)
            if lost > 0 { throw BenchError("\(lost) WebSockets were closed by the server") }
        }

        fileprivate func add(frames: Int, bytes: Int, nowNs: Int64) {
            byteCount.add(bytes, ordering: .relaxed)
            last.store(nowNs, ordering: .relaxed)
            frameCount.add(frames, ordering: .releasing)
        }
        fileprivate func lose() { lost.add(1, ordering: .relaxed) }
    }

    private struct Client {
        var fd: Int32
        var watch: EventLoop.Watch?
        var isOpen = false
        /// Header bytes that came without the rest.
        var held: [UInt8] = []
        /// Payload bytes of the current frame still to come.
        var left = 0
        var isText = false
    }

    let progress: Progress
    private var clients: [Client] = []
    private var opened = 0
    private var failure: BenchError?
    private var buffer = [UInt8](repeating: 0, count: 64 * 1024)

    private init(_ count: Int) { progress = Progress(clients: count) }

    /// Connects and shakes hands, some at a time; returns when all are open.
    static func gather(_ count: Int, at address: HTTPAddress, target: String, on loop: isolated EventLoop) async throws -> SocketCrowd {
        let crowd = SocketCrowd(count)
        let request = WebSocketHandshake.request(host: address.description, target: target, nonce: Array(0..<16))
        let limit = Clock.monotonicNs + 60_000_000_000
        while crowd.opened < count {
            while crowd.clients.count < count, crowd.clients.count - crowd.opened < 200 { try crowd.connect(address, request, on: loop) }
            await loop.sleep(ns: 1_000_000)
            if let failure = crowd.failure { throw failure }
            guard Clock.monotonicNs < limit else { throw BenchError("\(crowd.opened) of \(count) WebSockets opened") }
        }
        return crowd
    }

    func close(on loop: isolated EventLoop) {
        for client in clients where client.fd >= 0 {
            if let watch = client.watch { loop.unwatch(watch) }
            CLinux.close(client.fd)
        }
        clients = []
    }

    private func connect(_ address: HTTPAddress, _ request: [UInt8], on loop: isolated EventLoop) throws {
        let (fd, code) = address.connect()
        guard fd >= 0 else { throw BenchError("cannot connect to \(address): \(String(cString: strerror(code)))") }
        let index = clients.count
        clients.append(Client(fd: fd))
        var isSent = false
        clients[index].watch = loop.watch(fd, [.read, .write]) { [unowned self] ready in
            if !isSent, ready.contains(.write) {
                isSent = true
                guard send(fd, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else { return lose(index, "handshake not sent", on: loop) }
                if let watch = clients[index].watch { loop.update(watch, .read) }
            } else if ready.contains(.read) {
                read(index, on: loop)
            }
        }
    }

    private func lose(_ index: Int, _ reason: String, on loop: isolated EventLoop) {
        if let watch = clients[index].watch { loop.unwatch(watch) }
        CLinux.close(clients[index].fd)
        clients[index].fd = -1
        clients[index].watch = nil
        if !clients[index].isOpen { failure = BenchError("a WebSocket was not opened: \(reason)") }
        progress.lose()
    }

    private func read(_ index: Int, on loop: isolated EventLoop) {
        let count = recv(clients[index].fd, &buffer, buffer.count, 0)
        guard count > 0 else {
            if count < 0, hg_errno() == EAGAIN { return }
            return lose(index, count == 0 ? "closed" : String(cString: strerror(hg_errno())), on: loop)
        }
        buffer.withUnsafeBufferPointer { buffer in
            var bytes = UnsafeBufferPointer(rebasing: buffer[..<count])
            if !clients[index].isOpen {
                guard let rest = openingEnd(index, bytes, on: loop) else { return }
                bytes = UnsafeBufferPointer(rebasing: bytes[rest...])
            }
            take(bytes, index, on: loop)
        }
    }

    /// Where frames begin behind the handshake's answer; nil while it is not whole.
    private func openingEnd(_ index: Int, _ bytes: UnsafeBufferPointer<UInt8>, on loop: isolated EventLoop) -> Int? {
        let before = clients[index].held.count
        clients[index].held += bytes
        let text = String(decoding: clients[index].held, as: UTF8.self)
        guard let end = text.utf8.indices.dropLast(3).first(where: { text.utf8[$0...].starts(with: "\r\n\r\n".utf8) }) else { return nil }
        guard text.hasPrefix("HTTP/1.1 101") else {
            lose(index, String(text.prefix(200)), on: loop)
            return nil
        }
        clients[index].isOpen = true
        clients[index].held = []
        opened += 1
        return text.utf8.distance(from: text.utf8.startIndex, to: end) + 4 - before
    }

    private func take(_ bytes: UnsafeBufferPointer<UInt8>, _ index: Int, on loop: isolated EventLoop) {
        var position = 0
        var frames = 0
        var payload = 0
        while position < bytes.count {
            if clients[index].left > 0 {
                let count = min(clients[index].left, bytes.count - position)
                position += count
                clients[index].left -= count
                if clients[index].isText {
                    payload += count
                    if clients[index].left == 0 { frames += 1 }
                }
                continue
            }
            // Server frames have no mask: 2 bytes, or 4 with a longer length; nothing here is longer than 64 KB.
            if clients[index].held.isEmpty, bytes.count - position >= 4 {
                position += begin(bytes[position], bytes[position + 1], bytes[position + 2], bytes[position + 3], index, on: loop)
            } else {
                clients[index].held.append(bytes[position])
                position += 1
                let held = clients[index].held
                guard held.count >= 2, held.count >= (held[1] == 126 ? 4 : 2) else { continue }
                _ = begin(held[0], held[1], held.count > 2 ? held[2] : 0, held.count > 3 ? held[3] : 0, index, on: loop)
                clients[index].held.removeAll(keepingCapacity: true)
            }
        }
        if frames > 0 || payload > 0 { progress.add(frames: frames, bytes: payload, nowNs: loop.nowNs) }
    }

    /// Takes a frame's header and returns its length.
    private func begin(_ first: UInt8, _ second: UInt8, _ third: UInt8, _ fourth: UInt8, _ index: Int, on loop: isolated EventLoop) -> Int {
        clients[index].left = second == 126 ? Int(third) << 8 | Int(fourth) : Int(second)
        clients[index].isText = first & 0x0F == 1
        if first & 0x0F == 9 {
            let pong = WebSocketFrame.encode(.pong, [], mask: 0)
            _ = send(clients[index].fd, pong, pong.count, Int32(MSG_NOSIGNAL))
        }
        return second == 126 ? 4 : 2
    }
}
