/// 电流波动: the current swings while charging. Counts large steps and reversals of direction among the last eight, so that one step, a ramp or a
/// taper never looks like swinging, whatever its size.
struct FluctuationRule: Hashable, Sendable {
    /// A step is large from this share of the session's level on …
    static let stepShare = 0.10
    /// … and from this many times the usual noise on …
    static let stepNoise = 6.0
    /// … and from this on, A.
    static let stepFloorA = 1.0
    static let largeSteps = 4
    static let reversals = 3
    /// Readings further apart say nothing about swinging, seconds.
    static let maxStepSeconds = 300.0

    private var large: UInt8 = 0
    private var reversed: UInt8 = 0
    private var lastWasUp = false
    private var hasDirection = false

    /// Reversals among the last eight steps.
    var reversalCount: Int { reversed.nonzeroBitCount }

    /// A confidence when the rule holds.
    mutating func on(_ step: Step, _ level: SessionLevel) -> Double? {
        guard step.continues, step.seconds <= Self.maxStepSeconds, !level.isRamping else {
            self = FluctuationRule()
            return nil
        }
        let threshold = max(Self.stepShare * level.slow, Self.stepNoise * level.noise, Self.stepFloorA)
        let isLarge = step.delta.magnitude > threshold
        large = large << 1 | (isLarge ? 1 : 0)
        var turned = false
        if isLarge {
            let isUp = step.delta > 0
            turned = hasDirection && isUp != lastWasUp
            lastWasUp = isUp
            hasDirection = true
        } else if large == 0 {
            hasDirection = false
        }
        reversed = reversed << 1 | (turned ? 1 : 0)
        guard large.nonzeroBitCount >= Self.largeSteps, reversalCount >= Self.reversals else { return nil }
        return 0.5 + 0.06 * Double(min(large.nonzeroBitCount, 8))
    }

    mutating func fields(_ io: inout StateIO) {
        io.field(&large)
        io.field(&reversed)
        io.field(&lastWasUp)
        io.field(&hasDirection)
    }
}
