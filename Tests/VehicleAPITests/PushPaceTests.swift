import Protocol
import Testing

@testable import API

@Suite struct PushPaceTests {
    private static let second: Int64 = 1_000_000_000

    /// Times of pushes, s, for updates at given times, the timer called as asked.
    private static func pushes(_ updates: [(at: Double, state: VehicleStateName)], until end: Double) -> [Double] {
        var pace = PushPace(VehiclePushRates())
        var due: Int64?
        var pushed: [Double] = []
        func runTimer(before limit: Int64) {
            guard let at = due, at <= limit else { return }
            due = nil
            if pace.isDue(1, at, atNs: at) { pushed.append(Double(at) / 1e9) }
        }
        for update in updates {
            let now = Int64(update.at * 1e9)
            runTimer(before: now)
            switch pace.changed(1, update.state, atNs: now) {
            case .now: pushed.append(update.at)
            case .at(let at): due = at
            case .no: break
            }
        }
        runTimer(before: Int64(end * 1e9))
        return pushed
    }

    @Test func `each state has its rate, and quiet ones none`() {
        for (state, every) in [(VehicleStateName.driving, 3.0), (.charging, 30), (.online, 10)] {
            let updates = (0..<1_200).map { (at: Double($0) * 0.25, state: state) }
            let pushed = Self.pushes(updates, until: 300)
            let wanted = 300 / every
            #expect(abs(Double(pushed.count) - wanted) <= 1, "\(state): \(pushed.count)")
            let gaps = zip(pushed.dropFirst(), pushed).map { $0 - $1 }
            let outside = gaps.filter { $0 < every * 0.8 || $0 > every * 1.2 }
            #expect(outside == [], "\(state)")
        }
        for state in [VehicleStateName.suspended, .asleep, .offline, .updating] {
            let pushed = Self.pushes((0..<100).map { (at: Double($0), state: state) }, until: 200)
            #expect(pushed == [0], "\(state)")
        }
    }

    @Test func `a poll that is a little early goes at once`() {
        let polls = [0.0, 2.9, 6.05, 8.9, 12.1, 14.8]
        let pushed = Self.pushes(polls.map { (at: $0, state: VehicleStateName.driving) }, until: 20)
        #expect(pushed == polls)
    }

    @Test func `a change of the state goes at once and takes the place of what waited`() {
        let updates: [(at: Double, state: VehicleStateName)] = [
            (0, .online), (1, .online), (1.5, .driving), (1.6, .driving), (2, .online), (2.1, .asleep), (5, .asleep), (6, .online),
        ]
        #expect(Self.pushes(updates, until: 60) == [0, 1.5, 2, 2.1, 6])
    }

    @Test func `what waits goes when it is due, once`() {
        let updates: [(at: Double, state: VehicleStateName)] = [(0, .driving), (0.5, .driving), (1, .driving)]
        #expect(Self.pushes(updates, until: 60) == [0, 3])
        var pace = PushPace(VehiclePushRates())
        let first = pace.changed(1, .driving, atNs: 0)
        let second = pace.changed(1, .driving, atNs: Self.second)
        let third = pace.changed(1, .driving, atNs: Self.second)
        #expect(first == .now && second == .at(3 * Self.second) && third == .no)
        let wrong = pace.isDue(1, 2 * Self.second, atNs: 3 * Self.second)
        let right = pace.isDue(1, 3 * Self.second, atNs: 3 * Self.second)
        let again = pace.isDue(1, 3 * Self.second, atNs: 4 * Self.second)
        #expect(!wrong && right && !again)
    }
}
