import HTTP
import Reactor
import Testing

@testable import Edge

/// A WebSocket client on a test socket.
final class TestSocket {
    let client: TestClient
    private var decoder = WebSocketDecoder(.client, maxMessage: 16 << 20)
    private var events: [WebSocketDecoder.Event] = []

    init(_ client: TestClient) { self.client = client }

    func open(_ path: String) async throws {
        try await client.send(WebSocketHandshake.request(host: "test", target: path, nonce: [UInt8](repeating: 9, count: 16)))
        let response = try await client.response()
        guard response.status == 101, response["sec-websocket-accept"] == WebSocketHandshake.accept(key: Base64.encode([UInt8](repeating: 9, count: 16))) else {
            throw TestClient.Ended()
        }
    }

    func send(_ opcode: WebSocketFrame.Opcode, _ payload: [UInt8], fin: Bool = true) async throws {
        try await client.send(WebSocketFrame.encode(opcode, payload, isFinal: fin, mask: 0xA1B2_C3D4))
    }
    func send(_ text: String) async throws { try await send(.text, Array(text.utf8)) }

    func next() async throws -> WebSocketDecoder.Event {
        while true {
            if !events.isEmpty { return events.removeFirst() }
            let bytes = try await client.take(client.buffer.isEmpty ? 1 : client.buffer.count)
            var decoder = self.decoder
            let more: [WebSocketDecoder.Event] = try bytes.withUnsafeBufferPointer { buffer in
                var position = 0
                var found: [WebSocketDecoder.Event] = []
                while let event = try decoder.next(buffer, at: &position) { found.append(event) }
                return found
            }
            self.decoder = decoder
            events += more
        }
    }

    func text() async throws -> String {
        guard case .text(let bytes) = try await next() else { return "(no text)" }
        return String(decoding: bytes, as: UTF8.self)
    }

    func closeCode() async throws -> UInt16? {
        while true { if case .close(let code, _) = try await next() { return code?.rawValue } }
    }
}

@Suite struct WebSocketWireTests {
    @Test func messagesOfEveryLengthAreEchoed() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let socket = TestSocket(world.client(on: loop))
            try await socket.open("/echo-ws")
            for count in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 300_000] {
                let payload = [UInt8](repeating: 0x2A, count: count)
                try await socket.send(.text, payload)
                #expect(try await socket.next() == .text(payload))
                try await socket.send(.binary, payload)
                #expect(try await socket.next() == .binary(payload))
            }
            await world.stop()
        }
    }

    @Test func fragmentsAndPingsMayInterleave() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let socket = TestSocket(world.client(on: loop))
            try await socket.open("/echo-ws")
            try await socket.send(.text, Array("frag".utf8), fin: false)
            try await socket.send(.ping, Array("are you there".utf8))
            try await socket.send(.pong, Array("unasked".utf8))
            try await socket.send(.continuation, Array("ment".utf8))
            #expect(try await socket.next() == .pong(Array("are you there".utf8)))
            #expect(try await socket.text() == "fragment")
            await world.stop()
        }
    }

    @Test(
        arguments: [
            (WebSocketFrame.encode(.text, [0x61]), 1002), ([0xC1, 0x80, 0, 0, 0, 0], 1002), ([0x83, 0x80, 0, 0, 0, 0], 1002), ([0x8B, 0x80, 0, 0, 0, 0], 1002),
            ([0x09, 0x80, 0, 0, 0, 0], 1002), ([0x89, 0xFE, 0, 126], 1002), (WebSocketFrame.encode(.continuation, [], mask: 1), 1002),
            (WebSocketFrame.encode(.text, [0x61], isFinal: false, mask: 1) + WebSocketFrame.encode(.text, [0x61], mask: 1), 1002),
            ([0x82, 0xFE, 0, 5, 0, 0, 0, 0], 1002), ([0x82, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 1002),
            (WebSocketFrame.encode(.text, [0xFF], mask: 1), 1007), (WebSocketFrame.encode(.text, [0xC3], mask: 1), 1007),
            (WebSocketFrame.encode(.close, [3], mask: 1), 1002), (WebSocketFrame.encode(.close, [3, 237], mask: 1), 1002),
            (WebSocketFrame.encode(.close, [3, 232, 0xFF], mask: 1), 1007),
            ([0x82, 0xFF, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0], 1009),
        ] as [([UInt8], UInt16)]) func brokenFramesAreClosedWithTheirCode(_ bytes: [UInt8], _ code: UInt16) async throws
    {
        try await onLoop { loop in
            let world = try World(on: loop)
            let socket = TestSocket(world.client(on: loop))
            try await socket.open("/echo-ws")
            try await socket.client.send(bytes)
            #expect(try await socket.closeCode() == code)
            #expect(try await socket.client.rest().isEmpty)
            await world.stop()
        }
    }

    @Test(arguments: [1000, 1001, 1003, 1011, 3000, 4999] as [UInt16]) func aCloseIsAnsweredWithItsCode(_ code: UInt16) async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let socket = TestSocket(world.client(on: loop))
            try await socket.open("/echo-ws")
            try await socket.client.send(WebSocketFrame.close(CloseCode(rawValue: code), reason: "bye", mask: 5) + WebSocketFrame.text("too late", mask: 6))
            #expect(try await socket.next() == .close(CloseCode(rawValue: code), reason: ""))
            #expect(try await socket.client.rest().isEmpty)
            #expect(world.server.counters.webSockets == 0 || world.server.connections.count == 1)
            await world.stop()
        }
    }

    @Test func handshakesThatAreNoneAreRefusedAsHTTP() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let client = world.client(on: loop)
            let plain = try await client.get("/echo-ws")
            #expect(plain.status == 426)
            #expect(plain["sec-websocket-version"] == "13")
            let fields = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            #expect(try await client.get("/echo-ws", fields).status == 400)
            #expect(try await client.get("/ws?topics=a..*b", fields + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n").status == 400)
            #expect(try await client.get("/hello", fields + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n").status == 200, "elsewhere Upgrade is ignored")
            await world.stop()
        }
    }

    @Test func framesThatComeWithTheHandshakeAreRead() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let socket = TestSocket(world.client(on: loop))
            let hello = WebSocketHandshake.request(host: "a", target: "/echo-ws", nonce: [UInt8](repeating: 9, count: 16))
            try await socket.client.send(hello + WebSocketFrame.text("early", mask: 7))
            #expect(try await socket.client.response().status == 101)
            #expect(try await socket.text() == "early")
            await world.stop()
        }
    }

    @Test func silentPeersArePingedAndThenCut() async throws {
        try await onLoop { loop in
            let world = try World(on: loop) {
                $0.pingMs = 40
                $0.lingerMs = 40
            }
            let socket = TestSocket(world.client(on: loop))
            try await socket.open("/echo-ws")
            #expect(try await socket.next() == .ping([]))
            #expect(try await socket.closeCode() == 3001)
            #expect(try await socket.client.rest().isEmpty)
            await world.stop()
        }
    }

    @Test func stoppingSaysGoingAway() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let socket = TestSocket(world.client(on: loop))
            try await socket.open("/echo-ws")
            let stopped = world.server
            let stopping = Task.immediate {
                _ = loop
                await stopped.stop(withinMs: 10_000)
            }
            #expect(try await socket.closeCode() == 1001)
            try await socket.client.send(WebSocketFrame.close(.goingAway, mask: 1))
            await stopping.value
            #expect(world.server.counters.webSockets == 0)
        }
    }
}
