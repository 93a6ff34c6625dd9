import Bytes
import TestSupport
import Testing

@testable import Workers

/// Reports give the same events in whatever order and portions they come.
@Suite struct AlertOrderTests {
    /// Drains, charges, jumps around the thresholds, heat.
    private static func series(_ count: Int, everySeconds: Int64, _ random: inout SplitMix) -> [AlertReport] {
        var level: Int64 = .random(in: 5_000...60_000, using: &random)
        var isCharging = false
        return (0..<count).map { i in
            if Int.random(in: 0..<12, using: &random) == 0 { isCharging.toggle() }
            level += isCharging ? .random(in: 0...6_000, using: &random) : .random(in: -6_000...2_500, using: &random)
            level = min(100_000, max(0, level))
            return AlertReport(
                at: AlertMachineTests.start.adding(seconds: Int64(i) * everySeconds), level: level,
                temperature: Bool.random(using: &random) ? .random(in: 43_000...47_000, using: &random) : nil, isCharging: isCharging)
        }
    }

    private static func batches(_ reports: [AlertReport], _ random: inout SplitMix) -> [[AlertReport]] {
        var rest = reports[...]
        var batches: [[AlertReport]] = []
        while !rest.isEmpty {
            let count = Int.random(in: 1...min(9, rest.count), using: &random)
            batches.append(Array(rest.prefix(count)))
            rest.removeFirst(count)
        }
        return batches
    }

    private static func settings(_ random: inout SplitMix) -> AlertSettings {
        AlertMachineTests.settings(cooldown: [1, 5, 30].randomElement(using: &random) ?? 5)
    }

    @Test func `any permutation and any batching of an hour gives the same events and the same state`() {
        var reruns = 0
        var events = 0
        for seed in 0..<300 {
            var random = SplitMix(state: UInt64(seed))
            let settings = Self.settings(&random)
            let reports = Self.series(60, everySeconds: 60, &random)
            var inOrder = AlertWorld(settings)
            for report in reports { inOrder.take([report]) }
            var shuffled = AlertWorld(settings)
            for batch in Self.batches(reports.shuffled(using: &random), &random) { shuffled.take(batch) }
            reruns += shuffled.reruns
            events += inOrder.events.count
            #expect(AlertMachineTests.text(shuffled.events) == AlertMachineTests.text(inOrder.events), "seed \(seed)")
            #expect(shuffled.timeline.head == inOrder.timeline.head)
            #expect(shuffled.timeline.tooLate == 0)
        }
        #expect(reruns > 1_000)
        #expect(events > 1_000)
    }

    @Test func `reports up to an hour late count for as long as the device reports, and come again without effect`() {
        for seed in 0..<40 {
            var random = SplitMix(state: UInt64(1_000 + seed))
            let settings = Self.settings(&random)
            let reports = Self.series(600, everySeconds: 60, &random)
            var inOrder = AlertWorld(settings)
            for report in reports { inOrder.take([report]) }
            var late = AlertWorld(settings)
            // Each is behind the newest by less than an hour: sorted by its place with up to 29 on it.
            let keyed = reports.enumerated().map { (key: $0.offset + Int.random(in: 0...29, using: &random), report: $0.element) }.sorted { $0.key < $1.key }
            for batch in Self.batches(keyed.map(\.report), &random) {
                late.take(batch)
                if Bool.random(using: &random) { late.take(batch) }
            }
            #expect(AlertMachineTests.text(late.events) == AlertMachineTests.text(inOrder.events), "seed \(seed)")
            #expect(late.timeline.tooLate == 0)
        }
    }

    @Test func `what is later than the window is counted and changes nothing`() throws {
        var world = AlertWorld(AlertMachineTests.settings())
        for report in try AlertMachineTests.reports("50, 50@70, 50@140, 50@210") { world.take([report]) }
        world.take(try AlertMachineTests.reports("5@3"))
        #expect(world.events.isEmpty)
        #expect(world.timeline.tooLate == 1)
        world.take(try AlertMachineTests.reports("5@160"))
        #expect(AlertMachineTests.text(world.events) == "critical 5@160-210")
    }

    @Test func `more than 100,000 reports a second are judged in process`() {
        var random = SplitMix(state: 7)
        let reports = Self.series(100_000, everySeconds: 10, &random)
        var timeline = AlertTimeline()
        let settings = AlertMachineTests.settings()
        timeline.settle(settings)
        let clock = ContinuousClock()
        var changes = 0
        let time = clock.measure { for report in reports { changes += timeline.take(CollectionOfOne(report), settings)?.count ?? 0 } }
        #expect(changes > 0)
        // Debug builds are a fraction of what ships; the figure is for those who look.
        print("alert machine: \(Int(100_000 / (Double(time.components.attoseconds) / 1e18 + Double(time.components.seconds)))) reports/s in this build")
    }
}
