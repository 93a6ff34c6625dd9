/// The pattern label of a reading, from the session's levels.
struct ChargePhase: Hashable, Sendable {
    /// Within this share of the slow mean the current is constant.
    static let constantShare = 0.05
    /// Below this share of the slow mean the current is falling: more than noise gives, less than any step.
    static let fallingShare = 0.98
    /// A tail that has fallen below this share of the top stays a tail, even where it flattens.
    static let tailShare = 0.5

    private var isTaper = false

    mutating func label(_ step: Step, _ level: SessionLevel, isFluctuating: Bool) -> PatternLabel {
        guard step.isCharging else {
            isTaper = false
            return .idle
        }
        if level.isRamping {
            isTaper = false
            return .ramp
        }
        let isFalling = level.fast < Self.fallingShare * level.slow
        let isTail = isTaper && step.currentA < Self.tailShare * level.top
        isTaper = level.isSettled && !isFluctuating && (isFalling || isTail)
        if isTaper { return .taper }
        return (step.currentA - level.slow).magnitude <= Self.constantShare * level.slow ? .constantCurrent : .charging
    }

    mutating func fields(_ io: inout StateIO) { io.field(&isTaper) }
}
