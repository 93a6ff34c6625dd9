import Bytes

/// 零电流/卡滞: the current froze, or fell to nothing in mid-session and came back.
///
/// Without the charger's own state a drop to zero cannot be told from a driver who stops, so it is announced when the session goes on: back within
/// two minutes at the old level, sooner than the next vehicle could be plugged in. A frozen value is one that stays equal to the last bit
/// for longer than this meter's resolution explains.
struct StuckRule: Hashable, Sendable {
    static let returnSeconds = 120.0
    static let returnShare = 0.7
    /// Odds against a run of equal values by chance, as a natural logarithm: one in a million.
    static let logOdds = 13.8
    /// Most often a meter's value is taken to change, per reading: so no run under 28 readings counts.
    static let maxChangeShare = 0.5
    /// Charging readings before the share of changes is known.
    static let learnReadings: UInt32 = 60
    /// Memory is halved beyond this.
    static let maxReadings: UInt32 = 4000

    private var droppedAt: Timestamp?
    private var droppedFromA = 0.0
    private var run: UInt32 = 0
    private var readings: UInt32 = 0
    private var changes: UInt32 = 0

    /// A confidence when either rule holds.
    mutating func on(_ step: Step, _ level: SessionLevel, isTaper: Bool) -> Double? {
        returned(step, level, isTaper: isTaper) ?? frozen(step)
    }

    private mutating func returned(_ step: Step, _ level: SessionLevel, isTaper: Bool) -> Double? {
        if step.isBroken { droppedAt = nil }
        if step.stops {
            let isAbrupt = level.isSettled && !isTaper && !step.isBroken && step.previousA > Self.returnShare * level.slow
            droppedAt = isAbrupt && level.slow > LeakRule.ceilingA ? step.time : nil
            droppedFromA = level.slow
        }
        guard let since = droppedAt, !step.stops else { return nil }
        if step.time.seconds(since: since) > Self.returnSeconds {
            droppedAt = nil
            return nil
        }
        guard step.currentA >= Self.returnShare * droppedFromA else { return nil }
        droppedAt = nil
        return 0.9
    }

    private mutating func frozen(_ step: Step) -> Double? {
        guard step.continues else {
            run = 0
            return nil
        }
        if step.delta == 0 {
            if run < .max { run += 1 }
        } else {
            // A run that already counted as frozen must not teach that frozen is usual.
            if !isFrozen { count(run) }
            run = 0
        }
        return isFrozen ? 0.9 : nil
    }

    private var isFrozen: Bool {
        guard readings >= Self.learnReadings else { return false }
        let share = min(Self.maxChangeShare, Double(changes) / Double(readings))
        // ln(1 - s) <= -s, so this asks for a little more than the odds.
        return Double(run) * share > Self.logOdds
    }

    private mutating func count(_ equal: UInt32) {
        readings += min(equal, Self.maxReadings) + 1
        changes += 1
        if readings > Self.maxReadings {
            readings /= 2
            changes /= 2
        }
    }

    mutating func fields(_ io: inout StateIO) {
        io.field(&droppedAt)
        io.field(&droppedFromA)
        io.field(&run)
        io.field(&readings)
        io.field(&changes)
        io.require(readings <= Self.maxReadings && changes <= readings && droppedFromA >= 0)
    }
}
