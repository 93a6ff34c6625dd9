import Bytes
import HTTP
import Protocol
import Reactor
import TestSupport
import Testing
import ZeroMQ

@testable import API

@Suite struct TopicTests {
    @Test func `clients get last values first, then readings and warnings under the meter's topic`() async throws {
        try await withAPI { api, loop in
            let fleet = try await TestFleet.start(api, on: loop) { _, _ in }
            try await eventually("the broker", on: loop) { fleet.client.isUp }
            let publish = { (topic: String, payload: String) in fleet.client.publish(topic, Array(payload.utf8), isState: true, on: loop) }
            publish("charging.A", #"{"type":"reading","data":{"i":1}}"#)
            publish("charging.A", #"{"type":"reading","data":{"i":2}}"#)
            publish("charging.A.warning", #"{"type":"warning","data":{"level":"red"}}"#)
            publish("charging.B", #"{"type":"reading","data":{"i":3}}"#)

            // Each loop's bridge has them once its snapshot is there.
            var last: Set<String> = []
            try await eventually("last values", on: loop) {
                let socket = try await TestSocket(port: api.port, "/api/ws?topics=charging.A", on: loop)
                socket.send(#"{"subscribe":["charging.none"]}"#)
                last = []
                while let message = try await socket.next(), !message.contains("subscribed") { last.insert(message) }
                socket.wire.end()
                return last.count == 2
            }
            #expect(last == [#"{"topic":"charging.A","type":"reading","data":{"i":2}}"#, #"{"topic":"charging.A","type":"warning","data":{"level":"red"}}"#])

            let socket = try await TestSocket(port: api.port, "/api/ws?topics=charging.*", on: loop)
            socket.send(#"{"subscribe":["charging.none"]}"#)
            while let message = try await socket.next(), !message.contains("subscribed") {}
            publish("charging.B", #"{"type":"reading","data":{"i":4}}"#)
            publish("charging.B.warning", #"{"type":"warning","data":{}}"#)
            publish("charging.C", "[]")
            publish("charging.odd \"name\"", #"{"type":"reading","data":{}}"#)
            var live: [String] = []
            while live.count < 3, let message = try await socket.next() {
                // A snapshot may still be repeated.
                if message.contains(#""i":4"#) || message.contains(#""data":{}"#) { live.append(message) }
            }
            #expect(
                live == [
                    #"{"topic":"charging.B","type":"reading","data":{"i":4}}"#, #"{"topic":"charging.B","type":"warning","data":{}}"#,
                    #"{"topic":"charging.odd \"name\"","type":"reading","data":{}}"#,
                ])
            socket.wire.end()
            await fleet.stop(on: loop)
        }
    }

    @Test func `a meter whose id ends like a warning keeps its readings' name`() {
        let server = #"{"type":"reading","data":{}}"#
        #expect(
            String(decoding: TopicBridge.named("charging.X.warning", Array(server.utf8)), as: UTF8.self)
                == #"{"topic":"charging.X.warning","type":"reading","data":{}}"#)
    }

    @Test func `bad topics are refused at the handshake`() async throws {
        try await withAPI { api, loop in
            let answer = try await api.request(
                "GET", "/api/ws?topics=a%20b",
                [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "BwcHBwcHBwcHBwcHBwcHBw==")], on: loop)
            #expect(answer.status >= 400)
        }
    }

    @Test func `in production a socket needs a good token, in the header or the query`() async throws {
        try await withAPI(.production) { api, loop in
            try await api.addTokens(on: loop)
            await #expect(throws: Overdue.self) { _ = try await TestSocket(port: api.port, "/api/ws?topics=charging.*", on: loop) }
            let wrong = try await TestSocket(port: api.port, "/api/ws?topics=charging.*&access_token=wrong", on: loop)
            #expect(try await wrong.next() == nil)
            #expect(wrong.closeCode == .policyViolation)
            for (target, fields) in [("/api/ws?access_token=ingest-token", []), ("/api/ws", [("Authorization", "Bearer admin-token")])] {
                let socket = try await TestSocket(port: api.port, target, fields, on: loop)
                // Spoken before the token is known: kept and answered after.
                socket.send(#"{"subscribe":["charging.A"]}"#)
                #expect(try await socket.next() == #"{"subscribed":["charging.*","charging.A"]}"#)
                socket.wire.end()
            }
        }
    }
}
