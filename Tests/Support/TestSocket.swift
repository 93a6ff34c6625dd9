import Bytes
package import HTTP
package import Reactor

/// A WebSocket to the API: reads text messages, remembers how it ended.
package final class TestSocket {
    package let wire: Wire
    private var decoder = WebSocketDecoder(.client, maxMessage: 1 << 20)
    package private(set) var messages: [String] = []
    package private(set) var closeCode: CloseCode?

    package init(port: UInt16, _ target: String, _ fields: [(String, String)] = [], on loop: isolated EventLoop) async throws {
        wire = try Wire(port: port, on: loop)
        wire.send(WebSocketHandshake.request(host: "localhost", target: target, nonce: Array(repeating: 7, count: 16), fields: fields))
        await wire.wait { Self.headEnd($0.received) != nil }
        let head = String(decoding: wire.take(Self.headEnd(wire.received) ?? 0), as: UTF8.self)
        guard head.hasPrefix("HTTP/1.1 101 ") else { throw Overdue(what: "101, but: \(head)") }
    }

    private static func headEnd(_ bytes: [UInt8]) -> Int? {
        guard bytes.count > 3 else { return nil }
        for i in 0..<(bytes.count - 3) where bytes[i] == 13 && bytes[i + 2] == 13 { return i + 4 }
        return nil
    }

    /// The next text message; nil at the end.
    package func next() async throws -> String? {
        while true {
            if !messages.isEmpty { return messages.removeFirst() }
            if closeCode != nil { return nil }
            await wire.wait { !$0.received.isEmpty }
            if wire.received.isEmpty { return nil }
            try drain()
        }
    }

    /// Takes what is there.
    package func drain() throws {
        let bytes = wire.take(wire.received.count)
        try bytes.withUnsafeBufferPointer { buffer in
            var position = 0
            while let event = try decoder.next(buffer, at: &position) {
                switch event {
                case .text(let text): messages.append(String(decoding: text, as: UTF8.self))
                case .close(let code, _): closeCode = code
                default: break
                }
            }
        }
    }

    package func send(_ text: String) { wire.send(WebSocketFrame.text(text, mask: 0x0102_0304)) }

    /// Subscribes and waits for the answer: what comes after it comes to a socket that listens.
    package func subscribe(_ topic: String) async throws -> String? {
        send(#"{"subscribe":["\#(topic)"]}"#)
        return try await next()
    }
}
