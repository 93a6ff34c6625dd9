/// 高值异常: statistically high. Above everything steady that this session and, once known, this meter has shown, by more than noise explains.
struct HighValueRule: Hashable, Sendable {
    /// Above the reference by this share …
    static let share = 0.20
    /// … and by this many times the usual noise.
    static let noise = 6.0
    /// Consecutive readings, so that one spike is none and the upward part of a swing rarely is.
    static let holdReadings: UInt8 = 4
    /// After this many the level is taken as the new usual one.
    static let acceptReadings: UInt8 = 30

    /// Readings further apart are sparse, seconds.
    static let sparseSeconds = 300.0

    private var held: UInt8 = 0

    /// Whether a reading is high, confirmed or not; the level must not follow it.
    var isPending: Bool { held > 0 }

    /// A confidence when the rule holds. A level that is accepted is handed to the session's levels.
    mutating func on(_ step: Step, _ level: inout SessionLevel, reversals: Int) -> Double? {
        let reference = level.reference(isSparse: step.seconds > Self.sparseSeconds)
        guard step.isCharging, !step.isBroken, !level.isRamping, reversals <= 1, reference > 0,
            step.currentA > (1 + Self.share) * reference, step.currentA - reference > Self.noise * level.noise
        else {
            held = 0
            return nil
        }
        held += 1
        if held > Self.acceptReadings {
            held = 0
            level.accept(step.currentA)
            return nil
        }
        return held >= Self.holdReadings ? Confidence.past(step.currentA / reference - 1, Self.share) : nil
    }

    mutating func fields(_ io: inout StateIO) {
        io.field(&held)
        io.require(held <= Self.acceptReadings)
    }
}
