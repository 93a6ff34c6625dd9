import Bytes

/// 漏流: current where no charging can be. A vehicle may not draw less than 6 A (IEC 61851-1, reference/prediction.md §1.5), so a current that never rises
/// to half of that is no session, and one that lingers below it after a session is none any more.
struct LeakRule: Hashable, Sendable {
    static let ceilingA = 3.0
    /// A start must have passed the ceiling by then.
    static let startSeconds = 30.0
    static let startReadings: UInt32 = 3
    /// A tail must have ended by then: a constant-voltage tail passes this range in minutes.
    static let tailSeconds = 900.0
    static let tailReadings: UInt32 = 10

    private var since: Timestamp?
    private var readings: UInt32 = 0
    private(set) var isActive = false

    /// A confidence when the rule holds; `isActive` then means that the meter does not charge, whatever the hysteresis says.
    mutating func on(_ step: Step, peakA: Double) -> Double? {
        guard step.isCharging, step.currentA < Self.ceilingA else {
            self = LeakRule()
            return nil
        }
        if since == nil { since = step.time }
        if readings < .max { readings += 1 }
        let seconds = since.map { step.time.seconds(since: $0) } ?? 0
        if peakA < Self.ceilingA {
            isActive = isActive || seconds >= Self.startSeconds && readings >= Self.startReadings
        } else {
            isActive = isActive || seconds >= Self.tailSeconds && readings >= Self.tailReadings
        }
        return isActive ? Confidence.past(seconds, Self.startSeconds) : nil
    }

    mutating func fields(_ io: inout StateIO) {
        io.field(&since)
        io.field(&readings)
        io.field(&isActive)
    }
}
