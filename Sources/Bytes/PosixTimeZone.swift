/// The rule of a POSIX `TZ` variable (POSIX.1-2017 §8.3), with the hours beyond a day that RFC 8536 §3.3.1 adds.
struct PosixTimeZone: Hashable, Sendable {
    /// The day of a year on which the clocks are set.
    enum Day: Hashable, Sendable {
        /// `Jn`: 1…365, the 29th of February is never counted.
        case counted(Int)
        /// `n`: 0…365, the 29th of February is counted in leap years.
        case index(Int)
        /// `Mm.w.d`: a weekday (0 = Sunday) in week 1…5 of a month; 5 is the last.
        case weekday(Int, week: Int, month: Int)

        /// As the day number of `Civil`.
        func number(in year: Int) -> Int64 {
            switch self {
            case .counted(let day):
                return Civil.days(year: year, month: 1, day: 1) + Int64(day - 1) + (day >= 60 && Civil.isLeap(year) ? 1 : 0)
            case .index(let day):
                return Civil.days(year: year, month: 1, day: 1) + Int64(day)
            case .weekday(let weekday, let week, let month):
                let first = Civil.days(year: year, month: month, day: 1)
                let lead = (weekday - Civil.weekday(days: first) + 7) % 7
                let day = lead + (week - 1) * 7
                return first + Int64(day < Civil.daysIn(month: month, year: year) ? day : day - 7)
            }
        }
    }

    /// A day, and the local time of that day in seconds: -167 h … 167 h.
    struct Moment: Hashable, Sendable {
        var day: Day
        var seconds: Int64

        func local(in year: Int) -> Int64 { day.number(in: year) * 86_400 + seconds }
    }

    struct Summer: Hashable, Sendable {
        var offsetSeconds: Int64
        var start: Moment
        var end: Moment
    }

    /// East of UTC.
    var offsetSeconds: Int64
    var summer: Summer?

    func period(at second: Int64) -> TimeZoneRules.Period {
        guard let summer else { return TimeZoneRules.Period(offsetSeconds: offsetSeconds, start: .min, end: .max) }
        let year = Civil.date(days: Civil.floorDivide(second + offsetSeconds, 86_400)).year
        var changes: [(at: Int64, isSummer: Bool)] = []
        // A moment may lie a week outside its year.
        for year in (year - 2)...(year + 2) {
            changes.append((summer.start.local(in: year) - offsetSeconds, true))
            changes.append((summer.end.local(in: year) - summer.offsetSeconds, false))
        }
        // Summer time all the year round is written as an end that falls on the next start: the start counts (RFC 8536 §3.3.1).
        changes.sort { $0.at != $1.at ? $0.at < $1.at : !$0.isSummer && $1.isSummer }
        let next = changes.firstIndex { $0.at > second } ?? changes.count - 1
        let current = changes[max(next - 1, 0)]
        return TimeZoneRules.Period(
            offsetSeconds: current.isSummer ? summer.offsetSeconds : offsetSeconds, start: current.at, end: changes[next].at)
    }
}

extension PosixTimeZone {
    init(_ rule: [UInt8]) throws(TimeZoneFault) {
        let parsed: PosixTimeZone? = rule.withUnsafeBufferPointer { bytes in
            var parser = PosixRuleParser(c: ASCIICursor(bytes))
            return parser.rule()
        }
        guard let parsed else {
            throw .badRule(String(decoding: rule.prefix(64).map { $0 &- 0x20 < 0x5F ? $0 : UInt8(ascii: "?") }, as: UTF8.self))
        }
        self = parsed
    }
}

private struct PosixRuleParser {
    var c: ASCIICursor

    /// Summer time without its two moments is refused: POSIX leaves them to the system.
    mutating func rule() -> PosixTimeZone? {
        guard name(), let west = time(maxHours: 24), TimeZoneRules.offsetRange.contains(-west) else { return nil }
        var zone = PosixTimeZone(offsetSeconds: -west)
        if c.isAtEnd { return zone }
        guard name() else { return nil }
        var offset = zone.offsetSeconds + 3600
        if c.next != UInt8(ascii: ",") {
            guard let west = time(maxHours: 24) else { return nil }
            offset = -west
        }
        guard TimeZoneRules.offsetRange.contains(offset), let start = moment(), let end = moment(), c.isAtEnd else { return nil }
        zone.summer = PosixTimeZone.Summer(offsetSeconds: offset, start: start, end: end)
        return zone
    }

    /// Three letters or more, or letters, digits and signs between `<` and `>`.
    private mutating func name() -> Bool {
        let isQuoted = c.take(UInt8(ascii: "<"))
        var count = 0
        while let b = c.next, isLetter(b) || isQuoted && (ASCII.isDigit(b) || b == UInt8(ascii: "+") || b == UInt8(ascii: "-")) {
            c.skip()
            count += 1
        }
        return count >= 3 && (!isQuoted || c.take(UInt8(ascii: ">")))
    }

    private func isLetter(_ b: UInt8) -> Bool { ASCII.lower(b) &- 0x61 < 26 }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    private mutating func time(maxHours: Int) -> Int64? {
        let isNegative = c.take(UInt8(ascii: "-"))
        if !isNegative { _ = c.take(UInt8(ascii: "+")) }
        guard let hours = number(in: 0...maxHours) else { return nil }
        var seconds = Int64(hours) * 3600
        if c.take(UInt8(ascii: ":")) {
            guard let minute = number(in: 0...59) else { return nil }
            seconds += Int64(minute) * 60
            if c.take(UInt8(ascii: ":")) {
                guard let second = number(in: 0...59) else { return nil }
                seconds += Int64(second)
            }
        }
        return isNegative ? -seconds : seconds
    }

    /// `,day[/time]`; 02:00 where no time is given.
    private mutating func moment() -> PosixTimeZone.Moment? {
        guard c.take(UInt8(ascii: ",")), let day = day() else { return nil }
        guard c.take(UInt8(ascii: "/")) else { return PosixTimeZone.Moment(day: day, seconds: 7200) }
        guard let seconds = time(maxHours: 167) else { return nil }
        return PosixTimeZone.Moment(day: day, seconds: seconds)
    }

    private mutating func day() -> PosixTimeZone.Day? {
        if c.take(UInt8(ascii: "J")) { return number(in: 1...365).map { .counted($0) } }
        guard c.take(UInt8(ascii: "M")) else { return number(in: 0...365).map { .index($0) } }
        guard let month = number(in: 1...12), c.take(UInt8(ascii: ".")), let week = number(in: 1...5), c.take(UInt8(ascii: ".")),
            let weekday = number(in: 0...6)
        else { return nil }
        return .weekday(weekday, week: week, month: month)
    }

    private mutating func number(in range: ClosedRange<Int>) -> Int? { c.number().flatMap { range.contains($0) ? $0 : nil } }
}
