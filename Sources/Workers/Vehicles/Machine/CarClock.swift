import Bytes

/// The car's own time, as far as it can be believed, and the order of what it sends.
///
/// A time more than 5 min ahead of ours or an hour behind is not believed: ours is taken. An answer older than the last one is stale. Three stale
/// ones in a row whose own time moves on mean that the clock was set back.
struct CarClock: Equatable, Remembered {
    /// The latest believed time of an answer, of a frame, of either.
    private var answer: Timestamp?
    private var frame: Timestamp?
    private(set) var latest: Timestamp?
    private var staleCount = 0
    private var staleTime: Timestamp?

    static let aheadMax = 300.0
    static let behindMax = 3600.0
    static let staleMax = 3
    /// Answers overlap with frames by less than this.
    static let overlapSeconds = 60.0

    enum Order: Equatable {
        case current(Timestamp)
        /// A frame has said more since.
        case overtaken(Timestamp)
        case stale
    }

    static func isBelieved(_ time: Timestamp, _ now: Timestamp) -> Bool {
        let ahead = time.seconds(since: now)
        return ahead <= aheadMax && ahead >= -behindMax
    }

    mutating func takeAnswer(_ time: Timestamp?, _ now: Timestamp) -> Order {
        guard let time, Self.isBelieved(time, now) else { return .current(now) }
        let isOld = answer.map { time < $0 } ?? false
        let isFarBehind = latest.map { $0.seconds(since: time) > Self.overlapSeconds } ?? false
        if isOld || isFarBehind {
            if staleTime.map({ time > $0 }) ?? true { staleCount += 1 }
            staleTime = time
            guard staleCount >= Self.staleMax else { return .stale }
            frame = nil
            latest = nil
        }
        staleCount = 0
        staleTime = nil
        answer = time
        if let latest, time < latest { return .overtaken(time) }
        latest = time
        return .current(time)
    }

    /// nil: it is old, or came before.
    mutating func takeFrame(_ time: Timestamp, _ now: Timestamp) -> Timestamp? {
        guard Self.isBelieved(time, now) else { return time > now ? now : nil }
        if let frame, time <= frame { return nil }
        if let latest, time <= latest { return nil }
        frame = time
        latest = time
        return time
    }

    mutating func remember(_ m: inout MachineMemory) {
        m("answer", &answer)
        m("frame", &frame)
        m("latest", &latest)
        m("stale", &staleCount)
        m("stale_time", &staleTime)
    }
}
