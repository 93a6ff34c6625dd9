import Bytes
import Fetch
import Reactor
import Simulation
import TestSupport
import Testing

@testable import Workers

@Suite(.serialized, .timeLimit(.minutes(3))) struct StreamTests {
    // MARK: A stream alone

    /// What a stream's listener hears.
    private final class Heard {
        var frames: [StreamFrame] = []
        var raw: [String] = []
        var events: [StreamEvent] = []
        var refused = 0

        func take(_ input: VehicleInput, _ text: [UInt8]) {
            switch input {
            case .frame(let frame):
                frames.append(frame)
                raw.append(String(decoding: text, as: UTF8.self))
            case .stream(let event): events.append(event)
            default: Issue.record("\(input)")
            }
        }
    }

    private static let value = "1767225601123,31,7671.3,67,8,181,30.27412,120.15512,12,D,205,187,180"
    private static func update(_ value: String, tag: String = "77") -> String { #"{"msg_type":"data:update","tag":"\#(tag)","value":"\#(value)"}"# }
    private static func error(_ kind: String, _ value: String) -> String {
        #"{"msg_type":"data:error","tag":"77","error_type":"\#(kind)","value":"\#(value)"}"#
    }

    /// The token of a subscription; nil: it is none.
    private static func token(_ text: String?) -> String? {
        guard let text, case .success(let json) = Result(catching: { () throws(JSONError) in try JSONValue.parse(Array(text.utf8)) }) else { return nil }
        guard json["msg_type"]?.string == "data:subscribe_oauth", json["tag"]?.string == "77" else { return nil }
        return json["token"]?.string
    }

    private static func withStream(
        speed: Double = 50, _ script: @escaping (Peer, _ connection: Int) async -> Void,
        _ body: @Sendable (CarStream, Heard, ScriptedServer, isolated EventLoop) async throws -> Void
    ) async throws {
        let script = Script(run: script)
        try await onLoop { loop in
            let count = Connections()
            let server = try ScriptedServer(on: loop) { c in
                guard await c.upgrade() else { return }
                count.number += 1
                let peer = Peer(c)
                peer.send(#"{"msg_type":"control:hello","connection_timeout":0}"#)
                await script.run(peer, count.number)
            }
            let fetcher = try Fetcher(on: loop)
            let heard = Heard()
            let options = PollerWorld.options(port: server.port, speed: speed)
            let stream = CarStream(
                tag: "77", options: options, fetcher: fetcher, now: { Clock.wall },
                on: CarStream.Listener(input: { heard.take($0, $1) }, refused: { heard.refused += 1 }))
            let tokens = TokenPair(access: "one", refresh: "r")
            stream.start(tokens, VehicleHosts(tokens, options), on: loop)
            let result: Result<Void, any Error>
            do {
                result = .success(try await body(stream, heard, server, loop))
            } catch {
                result = .failure(error)
            }
            stream.drop()
            fetcher.close()
            server.stop(on: loop)
            try result.get()
        }
    }

    private final class Connections { var number = 0 }

    private struct Script: @unchecked Sendable {
        let run: (Peer, Int) async -> Void
    }

    @Test func `frames come through with their text, those of others and broken ones do not`() async throws {
        try await Self.withStream { peer, _ in
            guard Self.token(await peer.next()) == "one" else { return }
            peer.send(Self.update("1,2,3"))
            peer.send(Self.update(Self.value, tag: "78"))
            peer.send("{")
            peer.send(Self.update(Self.value))
            peer.send(Self.update("1767225601373,,,,,,,,,,,,"))
            _ = await peer.next()
        } _: { stream, heard, _, loop in
            try await eventually("two frames", on: loop) { heard.frames.count == 2 }
            #expect(heard.raw == [Self.value, "1767225601373,,,,,,,,,,,,"])
            #expect(heard.frames[0].shift == .drive && heard.frames[0].speed == 50)
            #expect(heard.frames[1].power == nil && heard.frames[1].shift == nil)
            #expect(heard.events == [.connected])
            #expect(stream.connects == 1)
        }
    }

    @Test func `a car that the server has lost is subscribed again on the same connection, every tenth time on a new one`() async throws {
        let counts = Counts()
        try await Self.withStream { peer, connection in
            while let text = await peer.next(), Self.token(text) != nil {
                counts.subscriptions[connection, default: 0] += 1
                peer.send(Self.error("vehicle_disconnected", "vehicle disconnected"))
            }
        } _: { stream, _, _, loop in
            try await eventually("a third connection", seconds: 60, on: loop) { counts.subscriptions[3] != nil }
            #expect(counts.subscriptions[1] == 10)
            #expect(counts.subscriptions[2] == 10)
            #expect(stream.connects == 3)
        }
    }

    private final class Counts: @unchecked Sendable { var subscriptions: [Int: Int] = [:] }

    @Test func `silence makes a new connection, and the fifth is told`() async throws {
        try await Self.withStream(speed: 200) { peer, _ in
            while await peer.next() != nil {}
        } _: { stream, heard, _, loop in
            try await eventually("inactive", seconds: 60, on: loop) { heard.events.contains(.inactive) }
            #expect(heard.events == [.inactive])
            // It goes on.
            try await eventually("more connections", on: loop) { stream.connects > 5 }
        }
    }

    @Test func `a token that is refused is told, and the next one is used at once`() async throws {
        try await Self.withStream(speed: 1) { peer, _ in
            switch Self.token(await peer.next()) {
            case "one": peer.send(Self.error("client_error", "Can't validate token. "))
            case "two": peer.send(Self.update(Self.value))
            default: break
            }
            _ = await peer.next()
        } _: { stream, heard, _, loop in
            try await eventually("the refusal", on: loop) { heard.refused == 1 }
            stream.use(TokenPair(access: "two", refresh: "r"), nil, on: loop)
            try await eventually("a frame", on: loop) { heard.frames.count == 1 }
            #expect(stream.connects == 2)
        }
    }

    @Test func `a new token goes out on the connection that is there`() async throws {
        let counts = Counts()
        try await Self.withStream(speed: 1) { peer, connection in
            while let token = Self.token(await peer.next()) {
                counts.subscriptions[connection, default: 0] += 1
                if token == "two" { peer.send(Self.update(Self.value)) }
            }
        } _: { stream, heard, _, loop in
            try await eventually("subscribed", on: loop) { counts.subscriptions[1] == 1 }
            stream.use(TokenPair(access: "two", refresh: "r"), nil, on: loop)
            try await eventually("a frame", on: loop) { heard.frames.count == 1 }
            #expect(stream.connects == 1)
        }
    }

    @Test func `an offline car is told, an owner error leaves the server alone, a lost connection comes back`() async throws {
        try await Self.withStream(speed: 20) { peer, connection in
            _ = await peer.next()
            switch connection {
            case 1:
                peer.send(Self.update(Self.value))
                peer.send(Self.error("vehicle_error", "Vehicle is offline"))
                peer.conversation.close()
            case 2:
                peer.send(Self.error("client_error", "owner_api error: xyz"))
                _ = await peer.next()
            default: _ = await peer.next()
            }
        } _: { stream, heard, server, loop in
            try await eventually("the owner error's end", on: loop) { server.conversations.count == 2 && server.conversations.allSatisfy(\.isEnded) }
            #expect(heard.events.prefix(3) == [.connected, .disconnected, .vehicleOffline])
            // 300 s of the clock, 15 of ours: no third attempt meanwhile.
            await loop.sleep(ns: 700_000_000)
            #expect(stream.connects == 2)
        }
    }

    // MARK: The whole chain

    @Test func `a drive is followed by its stream, polls are rare meanwhile, tokens go over while it runs`() async throws {
        try await PollerWorld.run { world, loop in
            world.options.usesStream = true
            world.options.drivingSeconds = 1
            world.options.onlineSeconds = 0.5
            try await world.login()
            let car = world.car(PollerWorld.driving)
            let poller = try world.poller(on: loop)
            try await eventually("frames in a drive", on: loop) {
                try await world.int("SELECT count(*) FROM heliograph.position WHERE drive IS NOT NULL AND is_streamed") > 20
            }
            world.cloud.resetCounters()
            let begin = Clock.monotonicNs
            let before = try await world.int("SELECT count(*) FROM heliograph.position WHERE is_streamed")
            try await eventually("more frames", on: loop) { try await world.int("SELECT count(*) FROM heliograph.position WHERE is_streamed") > before + 20 }
            let seconds = Double(Clock.monotonicNs - begin) / 1e9
            #expect(Double(world.cloud.counters.requests(.vehicleData, car: car.id)) <= seconds / 4 + 2)
            #expect(try await world.int("SELECT count(*) FROM heliograph.drive") == 1)
            // The service wants another token of the stream: the account gets one, and the frames come back.
            world.cloud.revoke(world.account)
            world.cloud.streamFaults.add(.invalidToken, car: car.id)
            try await eventually("another token", seconds: 40, on: loop) { world.cloud.tokens.refreshes == 1 }
            let later = try await world.int("SELECT count(*) FROM heliograph.position WHERE is_streamed")
            try await eventually("frames again", seconds: 40, on: loop) {
                try await world.int("SELECT count(*) FROM heliograph.position WHERE is_streamed") > later + 10
            }
            #expect(world.cloud.tokens.refreshes == 1)
            #expect(poller.counters.frames > 40)
            #expect(try await world.int("SELECT count(*) FROM heliograph.vehicle_journal WHERE kind = 3") > 40)
        }
    }

    @Test func `a stream whose frames are lost, late, doubled or spoilt harms no drive`() async throws {
        try await PollerWorld.run { world, loop in
            world.options.usesStream = true
            world.options.drivingSeconds = 0.5
            world.options.onlineSeconds = 0.5
            world.options.streamReconnectSeconds = 0.3
            try await world.login()
            let car = world.car(PollerWorld.driving)
            _ = try world.poller(on: loop)
            try await eventually("frames in a drive", on: loop) {
                try await world.int("SELECT count(*) FROM heliograph.position WHERE drive IS NOT NULL AND is_streamed") > 5
            }
            let faults: [StreamFault] = [.duplicate, .late, .stale(seconds: 100), .field(1, "x"), .value("1,2"), .lost, .garbage, .cut, .vehicleOffline]
            for fault in faults { world.cloud.streamFaults.add(fault, car: car.id) }
            try await eventually("all of them", seconds: 40, on: loop) { world.cloud.streamFaults.isEmpty }
            let before = try await world.int("SELECT count(*) FROM heliograph.position WHERE is_streamed")
            try await eventually("frames again", seconds: 40, on: loop) {
                try await world.int("SELECT count(*) FROM heliograph.position WHERE is_streamed") > before + 5
            }
            #expect(try await world.int("SELECT count(*) FROM heliograph.drive") == 1)
            #expect(try await world.int("SELECT count(*) - count(DISTINCT recorded_at) FROM heliograph.position") == 0)
        }
    }
}
