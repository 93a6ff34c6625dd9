import Bytes
import CLinux
import HTTP
import Reactor
import TestSupport

/// A WebSocket client that reads nothing until it is told to.
final class PausedClient {
    private let fd: Int32

    init(port: UInt16, _ target: String) throws {
        fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var size: Int32 = 4_096
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let fd = fd
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard result == 0 || hg_errno() == EINPROGRESS else { throw Overdue(what: "connect: errno \(hg_errno())") }
    }

    /// Sends the handshake once connected.
    func begin(_ target: String, on loop: isolated EventLoop) async throws {
        let request = WebSocketHandshake.request(host: "localhost", target: target, nonce: Array(repeating: 7, count: 16))
        try await eventually("the connection", on: loop) { send(fd, request, request.count, Int32(MSG_NOSIGNAL)) == request.count }
    }

    /// Reads until `isLast` holds for a message; returns all.
    func messages(on loop: isolated EventLoop, until isLast: (String) -> Bool) async throws -> [String] {
        var decoder = WebSocketDecoder(.client, maxMessage: 1 << 22)
        var bytes: [UInt8] = []
        var messages: [String] = []
        var hasHead = false
        var chunk = [UInt8](repeating: 0, count: 65_536)
        try await eventually("the last message", on: loop) {
            while true {
                let n = chunk.withUnsafeMutableBytes { recv(fd, $0.baseAddress, $0.count, 0) }
                guard n > 0 else { break }
                bytes += chunk.prefix(n)
            }
            if !hasHead {
                guard bytes.count > 3, let end = (3..<bytes.count).first(where: { bytes[$0] == 10 && bytes[$0 - 2] == 10 }) else { return false }
                bytes.removeFirst(end + 1)
                hasHead = true
            }
            var used = 0
            try bytes.withUnsafeBufferPointer { buffer in
                while let event = try decoder.next(buffer, at: &used) {
                    if case .text(let text) = event { messages.append(String(decoding: text, as: UTF8.self)) }
                }
            }
            bytes.removeFirst(used)
            return messages.contains(where: isLast)
        }
        return messages
    }

    deinit { close(fd) }
}
