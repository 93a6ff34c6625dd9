import Testing

@testable import Reactor

@Suite struct TimerQueueTests {
    /// Everything that is due at a time, in order.
    private func due(_ queue: inout TimerQueue<Int>, _ nowNs: Int64) -> [Int] {
        var values: [Int] = []
        while let value = queue.popDue(nowNs: nowNs) { values.append(value) }
        return values
    }

    @Test func valuesBecomeDueInOrderOfTheirDeadlines() {
        var queue = TimerQueue<Int>()
        for deadline in [50, 10, 30, -5, 20, 40, 0] { _ = queue.insert(deadline, at: Int64(deadline)) }
        #expect(queue.nextDeadlineNs() == -5 && queue.count == 7)
        #expect(due(&queue, 25) == [-5, 0, 10, 20])
        #expect(queue.nextDeadlineNs() == 30)
        #expect(due(&queue, 29).isEmpty)
        #expect(due(&queue, .max) == [30, 40, 50])
        #expect(queue.isEmpty && queue.nextDeadlineNs() == nil)
    }

    @Test func aCancelledValueNeverComes() {
        var queue = TimerQueue<Int>()
        let first = queue.insert(1, at: 1)
        let second = queue.insert(2, at: 2)
        queue.cancel(first)
        queue.cancel(first)
        queue.cancel(999)
        #expect(queue.nextDeadlineNs() == 2 && queue.count == 1)
        #expect(due(&queue, 10) == [2])
        queue.cancel(second)
        #expect(queue.isEmpty)
    }

    @Test func cancellingManyKeepsTheOrderOfTheRest() {
        var queue = TimerQueue<Int>()
        var ids: [UInt64] = []
        for i in 0..<10_000 { ids.append(queue.insert(i * 7919 % 10_000, at: Int64(i * 7919 % 10_000))) }
        for (i, id) in ids.enumerated() where i % 100 != 0 { queue.cancel(id) }
        #expect(queue.count == 100)
        let rest = due(&queue, .max)
        #expect(rest.count == 100 && rest == rest.sorted())
    }

    @Test func itAgreesWithASortedListWhateverHappens() {
        var random = Seeded(12)
        var queue = TimerQueue<Int>()
        var model: [(id: UInt64, deadline: Int64, value: Int)] = []
        var now: Int64 = 0
        for step in 0..<20_000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let deadline = now + Int64.random(in: 0...1_000, using: &random)
                model.append((queue.insert(step, at: deadline), deadline, step))
            case 5..<8:
                guard let victim = model.indices.randomElement(using: &random) else { continue }
                queue.cancel(model.remove(at: victim).id)
            default:
                now += Int64.random(in: 0...200, using: &random)
                let expected = model.filter { $0.deadline <= now }
                model.removeAll { $0.deadline <= now }
                let values = due(&queue, now)
                #expect(Set(values) == Set(expected.map(\.value)))
                let deadlines = values.map { value in expected.first { $0.value == value }?.deadline ?? -1 }
                #expect(deadlines == deadlines.sorted())
            }
            #expect(queue.count == model.count)
            if step % 50 == 0 { #expect(queue.nextDeadlineNs() == model.map(\.deadline).min()) }
        }
    }
}

/// A small generator with a fixed seed, so that a failing case fails again (SplitMix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
