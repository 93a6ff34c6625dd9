import Bytes
import Protocol
import Testing

@testable import Broker

@Suite struct PeerTests {
    @Test func aHelloIsAnsweredWithNameAndEpoch() {
        let bench = Bench()
        bench.send("w", Header(.hello), payload: Hello(role: .tool, name: "w").payload)
        let answers = bench.take("w")
        #expect(answers.map(\.verb) == [.welcome])
        #expect(Welcome(payload: answers[0].payload) == Welcome(broker: "b", epoch: 7))
        #expect(bench.core.counters.peersSeen == 1)
    }

    @Test(arguments: Verb.allCases) func aStrangerIsToldToSayHelloAndLeavesNothingBehind(_ verb: Verb) throws {
        let bench = Bench()
        bench.send("x", Header(verb, requestID: 5), name: "n", text: "{}")
        let answers = bench.take("x")
        #expect(answers.map(\.verb) == [.refused])
        let refusal = try #require(answers.first?.refusal)
        #expect(refusal.code == (verb == .hello ? .malformed : .stranger))
        #expect(answers[0].header.requestID == 5)
        #expect(bench.core.peers.isEmpty && bench.core.calls.isEmpty && bench.core.work.isEmpty && bench.core.strangers.isEmpty)
        #expect(bench.core.counters.strangers == 1)
    }

    @Test func aFrameOfAnotherVersionIsRefusedByName() throws {
        let bench = Bench()
        bench.client("c")
        for who in ["c", "stranger"] {
            var writer = FrameWriter()
            writer.append(Header(.beat))
            var frame = writer.bytes
            frame[2] = 9
            bench.feed(who, frame)
            bench.collect()
            let refusal = try #require(bench.take(who).first?.refusal)
            #expect(refusal.code == .malformed && refusal.message.contains("version 9"))
        }
        #expect(bench.core.counters.malformed == 2)
        // The known peer is still served.
        bench.send("c", Header(.inspect, requestID: 3))
        #expect(bench.take("c", .reply).count == 1)
    }

    @Test func theMessagesBeforeABrokenOneCount() {
        let bench = Bench()
        bench.client("c")
        var writer = FrameWriter()
        writer.append(Header(.inspect, requestID: 1))
        bench.feed("c", writer.bytes + [0x48, 0x47])
        bench.collect()
        #expect(bench.take("c").map(\.verb) == [.reply, .refused])
    }

    @Test func aPeerSilentForFiveSecondsIsDropped() {
        let bench = Bench()
        bench.client("a")
        bench.client("b")
        bench.pass(ms: 4_900, alive: ["b"])
        #expect(bench.core.peers.count == 2)
        bench.pass(ms: 400, alive: ["b"])
        #expect(bench.core.peers.values.map(\.hello.name) == ["b"] && bench.core.counters.peersLost == 1)
        bench.send("a", Header(.beat))
        #expect(bench.take("a", .refused).first?.refusal?.code == .stranger)
        // It may come back and is another peer then.
        bench.client("a")
        #expect(bench.core.peers.count == 2 && bench.core.counters.peersSeen == 3)
    }

    @Test func everyPeerGetsABeatEachSecond() {
        let bench = Bench()
        bench.client("a")
        bench.pass(ms: 3_000, alive: ["a"])
        let beats = bench.take("a", .beat)
        #expect(beats.count == 3 && beats.allSatisfy { $0.header.aux2 == 7 })
    }

    @Test func goodbyeEndsAPeerAtOnce() {
        let bench = Bench()
        bench.hello("w", kinds: ["k"], streams: ["s"], requests: ["r"])
        bench.send("w", Header(.goodbye))
        #expect(bench.core.peers.isEmpty && bench.core.identities.isEmpty && bench.core.counters.peersLost == 0)
        #expect(bench.core.streams["s"]?.workers.isEmpty ?? true)
        #expect(bench.core.kinds["k"]?.workers.isEmpty ?? true)
        bench.send("w", Header(.beat))
        #expect(bench.take("w").map(\.refusal?.code) == [.stranger])
    }

