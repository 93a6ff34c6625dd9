import HTTP
import Reactor
import Testing

@testable import Edge

@Suite struct HubTests {
    private static func payload(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func topicsReachThoseWhosePatternsMatchAndOnce() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let exact = TestSocket(world.client(on: loop))
            let prefix = TestSocket(world.client(on: loop))
            let both = TestSocket(world.client(on: loop))
            let all = TestSocket(world.client(on: loop))
            try await exact.open("/ws?topics=vehicles.7")
            try await prefix.open("/ws?topics=vehicles.*")
            try await both.open("/ws?topics=vehicles.*,vehicles.7,alerts.x")
            try await all.open("/ws?topics=*")
            for topic in ["vehicles.7", "vehicles.8", "alerts.x", "vehiclesx", "vehicles.7.door"] {
                world.hub.publish(topic: topic, payload: Self.payload(topic))
            }
            #expect(try await exact.text() == "vehicles.7")
            for topic in ["vehicles.7", "vehicles.8", "vehicles.7.door"] { #expect(try await prefix.text() == topic) }
            for topic in ["vehicles.7", "vehicles.8", "alerts.x", "vehicles.7.door"] { #expect(try await both.text() == topic) }
            for topic in ["vehicles.7", "vehicles.8", "alerts.x", "vehiclesx", "vehicles.7.door"] { #expect(try await all.text() == topic) }
            await world.stop()
        }
    }

    @Test func lastValuesComeFirstAndOlderNewsNotAfterThem() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            var state = 0
            world.hub.onSubscribe = { patterns in patterns.map { SharedFrame(text: Self.payload("snapshot \($0) \(state)")) } }
            let first = TestSocket(world.client(on: loop))
            try await first.open("/ws?topics=a.*")
            #expect(try await first.text() == "snapshot a.* 0")
            let second = TestSocket(world.client(on: loop))
            try await second.open("/ws")
            state = 1
            world.hub.publish(topic: "a.x", payload: Self.payload("news 1"))
            try await second.send(#"{"subscribe":["a.*"]}"#)
            #expect(try await second.text() == "snapshot a.* 1")
            #expect(try await second.text() == #"{"subscribed":["a.*"]}"#)
            world.hub.publish(topic: "a.x", payload: Self.payload("news 2"))
            #expect(try await second.text() == "news 2")
            #expect(try await first.text() == "news 1")
            #expect(try await first.text() == "news 2")
            await world.stop()
        }
    }

    @Test func clientsChangeTheirTopicsAndNonsenseIsAnsweredNotFatal() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            let socket = TestSocket(world.client(on: loop))
            try await socket.open("/ws?topics=a")
            try await socket.send(#"{"subscribe":["b","c.*"],"unsubscribe":["a","never"]}"#)
            #expect(try await socket.text() == #"{"subscribed":["b","c.*"]}"#)
            world.hub.publish(topic: "a", payload: Self.payload("a"))
            world.hub.publish(topic: "c.1", payload: Self.payload("c"))
            #expect(try await socket.text() == "c")
            for nonsense in ["hello", "[]", "{}", #"{"subscribe":"a"}"#, #"{"subscribe":[1]}"#, #"{"subscribe":["a*b"]}"#, #"{"subscribe":[""]}"#] {
                try await socket.send(nonsense)
                #expect(try await socket.text().hasPrefix(#"{"error":{"code":""#), "\(nonsense)")
            }
            let many = (0..<64).map { "\"t\($0)\"" }.joined(separator: ",")
            try await socket.send("{\"subscribe\":[\(many)]}")
            #expect(try await socket.text().contains("too_many_topics"))
            try await socket.send(#"{"unsubscribe":["b","c.*"]}"#)
            #expect(try await socket.text() == #"{"subscribed":[]}"#)
            try await socket.send(.binary, [1])
            #expect(try await socket.closeCode() == 1003)
            await world.stop()
        }
    }

    @Test func slowClientsOfAStateAreConflatedAndGetTheNewest() async throws {
        try await onLoop { loop in
            let world = try World(on: loop) { $0.webSocketQueue = 64 * 1024 }
            let slow = world.client(reads: false, on: loop)
            try await slow.send(WebSocketHandshake.request(host: "a", target: "/ws?topics=state.*", nonce: [UInt8](repeating: 1, count: 16)))
            while world.server.counters.webSockets == 0 { await slow.pause(ms: 1) }
            let filler = String(repeating: "x", count: 2000)
            for i in 0..<4000 {
                world.hub.publish(topic: "state.\(i % 4)", key: "k", payload: Self.payload("\(i) \(filler)"))
                if i % 50 == 0 { await slow.pause(ms: 0) }
            }
            await slow.pause(ms: 1)
            #expect(world.server.counters.conflated > 1000)
            #expect(world.server.counters.closedSlow == 0)
            #expect(world.server.connections[0].out.count <= 64 * 1024)
            #expect(world.server.counters.webSockets == 1)
            await world.stop()
        }
    }

    @Test func clientsThatStaySlowAreClosedWithTheirOwnCodeAndOthersDoNotNotice() async throws {
        try await onLoop { loop in
            let world = try World(on: loop) {
                $0.webSocketQueue = 64 * 1024
                $0.lingerMs = 50
            }
            let slow = world.client(reads: false, on: loop)
            try await slow.send(WebSocketHandshake.request(host: "a", target: "/ws?topics=events", nonce: [UInt8](repeating: 1, count: 16)))
            let good = TestSocket(world.client(on: loop))
            try await good.open("/ws?topics=events")
            while world.server.counters.webSockets < 2 { await slow.pause(ms: 1) }
            let filler = String(repeating: "x", count: 2000)
            var sent = 0
            while world.server.counters.closedSlow == 0 {
                world.hub.publish(topic: "events", payload: Self.payload("\(sent) \(filler)"))
                #expect(try await good.text() == "\(sent) \(filler)")
                sent += 1
            }
            #expect(world.server.connections.map(\.out.count).max() ?? 0 < 64 * 1024 + 4096)
            while world.server.counters.webSockets > 1 { await slow.pause(ms: 1) }
            world.hub.publish(topic: "events", payload: Self.payload("last"))
            #expect(try await good.text() == "last")
            await world.stop()
        }
    }

    @Test func aCrowdThatComesAndGoesLeavesNothingBehind() async throws {
        try await onLoop { loop in
            let world = try World(on: loop)
            var sockets: [TestSocket] = []
            for i in 0..<40 {
                let socket = TestSocket(world.client(on: loop))
                try await socket.open("/ws?topics=\(i % 2 == 0 ? "t" : "t,u.\(i)")")
                sockets.append(socket)
            }
            for i in stride(from: 0, to: 40, by: 3) { sockets[i].client.hangUp() }
            while world.server.counters.webSockets > 26 { await sockets[1].client.pause(ms: 1) }
            world.hub.publish(topic: "t", payload: Self.payload("still here"))
            for i in 0..<40 where i % 3 != 0 { #expect(try await sockets[i].text() == "still here") }
            #expect(world.server.counters.delivered == 26)
            await world.stop()
        }
    }
}
