/// 电流骤降: a step down of more than 30 % (reference/prediction.md §1.5) that holds, from a steady level, with no taper before it.
///
/// A drop to nothing is no step drop: that is how every session ends that its driver stops. See `StuckRule` for the one that comes back.
struct StepDropRule: Hashable, Sendable {
    static let dropShare = 0.30
    /// Seconds in which the steepest tail halves: between readings so far apart, a taper can fall as much by itself.
    static let tailSeconds = 300.0
    /// Readings that must hold the lower level, the first included: swings come back sooner.
    static let holdReadings: UInt8 = 3
    /// Coming back to this share of the old level ends it.
    static let holdShare = 0.75

    private var baseA = 0.0
    private var held: UInt8 = 0

    /// Whether a drop was seen that is not yet confirmed; the level must not follow it.
    var isPending: Bool { held > 0 }

    /// A confidence on the reading that confirms the drop.
    mutating func on(_ step: Step, _ level: SessionLevel, isTaper: Bool, reversals: Int) -> Double? {
        guard step.continues, reversals <= 1 else {
            held = 0
            return nil
        }
        if held == 0 {
            let bound = max(Self.dropShare, step.seconds / (step.seconds + Self.tailSeconds))
            guard level.isSettled, !isTaper, step.currentA < (1 - bound) * min(level.slow, step.previousA) else { return nil }
            baseA = level.slow
            held = 1
            return nil
        }
        guard step.currentA < Self.holdShare * baseA else {
            held = 0
            return nil
        }
        held += 1
        guard held >= Self.holdReadings else { return nil }
        held = 0
        return Confidence.past(1 - step.currentA / max(baseA, 1e-9), Self.dropShare)
    }

    mutating func fields(_ io: inout StateIO) {
        io.field(&baseA)
        io.field(&held)
        io.require(held < Self.holdReadings && baseA >= 0)
    }
}
