public import Bytes

extension CronExpression {
    /// The longest pause an expression can have: 40 years pass between two 29ths of February on the same weekday when a year such as
    /// 2100 without one lies between. In seconds.
    static let horizonSeconds: Int64 = 40 * 366 * 86_400

    /// The first slot strictly after an instant: a whole minute of the zone's local time that matches.
    ///
    /// Where the clocks are set, every matching local time still counts once:
    /// - One that a jump forward skips has its slot at the instant of the jump. All that are skipped there share it, and it may be an
    ///   ordinary slot as well.
    /// - One that comes twice has its slot at the first time only. If the hour field begins with `*`, it has one at both: such rules mean
    ///   a distance in time rather than an hour.
    ///
    /// Nil only where the time to come ends: every expression has a slot within 40 years.
    public func next(after time: Timestamp, in zone: TimeZoneRules) -> Timestamp? {
        var second = time.seconds + 1
        let limit = min(second + Self.horizonSeconds, Int64.max / 1_000_000)
        while second < limit {
            let period = zone.period(at: second)
            if second == period.start, hasSkippedSlot(at: second, before: period, in: zone) { return Timestamp(seconds: second) }
            let end = min(period.end, limit) + period.offsetSeconds
            var local = second + period.offsetSeconds
            while let match = nextLocal(from: local, before: end) {
                let slot = Timestamp(seconds: match - period.offsetSeconds)
                if hasStarHour || zone.instants(ofLocal: match).all.first == slot { return slot }
                local = match + 60
            }
            second = period.end
        }
        return nil
    }

    /// Whether the jump that begins a period skips a local time that matches.
    private func hasSkippedSlot(at jump: Int64, before period: TimeZoneRules.Period, in zone: TimeZoneRules) -> Bool {
        let earlier = zone.period(at: jump - 1)
        var local = jump + earlier.offsetSeconds
        while let match = nextLocal(from: local, before: jump + period.offsetSeconds) {
            if zone.instants(ofLocal: match) == .skipped(at: Timestamp(seconds: jump)) { return true }
            local = match + 60
        }
        return false
    }

    /// The first local minute in a span that matches; local times are seconds as `TimeZoneRules.instants(ofLocal:)` takes them.
    func nextLocal(from start: Int64, before end: Int64) -> Int64? {
        let first = Civil.floorDivide(start + 59, 60)
        var day = Civil.floorDivide(first, 1440)
        var minute = Int(first - day * 1440)
        while day * 86_400 < end {
            let date = Civil.date(days: day)
            if months >> UInt64(date.month) & 1 == 0 {
                day += Int64(Civil.daysIn(month: date.month, year: date.year) - date.day + 1)
            } else if matches(year: date.year, month: date.month, day: date.day, weekday: Civil.weekday(days: day)),
                let minute = nextMinute(ofDayFrom: minute)
            {
                let local = day * 86_400 + Int64(minute) * 60
                return local < end ? local : nil
            } else {
                day += 1
            }
            minute = 0
        }
        return nil
    }

    /// The first minute of a day, counted from 00:00, that matches.
    private func nextMinute(ofDayFrom start: Int) -> Int? {
        let hour = start / 60
        if hours >> UInt64(hour) & 1 == 1, let minute = Self.lowest(minutes, from: start % 60) { return hour * 60 + minute }
        guard let later = Self.lowest(hours, from: hour + 1) else { return nil }
        return later * 60 + minutes.trailingZeroBitCount
    }

    private static func lowest(_ bits: UInt64, from index: Int) -> Int? {
        let rest = bits & (UInt64.max << UInt64(index))
        return rest == 0 ? nil : rest.trailingZeroBitCount
    }
}
