import Bytes
import Protocol
import Reactor
import Testing
import ZeroMQ

@Suite(.timeLimit(.minutes(1))) struct TopicTests {
    /// A publisher, a subscriber whose events are noted as `topic=payload`, and the broker between them.
    private struct Scene {
        let broker: TestBroker
        let publisher: BusClient
        let subscriber: BusClient
        let notes = Notes()

        init(_ place: Place, _ transport: Transport, on loop: isolated EventLoop) throws {
            broker = try TestBroker(place.context, place.endpoint(transport), on: loop)
            publisher = try place.client("p", [broker.endpoint], on: loop)
            subscriber = try place.client("s", [broker.endpoint], on: loop)
        }

        func publish(_ topic: String, _ text: String, state: Bool = true, on loop: isolated EventLoop) {
            publisher.publish(topic, Array(text.utf8), isState: state, on: loop)
        }

        /// Returns when the broker has taken what was published.
        func published(on loop: isolated EventLoop) async throws { _ = try await publisher.inspect(on: loop) }

        func subscribe(_ stream: Topic.Stream, on loop: isolated EventLoop) throws {
            let notes = notes
            try subscriber.subscribe(stream, on: loop) { notes.add("\($0.topic)=\(String(decoding: $0.payload, as: UTF8.self))") }
        }

        /// Publishes until an event comes over the topic plane itself: the subscription has arrived.
        func live(on loop: isolated EventLoop) async throws {
            try await published(on: loop)
            try subscribe(.charging, on: loop)
            var n = 0
            while !notes.lines.contains(where: { $0.hasPrefix("charging.live=") }) {
                n += 1
                publish("charging.live", "\(n)", state: false, on: loop)
                await loop.sleep(ns: 2_000_000)
            }
            publish("charging.last", "", state: false, on: loop)
            while notes.lines.last != "charging.last=" { await loop.sleep(ns: 1_000_000) }
        }

        func close(on loop: isolated EventLoop) {
            for client in [publisher, subscriber] { client.close(on: loop) }
            broker.kill(on: loop)
        }
    }

    @Test(arguments: Transport.allCases) func aListenerGetsTheLastValuesAndThenEveryEvent(_ transport: Transport) async throws {
        try await onBus { place, loop in
            let scene = try Scene(place, transport, on: loop)
            try await scene.published(on: loop)
            for (topic, text) in [("charging.A", "1"), ("charging.B", "2"), ("charging.A", "3"), ("vehicles.1", "other")] {
                scene.publish(topic, text, on: loop)
            }
            try await scene.published(on: loop)
            try scene.subscribe(.charging, on: loop)
            #expect(await scene.notes.wait(for: 2) == ["charging.B=2", "charging.A=3"])
            for n in 4...20 { scene.publish("charging.A", "\(n)", on: loop) }
            // Whether they come as events or, where the subscription was late, as last values: in order, up to the newest.
            while scene.notes.lines.last != "charging.A=20" { await loop.sleep(ns: 1_000_000) }
            let numbers = scene.notes.lines.dropFirst().filter { $0.hasPrefix("charging.A=") }.compactMap { Int($0.dropFirst(11)) }
            #expect(numbers == numbers.sorted() && !scene.notes.lines.contains { $0.hasPrefix("vehicles") })
            scene.close(on: loop)
        }
    }

    @Test func aGapIsRepairedByTheLastValuesAndTheEventThatShowedItIsNotLost() async throws {
        try await onBus { place, loop in
            let scene = try Scene(place, .ipc, on: loop)
            try await scene.live(on: loop)
            let (before, gaps) = (scene.notes.lines.count, scene.subscriber.gaps)
            scene.broker.losesEvents = true
            scene.publish("charging.A", "lost", on: loop)
            scene.publish("charging.x", "lost too", state: false, on: loop)
            try await scene.published(on: loop)
            scene.broker.losesEvents = false
            scene.publish("charging.y", "shows it", state: false, on: loop)
            scene.publish("charging.B", "after", on: loop)
            try await scene.published(on: loop)
            while scene.notes.lines.count < before + 3 { await loop.sleep(ns: 1_000_000) }
            let after = Array(scene.notes.lines.dropFirst(before))
            #expect(after.sorted() == ["charging.A=lost", "charging.B=after", "charging.y=shows it"])
            #expect(scene.subscriber.gaps == gaps + 1)
            scene.close(on: loop)
        }
    }

    @Test func anEventThatWasLostLastShowsByTheBrokersNumber() async throws {
        try await onBus { place, loop in
            let scene = try Scene(place, .inproc, on: loop)
            try await scene.live(on: loop)
            let before = scene.notes.lines.count
            scene.broker.losesEvents = true
            scene.publish("charging.A", "lost", on: loop)
            #expect(await scene.notes.wait(for: before + 1).last == "charging.A=lost")
            scene.close(on: loop)
        }
    }

    @Test func aSecondWelcomeOfTheSameLifeRepeatsNothing() async throws {
        try await onBus { place, loop in
            let scene = try Scene(place, .ipc, on: loop)
            try await scene.published(on: loop)
            scene.publish("charging.A", "1", on: loop)
            try await scene.live(on: loop)
            let before = scene.notes.lines.count
            // A subscription that took effect late may have shown a gap before.
            let gaps = scene.subscriber.gaps
            let hands = Hands()
            scene.subscriber.serve(Hello(role: .worker, name: "s", requests: ["r"], windows: Windows(requests: 1)), delegate: hands, on: loop)
            #expect(await hands.notes.wait(for: 1) == ["up 0"])
            scene.publish("charging.A", "2", on: loop)
            #expect(await scene.notes.wait(for: before + 1).suffix(1) == ["charging.A=2"])
            #expect(scene.notes.lines.count == before + 1 && scene.subscriber.gaps == gaps)
            scene.close(on: loop)
        }
    }

    @Test func aNewLifeOfTheBrokerIsLearntFromItsSnapshot() async throws {
        try await onBus { place, loop in
            let scene = try Scene(place, .tcp, on: loop)
            try await scene.live(on: loop)
            scene.broker.kill(on: loop)
            var second: TestBroker?
            while second == nil {
                second = try? TestBroker(place.context, scene.broker.endpoint, epoch: 2, on: loop)
                if second == nil { await loop.sleep(ns: 5_000_000) }
            }
            while scene.publisher.epoch(link: 0) != 2 { await loop.sleep(ns: 1_000_000) }
            scene.publish("charging.A", "new life", on: loop)
            while scene.notes.lines.last != "charging.A=new life" { await loop.sleep(ns: 1_000_000) }
            for client in [scene.publisher, scene.subscriber] { client.close(on: loop) }
            second?.kill(on: loop)
        }
    }
}
