import Bytes

/// Remembers when each class was last seen, so that one episode is announced once.
struct EpisodeLedger: Sendable {
    /// A class is announced again only after it was absent this long, seconds.
    static let rearmSeconds = 300.0
    /// … or this many usual intervals, whichever is longer.
    static let rearmIntervals = 5.0

    private var lastSeen = [Timestamp?](repeating: nil, count: AnomalyClass.allCases.count)

    /// Records a sighting; true when it opens an episode.
    mutating func see(_ anomaly: AnomalyClass, at t: Timestamp, usualSeconds: Double) -> Bool {
        guard anomaly != .none else { return false }
        let isNew = !isRecent(anomaly, at: t, usualSeconds: usualSeconds)
        lastSeen[anomaly.index] = t
        return isNew
    }

    func isRecent(_ anomaly: AnomalyClass, at t: Timestamp, usualSeconds: Double) -> Bool {
        guard let seen = lastSeen[anomaly.index] else { return false }
        return t.seconds(since: seen) <= max(Self.rearmSeconds, Self.rearmIntervals * usualSeconds)
    }

    mutating func fields(_ io: inout StateIO) { io.field(&lastSeen) }
}
