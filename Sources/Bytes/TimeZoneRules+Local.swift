/// The instants at which the clocks of a place show one local time.
public enum LocalInstants: Hashable, Sendable {
    /// The clocks jump over it, at this instant.
    case skipped(at: Timestamp)
    case once(Timestamp)
    /// The clocks are set back, and show it before and after that.
    case twice(Timestamp, Timestamp)

    /// None, one or two, ascending.
    public var all: [Timestamp] {
        switch self {
        case .skipped: []
        case .once(let time): [time]
        case .twice(let first, let second): [first, second]
        }
    }
}

extension TimeZoneRules {
    /// The instants that a local time names. It is given as the seconds from 1970-01-01T00:00:00 to it on a clock that is never set:
    /// `Civil.days(…) * 86_400` and the seconds of the day. Should a place have shown it more than twice, the first two count.
    public func instants(ofLocal localSeconds: Int64) -> LocalInstants {
        // What a timestamp can hold, with room for the offset.
        let local = min(max(localSeconds, -9_223_371_000_000), 9_223_371_000_000)
        var period = period(at: local - Self.offsetRange.upperBound)
        var first: Int64?
        var jump: Int64?
        while true {
            let second = local - period.offsetSeconds
            if second >= period.start, second < period.end {
                if let first { return .twice(Timestamp(seconds: first), Timestamp(seconds: second)) }
                first = second
            }
            // Beyond this no offset can lead back to the local time.
            guard period.end <= local - Self.offsetRange.lowerBound else { break }
            let next = self.period(at: period.end)
            if jump == nil, period.end + period.offsetSeconds <= local, local < period.end + next.offsetSeconds { jump = period.end }
            period = next
        }
        if let first { return .once(Timestamp(seconds: first)) }
        // A clock that showed an earlier time and then a later one either showed this one too or jumped over it.
        return .skipped(at: Timestamp(seconds: jump ?? local - period.offsetSeconds))
    }
}
