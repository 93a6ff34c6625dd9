import HTTP
import Testing

@Suite struct WebSocketTests {
    struct Seen: Equatable {
        var events: [WebSocketDecoder.Event] = []
        var fault: CloseCode?
    }

    static func decode(_ pieces: [[UInt8]], _ role: WebSocketDecoder.Role = .server, max: Int = 1 << 20) -> Seen {
        var decoder = WebSocketDecoder(role, maxMessage: max)
        var seen = Seen()
        for piece in pieces {
            var done = false
            piece.withUnsafeBufferPointer { bytes in
                var position = 0
                do throws(WebSocketFault) {
                    while let event = try decoder.next(bytes, at: &position) {
                        seen.events.append(event)
                        if case .close = event {
                            done = true
                            return
                        }
                    }
                } catch {
                    seen.fault = error.code
                    done = true
                }
            }
            if done { break }
        }
        return seen
    }

    static let mask: UInt32 = 0x37FA_213D
    static func frame(_ opcode: WebSocketFrame.Opcode, _ text: String, fin: Bool = true) -> [UInt8] {
        WebSocketFrame.encode(opcode, Array(text.utf8), isFinal: fin, mask: mask)
    }
    static func close(_ payload: [UInt8]) -> [UInt8] { WebSocketFrame.encode(.close, payload, mask: mask) }

    @Test func theStandardsExampleKeyGivesItsAccept() {
        #expect(WebSocketHandshake.accept(key: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }

    @Test(arguments: [0, 1, 125, 126, 127, 65_535, 65_536, 100_000]) func everyLengthGoesRoundInBothDirections(_ count: Int) {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        #expect(Self.decode([WebSocketFrame.encode(.binary, payload, mask: 0x0102_0304)]).events == [.binary(payload)])
        #expect(Self.decode([WebSocketFrame.encode(.binary, payload)], .client).events == [.binary(payload)])
        let sizes = [0: 2, 1: 3, 125: 127, 126: 130, 127: 131, 65_535: 65_539, 65_536: 65_546, 100_000: 100_010]
        #expect(WebSocketFrame.encode(.binary, payload).count == sizes[count])
    }

    @Test func fragmentsJoinAndControlFramesPassBetweenThem() {
        let bytes = Self.frame(.text, "he", fin: false) + Self.frame(.ping, "p") + Self.frame(.continuation, "", fin: false) + Self.frame(.continuation, "llo")
        #expect(Self.decode([bytes]).events == [.ping(Array("p".utf8)), .text(Array("hello".utf8))])
        #expect(Self.decode(bytes.map { [$0] }).events == [.ping(Array("p".utf8)), .text(Array("hello".utf8))])
    }

    @Test func brokenFramingIsAProtocolError() {
        let cases: [(String, [UInt8])] = [
            ("unmasked", WebSocketFrame.encode(.text, [0x61])),
            ("rsv1", [0xC1, 0x80]), ("rsv2", [0xA1, 0x80]), ("rsv3", [0x91, 0x80]),
            ("opcode 3", [0x83, 0x80]), ("opcode 7", [0x87, 0x80]), ("opcode 11", [0x8B, 0x80]), ("opcode 15", [0x8F, 0x80]),
            ("fragmented ping", [0x09, 0x80]), ("fragmented close", [0x08, 0x80]),
            ("long ping", [0x89, 0xFE]), ("long close", [0x88, 0xFF]),
            ("continuation first", Self.frame(.continuation, "a")), ("continuation after end", Self.frame(.text, "a") + Self.frame(.continuation, "a")),
            ("text in text", Self.frame(.text, "a", fin: false) + Self.frame(.text, "b")),
            ("binary in text", Self.frame(.text, "a", fin: false) + Self.frame(.binary, "b")),
            ("16-bit for 125", [0x82, 0xFE, 0, 125, 0, 0, 0, 0]), ("64-bit for 65535", [0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0]),
            ("top bit", [0x82, 0xFF, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ("one-byte close", Self.close([3])),
        ]
        for (name, bytes) in cases {
            #expect(Self.decode([bytes]).fault == .protocolError, "\(name)")
            #expect(Self.decode(bytes.map { [$0] }).fault == .protocolError, "\(name)")
        }
        #expect(Self.decode([Self.frame(.text, "a")], .client).fault == .protocolError, "a server must not mask")
    }

    @Test func badFramesFailBeforeTheirPayloadComes() {
        #expect(Self.decode([[0x83]]).fault == .protocolError)
        #expect(Self.decode([[0x82, 0xFF, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]]).fault == .messageTooBig)
    }

    @Test(
        arguments: [
            [0xCE, 0xBA, 0xE1, 0xBD, 0xB9, 0xCF, 0x83, 0xCE, 0xBC, 0xCE, 0xB5, 0xED, 0xA0, 0x80, 0x65], [0xC0, 0xAF], [0xFF], [0xF4, 0x90, 0x80, 0x80],
            [0xE0, 0x80, 0x80],
            [0x80], [0xF8, 0x88, 0x80, 0x80, 0x80],
        ] as [[UInt8]]) func textThatIsNotUTF8FailsAtTheFirstWrongByte(_ payload: [UInt8])
    {
        #expect(Self.decode([WebSocketFrame.encode(.text, payload, mask: Self.mask)]).fault == .invalidPayload)
        // The frame promises more than has come: it must fail all the same.
        let unfinished = WebSocketFrame.encode(.text, payload + [UInt8](repeating: 0x61, count: 50), mask: Self.mask).dropLast(50)
        #expect(Self.decode([Array(unfinished)]).fault == .invalidPayload)
        #expect(Self.decode([WebSocketFrame.encode(.text, payload, isFinal: false, mask: Self.mask)]).fault == .invalidPayload)
        #expect(Self.decode([WebSocketFrame.encode(.binary, payload, mask: Self.mask)]).events == [.binary(payload)])
    }

    @Test func charactersMaySpanFragmentsButNotMessages() {
        let euro: [UInt8] = [0xE2, 0x82, 0xAC]
        let first = WebSocketFrame.encode(.text, euro[0..<1], isFinal: false, mask: 1)
        #expect(Self.decode([first + WebSocketFrame.encode(.continuation, euro[1...], mask: 2)]).events == [.text(euro)])
        #expect(Self.decode([WebSocketFrame.encode(.text, euro[0..<2], mask: 3)]).fault == .invalidPayload)
    }

    @Test func closeCodesFollowTheStandard() {
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] as [UInt16] {
            let seen = Self.decode([Self.close([UInt8(code >> 8), UInt8(code & 255)] + Array("bye".utf8))])
            #expect(seen.events == [.close(CloseCode(rawValue: code), reason: "bye")])
        }
        for code in [0, 999, 1004, 1005, 1006, 1012, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] as [UInt16] {
            #expect(Self.decode([Self.close([UInt8(code >> 8), UInt8(code & 255)])]).fault == .protocolError, "\(code)")
        }
        #expect(Self.decode([Self.close([])]).events == [.close(nil, reason: "")])
        #expect(Self.decode([Self.close([3, 232, 0xFF])]).fault == .invalidPayload)
        #expect(WebSocketFrame.close(.normal, reason: String(repeating: "中", count: 90)).count == 2 + 2 + 123)
    }

    @Test func messagesPastTheBoundAreRefusedOverFragmentsToo() {
        #expect(Self.decode([Self.frame(.text, "12345678")], max: 8).fault == nil)
        #expect(Self.decode([Self.frame(.text, "123456789")], max: 8).fault == .messageTooBig)
        #expect(Self.decode([Self.frame(.text, "12345", fin: false) + Self.frame(.continuation, "6789")], max: 8).fault == .messageTooBig)
        #expect(Self.decode([Self.frame(.ping, "123456789")], max: 8).fault == nil, "control frames have their own bound")
    }

    @Test func randomAndMutatedFramesReadAlikeHoweverTheyAreSplit() {
        var random = Seeded(99)
        for _ in 0..<20_000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let opcode = [WebSocketFrame.Opcode.text, .binary, .continuation, .ping, .pong, .close].randomElement(using: &random) ?? .text
                let payload = random.bytes(Int.random(in: 0...40, using: &random)).map { Bool.random(using: &random) ? $0 & 0x7F : $0 }
                let fin = opcode.isControl || Bool.random(using: &random)
                bytes += WebSocketFrame.encode(opcode, payload, isFinal: fin, mask: UInt32(truncatingIfNeeded: random.next()))
            }
            if Bool.random(using: &random) { bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8(random.next() & 7) }
            let whole = Self.decode([bytes])
            #expect(whole == Self.decode(split(bytes, &random)))
            #expect(whole == Self.decode(bytes.map { [$0] }))
        }
        for _ in 0..<5000 { _ = Self.decode([random.bytes(60)]) }
    }

