import Reactor
import Testing

@testable import Edge

@Suite struct StreamTests {
    @Test func streamsArriveWholeAndTheConnectionGoesOn() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let client = world.client(on: loop)
            let response = try await client.get("/stream/20000")
            #expect(response["transfer-encoding"] == "chunked")
            #expect(response.text.split(separator: "\n").count == 20_000)
            #expect(try await client.get("/hello?z").text == "hello z")
            await world.stop()
        }
    }

    @Test func aBrokenStreamIsCutSoThatNobodyTakesItForWhole() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let client = world.client(on: loop)
            try await client.send("GET /broken-stream HTTP/1.1\r\nHost: a\r\n\r\n")
            let all = String(decoding: try await client.rest(), as: UTF8.self)
            #expect(!all.hasSuffix("0\r\n\r\n"))
            await world.stop()
        }
    }

    @Test func aClientThatNeverReadsCostsBoundedMemoryAndIsCut() async throws {
        try await onLoop { loop in
            let world = try World(on: loop) {
                $0.writeStallMs = 200
                $0.outputHighWater = 64 * 1024
            }
            let client = world.client(reads: false, on: loop)
            try await client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
            while !world.streamEnded { await client.pause(ms: 2) }
            #expect(world.mostQueued > 0)
            #expect(world.mostQueued < 64 * 1024 + 10_000)
            #expect(world.server.counters.timedOut == 1)
            #expect(world.server.connections.isEmpty)
            await world.stop()
        }
    }

    @Test func aClientThatPipelinesWithoutReadingIsNotReadFromEither() async throws {
        try await onLoop { loop in
            let world = try World(on: loop) {
                $0.writeStallMs = 200
                $0.outputHighWater = 128 * 1024
            }
            let client = world.client(reads: false, on: loop)
            let requests = Array(String(repeating: "GET /big HTTP/1.1\r\nHost: a\r\n\r\n", count: 1000).utf8)
            while world.server.counters.timedOut == 0 {
                client.push(requests)
                await client.pause(ms: 2)
            }
            #expect(world.mostQueued > 100_000)
            #expect(world.mostQueued < 128 * 1024)
            await world.stop()
        }
    }

    @Test func aHandlerEndsWhenItsClientHasGone() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let client = world.client(on: loop)
            try await client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try await client.take(100_000)
            client.hangUp()
            while !world.streamEnded { await client.pause(ms: 1) }
            #expect(world.server.connections.isEmpty)
            await world.stop()
        }
    }

    @Test func stoppingLetsRunningRequestsFinishAndRefusesNewOnes() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let idle = world.client(on: loop)
            #expect(try await idle.get("/hello").status == 200)
            let busy = world.client(on: loop)
            try await busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            while world.waiting.isEmpty { await busy.pause(ms: 1) }
            let stopped = world.server
            let stopping = Task.immediate {
                _ = loop
                await stopped.stop(withinMs: 10_000)
            }
            #expect(try await idle.rest().isEmpty)
            world.waiting[0].resume()
            let response = try await busy.response()
            #expect(response.text == "waited")
            #expect(response["connection"] == "close")
            #expect(try await busy.rest().isEmpty)
            await stopping.value
            #expect(world.server.connections.isEmpty)
        }
    }
}