    @Test(arguments: [Verb.welcome, .accepted, .job, .settled, .cancel, .event, .position, .snapshotEnd]) func whatOnlyBrokersSayIsRefused(_ verb: Verb) {
        let bench = Bench()
        bench.client("c")
        bench.send("c", Header(verb, requestID: 2))
        let answers = bench.take("c")
        #expect(answers.map(\.refusal?.code) == [.malformed] && answers.first?.header.requestID == 2)
    }

    @Test func aSecondHelloReplacesWhatIsServed() {
        let bench = Bench()
        bench.client("c")
        bench.hello("w", requests: ["old"])
        bench.hello("w", requests: ["new"], windows: Windows(requests: 1))
        #expect(bench.core.peers.count == 2)
        bench.send("c", Header(.request, requestID: 1), name: "old")
        #expect(bench.take("c").map(\.refusal?.code) == [.noWorker])
        bench.send("c", Header(.request, requestID: 2), name: "new")
        bench.send("c", Header(.request, requestID: 3), name: "new")
        #expect(bench.take("w", .request).count == 1)
        // A second hello that makes no sense changes nothing.
        bench.send("w", Header(.hello), text: "{}")
        #expect(bench.take("w").map(\.refusal?.code) == [.malformed])
        #expect(bench.core.services["new"]?.workers.count == 1)
    }

    @Test func aNameGivenTwiceCountsOnce() {
        let bench = Bench()
        bench.hello("w", kinds: ["k", "k"], streams: ["s", "s"], requests: ["r", "r"], windows: Windows(jobs: 3, batches: 1, requests: 1))
        #expect(bench.core.freeSlots(bench.core.kinds["k"] ?? KindState()) == 3)
        #expect(bench.core.streams["s"]?.workers.count == 1 && bench.core.services["r"]?.workers.count == 1)
        #expect(bench.core.takeWork().claims.map(\.count) == [6])
    }

    @Test func everyVerbTakesAnyPayloadWithoutHarm() throws {
        var random = Seeded(6)
        let payloads: [[UInt8]] = [
            [], Array("{}".utf8), Array("[]".utf8), Array("null".utf8), Array("{\"args\":{}}".utf8), [0], [0xFF, 0xFE], Array(repeating: 0x5B, count: 5_000),
            Array("{\"jobs\":-1}".utf8),
            Array("\"".utf8), (0..<200).map { _ in UInt8(truncatingIfNeeded: random.next()) },
        ]
        for verb in Verb.allCases {
            for payload in payloads {
                for name in ["", "k", "charging.M", ".", String(repeating: "é", count: 128)] {
                    for id in [0, 1, UInt64.max] {
                        let bench = Bench()
                        bench.hello("w", kinds: ["k"], streams: ["k"], requests: ["k"])
                        bench.send(
                            "w", Header(verb, flags: Header.Flags(rawValue: 0xFFFF), requestID: id, timeoutMs: .min, aux: .max, aux2: .min), name: name,
                            payload: payload)
                        bench.send("w", Header(verb, requestID: id, timeoutMs: .max, aux2: .max), name: name, payload: payload)
                        for insert in bench.core.takeWork().inserts { bench.core.inserted(insert, id: 1, isDuplicate: false) }
                        bench.pass(ms: 1_000)
                    }
                }
            }
        }
        let bench = Bench()
        bench.hello("w", kinds: ["k"], streams: ["s"])
        bench.send("w", Header(.publish, flags: .state), name: "charging.M", text: "{}")
        bench.send("w", Header(.inspect, requestID: 1))
        let inspection = try JSONValue.parse(try #require(bench.take("w", .reply).first).payload)
        #expect(inspection["epoch"]?.int == 7 && inspection["peers"]?.array?.count == 1)
        #expect(inspection["topics"]?["charging"]?["sequence"]?.int == 1)
    }
}