    @Test func handshakesAreChecked() throws {
        func check(_ fields: String, line: String = "GET /ws HTTP/1.1") -> Int? {
            do throws(HTTPFault) {
                _ = try WebSocketHandshake.check(try head("\(line)\r\nHost: a\r\n\(fields)\r\n"))
                return nil
            } catch {
                return error.status
            }
        }
        let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        let rest = "Upgrade: h2c, WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        #expect(check(rest + key) == nil)
        #expect(check(rest + key, line: "POST /ws HTTP/1.1") == 400)
        #expect(check(rest + key, line: "GET /ws HTTP/1.0") == 400)
        #expect(check(rest) == 400)
        #expect(check(rest + key + key) == 400)
        #expect(check(rest + "Sec-WebSocket-Key: short\r\n") == 400)
        #expect(check("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n" + key) == 426)
        #expect(check("Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" + key) == 426)
        #expect(check("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" + key) == 426)
        let request = String(decoding: WebSocketHandshake.request(host: "a", target: "/ws", nonce: [UInt8](repeating: 7, count: 16)), as: UTF8.self)
        #expect(throws: Never.self) { try WebSocketHandshake.check(try head(request)) }
    }

    @Test func codesTellTheClientWhatToDo() {
        #expect(CloseCode.goingAway.advice == .reconnect)
        #expect(CloseCode.slow.advice == .reconnect)
        #expect(CloseCode.protocolError.advice == .fixClient)
        #expect(CloseCode.normal.advice == .stayClosed)
    }
}
