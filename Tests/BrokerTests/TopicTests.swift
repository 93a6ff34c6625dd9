import Bytes
import Protocol
import Testing

@testable import Broker

@Suite struct TopicTests {
    private func publish(_ bench: Bench, _ topic: String, _ text: String, state: Bool = false) {
        bench.send("p", Header(.publish, flags: state ? .state : []), name: topic, text: text)
    }

    private func bench(_ change: (inout BrokerLimits) -> Void = { _ in }) -> Bench {
        let bench = Bench(change)
        bench.client("p")
        return bench
    }

    @Test func eventsAreNumberedPerStreamFromOne() {
        let bench = bench()
        publish(bench, "charging.A", "1", state: true)
        publish(bench, "alerts.x", "2")
        publish(bench, "charging.B", "3")
        publish(bench, "charging", "4")
        let events = bench.takeEvents()
        #expect(events.map(\.name) == ["charging.A", "alerts.x", "charging.B", "charging"])
        #expect(events.map(\.header.requestID) == [1, 1, 2, 3])
        #expect(events.map { $0.header.flags == .state } == [true, false, false, false])
        #expect(events.allSatisfy { $0.header.aux2 == 7 } && bench.core.counters.published == 4)
        #expect(bench.take("p").isEmpty)
    }

    @Test func aSnapshotHoldsTheLastValueOfEachStateAndItsNumber() {
        let bench = bench()
        publish(bench, "charging.A", "old", state: true)
        publish(bench, "charging.B", "b", state: true)
        publish(bench, "charging.A", "new", state: true)
        publish(bench, "charging.C", "gone")
        publish(bench, "vehicles.1", "other", state: true)
        bench.send("p", Header(.snapshot, requestID: 9), name: "charging")
        let answers = bench.take("p")
        let values = answers.filter { $0.verb == .event }
        #expect(Set(values.map { "\($0.name)=\($0.text)#\($0.header.requestID)" }) == ["charging.A=new#3", "charging.B=b#2"])
        #expect(values.allSatisfy { $0.header.flags == [.state, .snapshot] && $0.header.aux2 == 7 })
        #expect(
            answers.last?.verb == .snapshotEnd && answers.last?.text == "4" && answers.last?.header.requestID == 9 && answers.last?.header.aux2 == 7
                && answers.last?.name == "charging")
        bench.send("p", Header(.snapshot, requestID: 10), name: "never published")
        #expect(bench.take("p").map(\.text) == ["0"] && bench.core.inspection().count > 0)
    }

    @Test func everySecondEachStreamsNumberIsTold() {
        let bench = bench()
        publish(bench, "charging.A", "1")
        _ = bench.takeEvents()
        bench.pass(ms: 1_000, alive: ["p"])
        let positions = bench.takeEvents(.position)
        #expect(Set(positions.map(\.name)) == Set(Topic.Stream.allCases.map(\.rawValue)) && positions.count == Topic.Stream.allCases.count)
        #expect(positions.allSatisfy { $0.header.requestID == ($0.name == "charging" ? 1 : 0) && $0.header.aux2 == 7 })
    }

    @Test func lastValuesAreBoundedAndKnownKeysStayFresh() {
        let bench = bench { $0.lastValues = 2 }
        for key in ["charging.A", "vehicles.B", "charging.C"] { publish(bench, key, key, state: true) }
        publish(bench, "charging.A", "newer", state: true)
        #expect(bench.takeEvents().count == 4 && bench.core.counters.lastValuesFull == 1)
        bench.send("p", Header(.snapshot), name: "charging")
        #expect(bench.take("p", .event).map(\.text) == ["newer"])
    }
}
