public import Bytes

/// A statistical anomaly score of any univariate series: O(1) per value, no training, no clock.
///
/// The larger of two ratios counts: how far a short-term level is from the long-term mean, and how far the smoothed residual against the
/// time-of-day profile is from nothing, each in its own usual sizes. A value scores only if it exceeds a decaying maximum of past ratios, so one
/// disturbance gives a few scores and not one per value (reference/prediction.md §1.1: outside a window every flagged value costs).
/// A one-step error term was tried and left out: it cost 4 points on NAB's open groups, all in false alarms.
public struct StreamScore: Sendable {
    /// Scores at or above this are anomalies: the threshold that suits NAB's open groups, standard profile.
    public static let threshold = 0.5

    /// Short-term level: about 20 values.
    static let levelRate = 0.1
    /// Smoothing of the seasonal residual.
    static let residualRate = 0.1
    /// Long-term mean and usual sizes: about 400 values.
    static let longRate = 0.005
    /// Profile: about the last five days.
    static let profileRate = 0.3
    /// The past maximum halves in about 700 values.
    static let maximumDecay = 0.999
    /// Errors below 1 % of the range seen do not matter.
    static let floorShare = 0.01
    /// The ratio that maps to `threshold`.
    static let ratioAtThreshold = 3.25
    /// Larger magnitudes are taken as this, so that no square overflows.
    static let maxMagnitude = 1e25

    private let offset: UTCOffset
    private var count: UInt32 = 0
    private var low = 0.0
    private var high = 0.0
    private var level = 0.0
    private var mean = 0.0
    private var residual = 0.0
    private var maximum = 0.0
    private var levelScale = RunningScale()
    private var residualScale = RunningScale()
    private var profile = [Float](repeating: 0, count: DaySlot.count)
    private var known = [UInt8](repeating: 0, count: DaySlot.count)

    public init(offset: UTCOffset = .utc) { self.offset = offset }

    /// Scores the next value, 0…1. The value must be finite; order is the caller's matter.
    public mutating func on(_ t: Timestamp, _ value: Double) -> Double {
        let x = min(max(value, -Self.maxMagnitude), Self.maxMagnitude)
        if count == 0 {
            low = x
            high = x
            level = x
            mean = x
        }
        if count < .max { count += 1 }
        low = min(low, x)
        high = max(high, x)
        let floor = Self.floorShare * (high - low)
        let young = 1 / Double(count)

        level += max(Self.levelRate, young) * (x - level)
        let levelError = level - mean
        var ratio = levelScale.ratio(levelError, floor: floor)
        levelScale.learn(levelError, floor: floor, rate: Self.longRate)
        mean += max(Self.longRate, young) * (x - mean)

        let slot = DaySlot.at(t, offset).slot
        if known[slot] == 0 {
            known[slot] = 1
            profile[slot] = Float(x)
        } else {
            let error = x - Double(profile[slot])
            residual += Self.residualRate * (error - residual)
            ratio = max(ratio, residualScale.ratio(residual, floor: floor))
            residualScale.learn(residual, floor: floor, rate: Self.longRate)
            profile[slot] += Float(Self.profileRate * error)
        }

        maximum *= Self.maximumDecay
        guard ratio > maximum else { return 0 }
        maximum = ratio
        return ratio / (ratio + Self.ratioAtThreshold)
    }

    mutating func fields(_ io: inout StateIO) {
        io.field(&count)
        io.field(&low)
        io.field(&high)
        io.field(&level)
        io.field(&mean)
        io.field(&residual)
        io.field(&maximum)
        levelScale.fields(&io)
        residualScale.fields(&io)
        io.field(&profile)
        io.field(&known)
        io.require(low <= high && maximum >= 0)
    }
}
