import Broker
import Bytes
import Protocol
import Reactor
import Testing
import ZeroMQ

@Suite(.timeLimit(.minutes(1))) struct SecurityTests {
    @Test func onlyAnAllowedKeyGetsThrough() async throws {
        try await onBus { place, loop in
            let (server, allowed, unknown) = (try CurveKeys.generate(), try CurveKeys.generate(), try CurveKeys.generate())
            var endpoint = place.endpoint(.tcp)
            endpoint.serverKey = server.publicKey
            let broker = try TestBroker(
                place.context, endpoint, security: BusSecurity(secretKey: server.secretKey, clients: [allowed.publicKey: .api]), on: loop)
            let stranger = try place.client("unknown key", [broker.endpoint], keys: unknown, on: loop)
            var plain = broker.endpoint
            plain.serverKey = nil
            let keyless = try place.client("no key", [plain], on: loop)
            var wrong = broker.endpoint
            wrong.serverKey = unknown.publicKey
            let misled = try place.client("wrong server key", [wrong], keys: allowed, on: loop)
            // The unknown key has been judged.
            while (broker.zap?.refused ?? 0) < 1 { await loop.sleep(ns: 1_000_000) }
            let client = try place.client("allowed", [broker.endpoint], keys: allowed, on: loop)
            _ = try await client.inspect(timeoutMs: 20_000, on: loop)
            #expect(broker.peers == ["allowed"] && client.isUp)
            #expect(!stranger.isUp && !keyless.isUp && !misled.isUp)
            #expect(broker.core.counters.strangers == 0 && broker.core.counters.malformed == 0)
            for client in [client, stranger, keyless, misled] { client.close(on: loop) }
            broker.kill(on: loop)
        }
    }

    @Test func topicsNeedAnAllowedKeyToo() async throws {
        try await onBus { place, loop in
            let (server, allowed, unknown) = (try CurveKeys.generate(), try CurveKeys.generate(), try CurveKeys.generate())
            var endpoint = place.endpoint(.tcp)
            endpoint.serverKey = server.publicKey
            let broker = try TestBroker(
                place.context, endpoint, security: BusSecurity(secretKey: server.secretKey, clients: [allowed.publicKey: .api]), on: loop)
            let listener = { (keys: CurveKeys?, notes: Notes) throws -> LoopSocket in
                let socket = try ZMQSocket(place.context, .sub)
                if let keys { try socket.useCurve(serverKey: server.publicKey, keys: keys) }
                try socket.subscribe("")
                try socket.connect(broker.endpoint.topics)
                return try LoopSocket(socket, on: loop, onMessage: { _, _ in notes.add("heard") }, onBurst: {})
            }
            let (outside, inside) = (Notes(), Notes())
            let sockets = [try listener(unknown, outside), try listener(nil, outside), try listener(allowed, inside)]
            // The broker's beats go to every subscriber: the allowed one hears them.
            await inside.wait(for: 20)
            #expect(outside.lines.isEmpty && (broker.zap?.refused ?? 0) > 0)
            for socket in sockets { socket.close(on: loop) }
            broker.kill(on: loop)
        }
    }

    @Test func aPublicKeyFollowsFromItsSecretKey() throws {
        let keys = try CurveKeys.generate()
        #expect(keys.publicKey.utf8.count == 40 && keys.secretKey.utf8.count == 40)
        #expect(try CurveKeys(secretKey: keys.secretKey) == keys)
        #expect(try CurveKeys.generate() != keys)
        for bad in ["", "x", String(repeating: " ", count: 40)] { #expect(throws: ZMQError.self) { try CurveKeys(secretKey: bad) } }
    }

    @Test func addressesThatOthersCanReachAreOpen() {
        for (address, open) in [("inproc://b", false), ("ipc:///tmp/b", false), ("tcp://127.0.0.1:1", true), ("tcp://*:1", true), ("", true)] {
            #expect(BusEndpoint.isOpen(address) == open)
        }
    }
}
