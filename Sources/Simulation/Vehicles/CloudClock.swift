public import Bytes
import Edge
public import Reactor

/// The vehicle cloud's time: it runs so many times as fast as ours, or stands until a test moves it. Lives on one loop.
public final class CloudClock {
    public enum Pace: Sendable {
        /// Cloud seconds in one of ours.
        case running(speed: Double)
        /// Moved by `advance`.
        case byHand
    }

    private struct Alarm {
        var at: Timestamp
        var number: Int
        var body: () -> Void
    }

    public let pace: Pace
    private var set: Timestamp
    private let port: LoopPort
    private let startNs: Int64
    /// By time, the next one last; of a clock that is moved by hand.
    private var alarms: [Alarm] = []
    private var count = 0
    private var waiters: [Int: UnsafeContinuation<Void, Never>] = [:]
    private var isStopped = false

    public init(_ start: Timestamp, _ pace: Pace, on loop: isolated EventLoop) {
        self.pace = pace
        set = start
        port = LoopPort(on: loop)
        startNs = Clock.monotonicNs
    }

    public var speed: Double {
        if case .running(let speed) = pace { return speed }
        return 1
    }

    public var now: Timestamp {
        guard case .running(let speed) = pace else { return set }
        return set.adding(microseconds: Int64(Double(Clock.monotonicNs - startNs) / 1_000 * speed))
    }

    /// Runs `body` after so many cloud seconds.
    func after(_ seconds: Double, _ body: @escaping () -> Void) {
        if case .running(let speed) = pace { return port.after(Int64(seconds / speed * 1e9), body) }
        count += 1
        let alarm = Alarm(at: set.adding(microseconds: Int64((seconds * 1e6).rounded())), number: count, body: body)
        var place = alarms.count
        while place > 0, (alarms[place - 1].at, alarms[place - 1].number) < (alarm.at, alarm.number) { place -= 1 }
        alarms.insert(alarm, at: place)
    }

    /// Waits so many cloud seconds, or until the clock is stopped.
    func wait(_ seconds: Double) async {
        if isStopped { return }
        count += 1
        let number = count
        await withUnsafeContinuation { continuation in
            waiters[number] = continuation
            after(seconds) { [weak self] in self?.waiters.removeValue(forKey: number)?.resume() }
        }
    }

    /// Waits a moment of our own time, whatever the clock does: until what was written is on its way.
    func pause() async {
        await withUnsafeContinuation { continuation in port.after(1_000_000) { continuation.resume() } }
    }

    /// Moves a clock that stands, and does what is due on the way, in order.
    public func advance(seconds: Double) {
        guard case .byHand = pace else { return }
        let goal = set.adding(microseconds: Int64((seconds * 1e6).rounded()))
        while let alarm = alarms.last, alarm.at <= goal {
            alarms.removeLast()
            set = max(set, alarm.at)
            alarm.body()
        }
        set = goal
    }

    /// Ends all waiting.
    func stop() {
        isStopped = true
        alarms = []
        let all = waiters.values
        waiters = [:]
        for waiter in all { waiter.resume() }
    }
}
