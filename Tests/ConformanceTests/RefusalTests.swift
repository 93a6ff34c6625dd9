import Reactor
import Testing

@testable import Edge

/// What must never be taken for a request, over real sockets: refused, closed, and nothing behind it is served.
@Suite struct RefusalTests {
    static let cases: [(bytes: String, status: Int)] = [
        ("GET /hello HTTP/1.1\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\nHost: a\n\n", 400),
        ("GET /hello HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nHost: a\r\nX: y\u{0}\r\n\r\n", 400),
        ("GET /hello HTTP/1.1\r\nHost: a\r\nX: y\rz\r\n\r\n", 400),
        ("GET /hello HTTP/1.2\r\nHost: a\r\n\r\n", 400),
        ("GET /hello HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        ("GET /hello\r\n\r\n", 400),
        ("GET /hel lo HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /hello#x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nabcd", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX Y: z\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", 413),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: magic\r\nContent-Length: 1\r\n\r\nx", 417),
        ("GET /" + String(repeating: "a", count: 9000) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        ("GET /hello HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "a", count: 40_000) + "\r\n\r\n", 431),
        ("\u{16}\u{3}\u{1}", 400),
    ]

    @Test(arguments: cases.indices) func refusedRequestsEndTheConnectionAndSmuggleNothing(_ i: Int) async throws {
        let (bytes, status) = Self.cases[i]
        try await onLoop { loop in
            let world = try World(on: loop)
            let client = world.client(on: loop)
            try await client.send(bytes + "GET /hello?smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
            let response = try await client.response()
            #expect(response.status == status)
            #expect(response["connection"] == "close")
            #expect(response.text.contains("\"error\""))
            #expect(try await client.rest().isEmpty, "nothing follows a refusal")
            #expect(world.seen.isEmpty)
            await world.stop()
        }
    }

    @Test func aHeadThatTricklesIsCutByItsTotalTime() async throws {
        try await onLoop { loop in
            let world = try World(on: loop) { $0.headTimeoutMs = 60 }
            let client = world.client(on: loop)
            // A byte now and then keeps no connection: the clock runs from the head's beginning.
            for byte in "GET /hello HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".utf8 where !client.isEnded && client.buffer.isEmpty {
                client.push([byte])
                await client.pause(ms: 5)
            }
            #expect(try await client.response().status == 408)
            #expect(try await client.rest().isEmpty)
            #expect(world.server.counters.timedOut == 1)
            await world.stop()
        }
    }

    @Test func aBodyThatStopsIsCut() async throws {
        try await onLoop { loop in
            let world = try World(on: loop) { $0.bodyIdleMs = 40 }
            let client = world.client(on: loop)
            try await client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
            #expect(try await client.response().status == 408)
            #expect(world.server.counters.bodyBytesInFlight == 0)
            await world.stop()
        }
    }

    @Test func anIdleConnectionIsClosedWithoutAWord() async throws {
        try await onLoop { loop in
            let world = try World(on: loop) { $0.keepAliveIdleMs = 40 }
            let client = world.client(on: loop)
            #expect(try await client.get("/hello").status == 200)
            #expect(try await client.rest().isEmpty)
            await world.stop()
        }
    }

    @Test func oneConnectionTooManyIsTold() async throws {
        try await onLoop { loop in
            let world = try World(on: loop) { $0.maxConnections = 1 }
            let first = world.client(on: loop)
            #expect(try await first.get("/hello").status == 200)
            let second = world.client(on: loop)
            #expect(try await second.response().status == 503)
            #expect(world.server.counters.refusedConnections == 1)
            #expect(try await first.get("/hello").status == 200)
            await world.stop()
        }
    }

    @Test func bodiesInFlightAreBoundedOverAllConnections() async throws {
        try await onLoop { loop in
            let world = try World(on: loop) { $0.bodyBytesInFlight = 1000 }
            let first = world.client(on: loop)
            try await first.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + String(repeating: "x", count: 900))
            while world.server.counters.bodyBytesInFlight < 900 { await first.pause(ms: 1) }
            let second = world.client(on: loop)
            try await second.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 200\r\n\r\n" + String(repeating: "y", count: 200))
            #expect(try await second.response().status == 503)
            try await first.send(String(repeating: "x", count: 100))
            #expect(try await first.response().body.count == 1000)
            #expect(world.server.counters.bodyBytesInFlight == 0)
            await world.stop()
        }
    }
}
