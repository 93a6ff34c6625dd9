public import Bytes

/// What becomes of the slots of a periodic job that nobody was there to run.
public enum CatchUp: Hashable, Sendable {
    /// They are dropped: a slot runs within 60 s or never.
    case none
    /// Only the newest slot runs, and stands for those before it.
    case last
    /// Every slot of the last `seconds` runs, never less than those of the last 60.
    case all(seconds: Int64)

    /// The longest window of `all`: a year, in seconds.
    public static let maxSeconds: Int64 = 366 * 86_400
    /// How old a slot may be that still counts as kept, in seconds.
    public static let graceSeconds: Int64 = 60
}

/// The slots of a periodic job that are due.
public struct SlotPlan: Hashable, Sendable {
    /// How many slots a plan holds unless told otherwise; what comes too late for more is not work but a flood.
    public static let maxSlots = 1000

    /// Ascending.
    public var slots: [Timestamp]
    /// Whether there were more, older ones.
    public var isCut: Bool

    public init(slots: [Timestamp] = [], isCut: Bool = false) {
        self.slots = slots
        self.isCut = isCut
    }
}

extension CronExpression {
    /// The slots s with `last < s <= now` that a catch-up policy lets run.
    ///
    /// `last` is the `now` of the plan before (or the newest slot it gave), so that no slot is planned twice; after the clock went back,
    /// nothing is due until it has passed `last` again.
    public func dueSlots(
        after last: Timestamp, upTo now: Timestamp, in zone: TimeZoneRules, catchUp: CatchUp, maxSlots: Int = SlotPlan.maxSlots
    ) -> SlotPlan {
        guard last < now, maxSlots > 0 else { return SlotPlan() }
        let seconds: Int64
        switch catchUp {
        case .none: seconds = CatchUp.graceSeconds
        case .last: return SlotPlan(slots: newestSlots(1, after: last, upTo: now, in: zone))
        case .all(let window): seconds = min(max(window, CatchUp.graceSeconds), CatchUp.maxSeconds)
        }
        // A slot as old as the window still counts.
        let after = max(last.microseconds, Self.earlier(now.microseconds, by: seconds * 1_000_000 + 1))
        let slots = newestSlots(maxSlots + 1, after: Timestamp(microseconds: after), upTo: now, in: zone)
        return SlotPlan(slots: Array(slots.suffix(maxSlots)), isCut: slots.count > maxSlots)
    }

    /// At most `count` slots, the newest ones. Looks back in spans that grow, so that neither a rule for every minute after a year's pause
    /// nor one for every leap year takes long.
    private func newestSlots(_ count: Int, after last: Timestamp, upTo now: Timestamp, in zone: TimeZoneRules) -> [Timestamp] {
        var newestFirst: [Timestamp] = []
        var upper = now
        var spanSeconds: Int64 = 3600
        while last < upper, newestFirst.count < count {
            let lower = Timestamp(microseconds: max(last.microseconds, Self.earlier(upper.microseconds, by: spanSeconds * 1_000_000)))
            var span: [Timestamp] = []
            var time = lower
            while let slot = next(after: time, in: zone), slot <= upper {
                span.append(slot)
                time = slot
            }
            newestFirst += span.reversed()
            upper = lower
            spanSeconds = min(spanSeconds * 4, Self.horizonSeconds)
        }
        return newestFirst.prefix(count).reversed()
    }

    /// Stops at the first instant there is.
    private static func earlier(_ microseconds: Int64, by delta: Int64) -> Int64 {
        let (earlier, overflow) = microseconds.subtractingReportingOverflow(delta)
        return overflow ? .min : earlier
    }
}
