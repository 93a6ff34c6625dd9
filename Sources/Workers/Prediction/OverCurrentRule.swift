import Bytes

/// 电流过高: above 105 % of the rated current (level 1 of the low-voltage ladder, reference/prediction.md §1.5) for 5 s (GB/T 18487.1 over-current time).
///
/// Sampled slower than that, two consecutive readings are needed, which the same arithmetic gives.
struct OverCurrentRule: Hashable, Sendable {
    static let sustainSeconds = 5.0

    private var since: Timestamp?

    /// Whether a reading is past the limit, sustained or not.
    static func isOver(_ currentA: Double, _ limits: MeterLimits) -> Bool {
        limits.ratedCurrentA.map { currentA > WarningLevel.redShare * $0 } ?? false
    }

    /// A confidence when the rule holds.
    mutating func on(_ step: Step, _ limits: MeterLimits) -> Double? {
        guard let rated = limits.ratedCurrentA, Self.isOver(step.currentA, limits) else {
            since = nil
            return nil
        }
        guard let since, !step.isBroken else {
            since = step.time
            return nil
        }
        guard step.time.seconds(since: since) >= Self.sustainSeconds else { return nil }
        return Confidence.past(step.currentA - rated, rated * (WarningLevel.redShare - 1))
    }

    mutating func fields(_ io: inout StateIO) { io.field(&since) }
}
