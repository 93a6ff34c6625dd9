/// How often a meter usually reports, and from when on its silence is a gap.
struct Cadence: Hashable, Sendable {
    /// A gap is this many usual intervals: beyond the jitter and the retries of a healthy link.
    static let gapFactor = 5.0
    /// Never call less than this a gap, seconds.
    static let gapFloor = 60.0
    /// The bound while the interval is not known yet, seconds.
    static let gapUnknown = 900.0
    /// Intervals seen before the usual one counts as known.
    static let warmUp: UInt8 = 3
    static let rate = 0.1

    private(set) var usualSeconds = 0.0
    private var count: UInt8 = 0

    var gapSeconds: Double { count < Self.warmUp ? Self.gapUnknown : max(Self.gapFloor, Self.gapFactor * usualSeconds) }

    /// Learns an interval. Long ones count at most double, so that one outage teaches little and a meter that was reconfigured is followed.
    mutating func learn(_ seconds: Double) {
        if count < Self.warmUp {
            count += 1
            usualSeconds += (seconds - usualSeconds) / Double(count)
        } else {
            usualSeconds += Self.rate * (min(seconds, 2 * usualSeconds) - usualSeconds)
        }
    }

    mutating func fields(_ io: inout StateIO) {
        io.field(&usualSeconds)
        io.field(&count)
        io.require(usualSeconds >= 0 && count <= Self.warmUp)
    }
}
