import Bytes

/// One reading as the rules see it: the current, what came before it, and whether the two belong together.
struct Step {
    var time: Timestamp
    /// Magnitude, A.
    var currentA: Double
    var previousA: Double
    /// Seconds since the previous reading; 0 for the first.
    var seconds: Double
    /// Charging before and after, by the hysteresis alone.
    var wasCharging: Bool
    var isCharging: Bool
    /// A gap, or the first reading: runs of consecutive readings start anew.
    var isBroken: Bool

    var starts: Bool { isCharging && !wasCharging }
    var stops: Bool { !isCharging && wasCharging }
    /// Both readings lie in one session, without a gap.
    var continues: Bool { isCharging && wasCharging && !isBroken }
    var delta: Double { currentA - previousA }
}

/// Charging or not, with hysteresis around 0.5 A (reference/prediction.md §1.5).
enum ChargingThreshold {
    static let onA = 0.6
    static let offA = 0.4

    static func next(_ wasCharging: Bool, _ currentA: Double) -> Bool { wasCharging ? currentA >= offA : currentA > onA }
}

/// Maps how far a value is past its threshold to a confidence: 0.6 at the threshold, towards 1 far beyond it.
enum Confidence {
    static func past(_ value: Double, _ threshold: Double) -> Double {
        guard threshold > 0, value > threshold else { return 0.6 }
        return 1 - 0.4 * threshold / value
    }
}
