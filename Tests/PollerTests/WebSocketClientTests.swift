import Bytes
import Fetch
import HTTP
import Reactor
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct WebSocketClientTests {
    /// What a client was told.
    private final class Told {
        var opened = 0
        var texts: [String] = []
        var end: WebSocketClient.End?

        func take(_ event: WebSocketClient.Event) {
            switch event {
            case .opened: opened += 1
            case .text(let text): texts.append(String(decoding: text, as: UTF8.self))
            case .binary: texts.append("binary")
            case .ended(let end): self.end = end
            }
        }

        var failure: String {
            if case .failed(let failure) = end { return failure.description }
            return ""
        }
    }

    private static func echo(_ c: Conversation) async {
        guard await c.upgrade() else { return }
        let peer = Peer(c)
        peer.send("hello")
        while let text = await peer.next() {
            if text == "bye" { c.send(WebSocketFrame.close(CloseCode(rawValue: 4_001), reason: "as you wish")) } else { peer.send(text) }
        }
        c.close()
    }

    @Test func `messages go both ways, also right behind the handshake, in the clear and by TLS`() async throws {
        try await onLoop { loop in
            let server = try ScriptedServer(on: loop) { await Self.echo($0) }
            let front = try await TLSFront.start(before: server.port, on: loop)
            var options = FetchOptions()
            options.caFile = front.caFile
            let fetcher = try Fetcher(options, on: loop)
            for url in ["ws://127.0.0.1:\(server.port)/streaming/?a=b", "wss://localhost:\(front.port("plain"))"] {
                let told = Told()
                let client = try WebSocketClient(url, through: fetcher) { told.take($0) }
                try await eventually("the first message of \(url)", on: loop) { told.texts == ["hello"] || told.end != nil }
                #expect(told.opened == 1, "\(told.failure)")
                let long = String(repeating: "löng", count: 50_000)
                for text in ["a", long, "b"] { client.send(text: Array(text.utf8)) }
                try await eventually("the echoes", on: loop) { told.texts.count == 4 || told.end != nil }
                #expect(told.texts == ["hello", "a", long, "b"], "\(told.failure)")
                client.send(text: Array("bye".utf8))
                try await eventually("the end", on: loop) { told.end != nil }
                guard case .closed(let code, let reason) = told.end else {
                    Issue.record("\(told.failure)")
                    continue
                }
                #expect(code?.rawValue == 4_001)
                #expect(reason == "as you wish")
            }
            fetcher.close()
            front.stop(on: loop)
            server.stop(on: loop)
        }
    }

    @Test func `what is no WebSocket is told`() async throws {
        let answers: [(String, String)] = [
            ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403"), ("HTTP/1.1 101 X\r\n\r\n", "Upgrade"),
            ("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n", "Accept"), ("SSH-2.0\r\n\r\n", "HTTP"),
            (String(repeating: "x", count: 20_000), "too long"), ("", "closed"),
        ]
        try await onLoop { loop in
            let fetcher = try Fetcher(on: loop)
            for (answer, said) in answers {
                let server = try ScriptedServer(on: loop) { c in
                    _ = await c.request()
                    c.send(answer)
                    if answer.isEmpty { c.close() }
                }
                let told = Told()
                let client = try WebSocketClient("ws://127.0.0.1:\(server.port)/", through: fetcher) { told.take($0) }
                try await eventually("the end after \(answer.prefix(30))", on: loop) { told.end != nil }
                #expect(told.failure.contains(said), "\(told.failure)")
                #expect(told.opened == 0)
                client.drop()
                server.stop(on: loop)
            }
            for url in ["http://a/", "ws://", "ws://user@host/", "ws://a b/", "file:///x"] {
                #expect(throws: FetchFailure.self) { try WebSocketClient(url, through: fetcher) { _ in } }
            }
            fetcher.close()
        }
    }

    @Test func `a server that is silent is pinged, then left; one that answers pings stays`() async throws {
        try await onLoop { loop in
            let silent = try ScriptedServer(on: loop) { c in
                _ = await c.upgrade()
                await c.wait { _ in false }
            }
            let pings = Told()
            let good = try ScriptedServer(on: loop) { c in
                guard await c.upgrade() else { return }
                let peer = Peer(c)
                while await peer.next() != nil {}
                pings.opened = peer.pings
            }
            let fetcher = try Fetcher(on: loop)
            var options = WebSocketClient.Options()
            options.pingMs = 60
            let (left, stayed) = (Told(), Told())
            let first = try WebSocketClient("ws://127.0.0.1:\(silent.port)/", options, through: fetcher) { left.take($0) }
            let second = try WebSocketClient("ws://127.0.0.1:\(good.port)/", options, through: fetcher) { stayed.take($0) }
            try await eventually("the end of the silent one", on: loop) { left.end != nil }
            #expect(left.failure.contains("ping"))
            #expect(stayed.end == nil)
            second.close()
            try await eventually("the end of the other", on: loop) { stayed.end != nil && pings.opened > 0 }
            first.drop()
            fetcher.close()
            silent.stop(on: loop)
            good.stop(on: loop)
        }
    }

    @Test func `a message over the bound, a masked frame and a broken connection end it`() async throws {
        let sent: [[UInt8]] = [
            WebSocketFrame.encode(.text, [UInt8](repeating: 0x61, count: 2_000)), WebSocketFrame.text("x", mask: 7), [0xC1, 0x00],
            WebSocketFrame.encode(.text, [0xFF]),
        ]
        try await onLoop { loop in
            let fetcher = try Fetcher(on: loop)
            var options = WebSocketClient.Options()
            options.maxMessage = 1_000
            for bytes in sent + [[]] {
                let server = try ScriptedServer(on: loop) { c in
                    guard await c.upgrade() else { return }
                    if bytes.isEmpty { c.close() } else { c.send(bytes) }
                }
                let told = Told()
                let client = try WebSocketClient("ws://127.0.0.1:\(server.port)/", options, through: fetcher) { told.take($0) }
                try await eventually("the end", on: loop) { told.end != nil }
                #expect(told.failure.contains(bytes.isEmpty ? "closed" : "protocol"), "\(told.failure)")
                #expect(told.texts.isEmpty)
                client.drop()
                server.stop(on: loop)
            }
            fetcher.close()
        }
    }
}
