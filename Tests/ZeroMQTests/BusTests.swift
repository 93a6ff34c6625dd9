import Broker
import Bytes
import Protocol
import Reactor
import Testing
import ZeroMQ

@Suite(.timeLimit(.minutes(1))) struct BusTests {
    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test(arguments: Transport.allCases) func callsAreAnsweredOverEveryTransport(_ transport: Transport) async throws {
        try await onBus { place, loop in
            let broker = try TestBroker(place.context, place.endpoint(transport), on: loop)
            let (worker, hands) = try place.worker("w", [broker.endpoint], on: loop)
            await hands.notes.wait(for: "up 0 new")
            let client = try place.client("c", [broker.endpoint], on: loop)
            #expect(Self.text(try await client.request("r", Array("ask".utf8), on: loop)) == "ask")
            #expect(Self.text(try await client.ingest("s", Array("rows".utf8), on: loop)) == "rows")
            let large = [UInt8](repeating: 0x61, count: 3 << 20)
            #expect(try await client.ingest("s", large, on: loop) == large)
            #expect(try await client.enqueue(JobDraft(kind: "other"), on: loop) == Accepted(id: 1))
            #expect(await client.refusal(of: .request, "nobody", on: loop)?.code == .noWorker)
            #expect(broker.peers == ["c", "w"] && client.pendingCount == 0)
            client.close(on: loop)
            worker.close(on: loop)
            while !broker.peers.isEmpty { await loop.sleep(ns: 1_000_000) }
            broker.kill(on: loop)
        }
    }

    @Test func aThousandCallsAtOnceAreEachAnsweredWithTheirOwn() async throws {
        try await onBus { place, loop in
            let broker = try TestBroker(place.context, place.endpoint(.ipc), on: loop)
            let (worker, hands) = try place.worker("w", [broker.endpoint], on: loop)
            await hands.notes.wait(for: "up 0 new")
            let client = try place.client("c", [broker.endpoint], on: loop)
            let answers = Notes()
            for n in 0..<1_000 {
                let payload = Array("\(n)".utf8)
                client.call(n % 2 == 0 ? .request : .ingest, n % 2 == 0 ? "r" : "s", payload, timeoutMs: 20_000, on: loop) { result in
                    if case .success(let answer) = result, answer.payload == payload { answers.add("\(n)") } else { answers.add("wrong") }
                }
            }
            let lines = await answers.wait(for: 1_000)
            #expect(Set(lines) == Set((0..<1_000).map(String.init)))
            for client in [client, worker] { client.close(on: loop) }
            broker.kill(on: loop)
        }
    }

    @Test func aJobIsRunAndItsOutcomeSettled() async throws {
        try await onBus { place, loop in
            let broker = try TestBroker(place.context, place.endpoint(.inproc), on: loop)
            let (worker, hands) = try place.worker("w", [broker.endpoint], on: loop)
            await hands.notes.wait(for: "up 0 new")
            let client = try place.client("c", [broker.endpoint], on: loop)
            #expect(try await client.enqueue(JobDraft(kind: "k", args: Array("[1]".utf8)), on: loop).id == 1)
            await hands.notes.wait(for: "settled 1")
            #expect(hands.notes.lines.suffix(2) == ["job k [1]", "settled 1"])
            for client in [client, worker] { client.close(on: loop) }
            broker.kill(on: loop)
        }
    }

    // MARK: Bounds

    @Test func whatCannotBeSentIsRefusedHere() async throws {
        try await onBus { place, loop in
            var limits = Place.quick
            limits.pendingCalls = 1
            let client = try place.client("c", [place.endpoint(.ipc)], limits: limits, on: loop)
            let long = String(repeating: "n", count: Header.maxName + 1)
            #expect(await client.refusal(of: .request, long, on: loop)?.code == .malformed)
            #expect(await client.refusal(of: .ingest, "s", [UInt8](repeating: 0, count: Header.maxPayload + 1), on: loop)?.code == .malformed)
            await #expect(throws: Refusal.self) { try await client.enqueue(JobDraft(kind: "k", priority: 0), on: loop) }
            // An event over its bound is dropped, not a trap.
            client.publish(long, [], isState: true, on: loop)
            // No broker: calls wait up to their own limit, whatever its value, and no more than the bound of them.
            let answers = Notes()
            client.call(.request, "r", [], timeoutMs: 300, on: loop) { if case .failure(let refusal) = $0 { answers.add(refusal.code.rawValue) } }
            #expect(await client.refusal(of: .request, "r", on: loop)?.code == .busy)
            #expect(await answers.wait(for: 1) == ["deadline"])
            for timeout in [0, -1, .min] as [Int64] { #expect(await client.refusal(of: .request, "r", timeoutMs: timeout, on: loop)?.code == .deadline) }
            client.call(.request, "r", [], timeoutMs: .max, on: loop) { if case .failure(let refusal) = $0 { answers.add(refusal.code.rawValue) } }
            client.close(on: loop)
            #expect(await answers.wait(for: 2) == ["deadline", "stopping"])
            #expect(await client.refusal(of: .request, "r", on: loop)?.code == .stopping)
        }
    }

    @Test(arguments: [Transport.ipc, .inproc]) func callsWaitForABrokerThatComesLater(_ transport: Transport) async throws {
        try await onBus { place, loop in
            let endpoint = place.endpoint(transport)
            let client = try place.client("c", [endpoint], on: loop)
            let answers = Notes()
            client.call(.enqueue, "k", JobDraft(kind: "k").payload, timeoutMs: 20_000, on: loop) { result in
                if case .success(let answer) = result { answers.add("\(answer.accepted?.id ?? 0)") } else { answers.add("refused") }
            }
            #expect(!client.isUp)
            let broker = try TestBroker(place.context, endpoint, on: loop)
            #expect(await answers.wait(for: 1) == ["1"])
            client.close(on: loop)
            broker.kill(on: loop)
        }
    }

    @Test func aFrameThatMakesNoSenseIsRefusedAndHarmless() async throws {
        try await onBus { place, loop in
            let broker = try TestBroker(place.context, place.endpoint(.ipc), on: loop)
            let raw = try ZMQSocket(place.context, .dealer)
            try raw.setRoutingID(Array("raw".utf8))
            try raw.connect(broker.endpoint.work)
            let notes = Notes()
            let socket = try LoopSocket(
                raw, on: loop,
                onMessage: { _, message in
                    var reader = FrameReader(message.bytes)
                    while let view = (try? reader.next()) ?? nil {
                        if view.header.verb == .beat { continue }
                        notes.add(view.header.verb == .refused ? Refusal(payload: view.payloadArray).code.rawValue : "\(view.header.verb)")
                    }
                }, onBurst: {})
            let send = { (bytes: [UInt8]) in
                socket.withSocket { socket in _ = socket.send(bytes) }
                socket.schedulePump(on: loop)
            }
            var writer = FrameWriter()
            writer.append(Header(.beat))
            var other = writer.bytes
            other[2] = 2
            for frame in [Array("GET / HTTP/1.1\r\n\r\n".utf8), other, Array(writer.bytes.dropLast())] { send(frame) }
            #expect(await notes.wait(for: 3) == ["malformed", "malformed", "malformed"])
            // Nothing is no message.
            send([])
            send(writer.bytes)
            #expect(await notes.wait(for: 4).last == "stranger")
            writer.reset()
            writer.append(Header(.hello), payload: Hello(role: .tool, name: "raw").payload)
            send(writer.bytes)
            #expect(await notes.wait(for: 5).last == "welcome")
            #expect(broker.peers == ["raw"] && broker.core.counters.malformed == 3)
            socket.close(on: loop)
            broker.kill(on: loop)
        }
    }

    // MARK: Brokers that die

    @Test func aRestartedBrokerIsFoundAgain() async throws {
        try await onBus { place, loop in
            let first = try TestBroker(place.context, place.endpoint(.tcp), epoch: 1, on: loop)
            let endpoint = first.endpoint
            let (worker, hands) = try place.worker("w", [endpoint], on: loop)
            await hands.notes.wait(for: "up 0 new")
            hands.answers = false
            let client = try place.client("c", [endpoint], on: loop)
            let answers = Notes()
            client.call(.request, "r", Array("ask".utf8), timeoutMs: 30_000, on: loop) { result in
                if case .failure(let refusal) = result { answers.add("request \(refusal.code.rawValue)") } else { answers.add("request answered") }
            }
            client.call(.ingest, "s", Array("rows".utf8), timeoutMs: 30_000, on: loop) { result in
                if case .success(let answer) = result { answers.add("batch \(Self.text(answer.payload))") } else { answers.add("batch refused") }
            }
            await hands.notes.wait(for: "request r ask", "ingest s rows")
            first.kill(on: loop)
            hands.answers = true
            var second: TestBroker?
            // The port is free when libzmq's own thread has closed it.
            while second == nil {
                second = try? TestBroker(place.context, endpoint, epoch: 2, on: loop)
                if second == nil { await loop.sleep(ns: 5_000_000) }
            }
            let lines = await answers.wait(for: 2)
            #expect(Set(lines) == ["request disconnected", "batch rows"])
            #expect(client.epoch(link: 0) == 2 && second?.peers == ["c", "w"])
            let seen = hands.notes.lines
            #expect(
                seen.contains("down 0") && seen.filter { $0 == "up 0 new" }.count == 2 && seen.filter { $0 == "ingest s rows" }.count == 2
                    && seen.filter { $0 == "request r ask" }.count == 1)
            for client in [client, worker] { client.close(on: loop) }
            second?.kill(on: loop)
        }
    }

    @Test func callsGoToAllBrokersAndABatchToAnotherWhenItsBrokerIsLost() async throws {
        try await onBus { place, loop in
            let brokers = [
                try TestBroker(place.context, place.endpoint(.inproc, "b"), epoch: 1, on: loop),
                try TestBroker(place.context, place.endpoint(.inproc, "c"), epoch: 2, on: loop),
            ]
            let endpoints = brokers.map(\.endpoint)
            let (worker, hands) = try place.worker("w", endpoints, on: loop)
            await hands.notes.wait(for: "up 0 new", "up 1 new")
            var limits = Place.quick
            limits.silenceNs = 300_000_000
            let client = try place.client("c", endpoints, limits: limits, on: loop)
            while !(client.isUp(link: 0) && client.isUp(link: 1)) { await loop.sleep(ns: 1_000_000) }
            for _ in 0..<6 { _ = try await client.request("r", [], on: loop) }
            #expect(brokers.map(\.core.counters.requests) == [3, 3])
            hands.answers = false
            let answers = Notes()
            for n in 0..<2 {
                client.call(.ingest, "s", Array("\(n)".utf8), timeoutMs: 30_000, on: loop) { result in
                    if case .success = result { answers.add("\(n)") } else { answers.add("refused") }
                }
            }
            // Both are with the worker, one by each broker; now one broker dies and the other gets both.
            await hands.notes.wait(for: "ingest s 0", "ingest s 1")
            #expect(brokers.map(\.core.counters.batches) == [1, 1])
            hands.answers = true
            brokers[0].kill(on: loop)
            // The one that the dead broker had: the other stays with the worker, which does not answer it.
            #expect(await answers.wait(for: 1).count == 1)
            #expect(brokers[1].core.counters.batches == 2 && client.pendingCount == 1)
            for client in [client, worker] { client.close(on: loop) }
            brokers[1].kill(on: loop)
        }
    }
}
