import Bytes
import TestSupport
import Testing

@testable import Workers

/// The bytes in which a device's evaluation is kept.
struct AlertStateTests {
    private static func random(_ random: inout SplitMix, peaks: Int = AlertMachine.maxPeaks) -> AlertTimeline {
        func time() -> Timestamp { Timestamp(microseconds: .random(in: -4_000_000_000_000_000...4_000_000_000_000_000, using: &random)) }
        func machine() -> AlertMachine {
            var machine = AlertMachine()
            if Int.random(in: 0..<4, using: &random) == 0 { return machine }
            machine.at = time()
            for slot in machine.conditions.indices {
                machine.conditions[slot].phase = [.idle, .holding, .fired].randomElement(using: &random) ?? .idle
                if Bool.random(using: &random) { machine.conditions[slot].last = time() }
            }
            for _ in 0..<Int.random(in: 0...peaks, using: &random) {
                machine.peaks.append(AlertMachine.Point(at: time(), level: .random(in: 0...100_000, using: &random)))
            }
            return machine
        }
        var timeline = AlertTimeline()
        timeline.head = machine()
        timeline.middle = machine()
        timeline.oldest = machine()
        timeline.count = .random(in: 0...720, using: &random)
        timeline.tooLate = .random(in: 0...(.max), using: &random)
        timeline.fingerprint = .random(in: .min...(.max), using: &random)
        return timeline
    }

    @Test func `what is written is read`() {
        #expect(AlertTimeline([]) == AlertTimeline())
        #expect(AlertTimeline(AlertTimeline().bytes) == AlertTimeline())
        var random = SplitMix(state: 3)
        for _ in 0..<200 {
            let timeline = Self.random(&random)
            let kept = AlertTimeline(timeline.bytes)
            #expect(kept == timeline)
        }
    }

    @Test func `a state that is cut short, too long or of another version is unreadable`() {
        var random = SplitMix(state: 4)
        for _ in 0..<50 {
            let bytes = Self.random(&random, peaks: 5).bytes
            for count in 1..<bytes.count {
                let cut = AlertTimeline(Array(bytes.prefix(count)))
                #expect(cut == nil)
            }
            let long = AlertTimeline(bytes + [0])
            #expect(long == nil)
            let other = AlertTimeline([2] + bytes.dropFirst())
            #expect(other == nil)
        }
    }

    @Test func `bytes that nobody has written are read as something or nothing, and never trap`() {
        var random = SplitMix(state: 5)
        var readable = 0
        for _ in 0..<5_000 {
            var bytes = Self.random(&random, peaks: 5).bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) { bytes[.random(in: 1..<bytes.count, using: &random)] = .random(in: 0...255, using: &random) }
            guard let timeline = AlertTimeline(bytes) else { continue }
            readable += 1
            let again = AlertTimeline(timeline.bytes)
            #expect(again == timeline)
        }
        #expect(readable > 0)
    }
}
