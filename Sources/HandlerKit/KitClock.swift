public import Bytes

/// The time of a queue under test: it stands still until the test moves it.
///
/// It decides when jobs are due and what their rows say. Time limits of runs and a handler's own waits are real time.
public final class KitClock {
    /// Where clocks begin unless told otherwise: 2026-01-01T00:00:00Z.
    public static let usualStart = Timestamp(seconds: 1_767_225_600)

    public private(set) var now: Timestamp

    public init(_ now: Timestamp = usualStart) { self.now = now }

    public func advance(by time: Duration) { now = now.adding(time) }

    /// Jumps, backwards too.
    public func set(_ now: Timestamp) { self.now = now }
}

extension Timestamp {
    /// To the microsecond.
    public func adding(_ time: Duration) -> Timestamp { adding(microseconds: time.nanoseconds / 1_000) }
}

extension Duration {
    public static func minutes(_ n: Int64) -> Duration { .seconds(60 * n) }
    public static func hours(_ n: Int64) -> Duration { .seconds(3_600 * n) }
    public static func days(_ n: Int64) -> Duration { .seconds(86_400 * n) }

    /// At most 292 years.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000
    }
}
