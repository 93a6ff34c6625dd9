import Bytes

/// What an odometer says, as far as it can be believed: it does not go back, and no car goes faster than 430 km/h. A doubtful figure is left out
/// until three in a row agree that it is so.
struct Odometer: Equatable, Remembered {
    /// Of the last poll that was believed.
    private(set) var km: Double?
    private var at = Timestamp(seconds: 0)
    private var doubts = 0
    private var doubtfulKm: Double?

    static let doubtsMax = 3
    /// km/s, and what it may be off beside.
    static let speedMax = 0.12
    static let slackKm = 1.0
    /// Frames give tenths of a mile.
    static let roundingKm = 0.2
    /// Two that are no further apart are the same.
    static let sameKm = 0.01

    enum Answer: Equatable {
        case believed(Double)
        case doubtful
        /// It stands elsewhere, by so much.
        case moved(Double, by: Double)
    }

    mutating func take(_ value: Double, at now: Timestamp) -> Answer {
        guard let known = km else {
            believe(value, now)
            return .believed(value)
        }
        let most = Self.slackKm + Self.speedMax * max(0, now.seconds(since: at))
        if value >= known, value - known <= most {
            believe(value, now)
            return .believed(value)
        }
        let agrees = doubtfulKm.map { (0...most).contains(value - $0) } ?? true
        doubts = agrees ? doubts + 1 : 1
        doubtfulKm = value
        guard doubts >= Self.doubtsMax else { return .doubtful }
        believe(value, now)
        return .moved(value, by: value - known)
    }

    /// A frame's figure, if it goes with what polls said.
    func fits(_ streamed: Double, at now: Timestamp) -> Bool {
        guard let known = km else { return true }
        return streamed >= known - Self.roundingKm && streamed - known <= Self.slackKm + Self.speedMax * max(0, now.seconds(since: at))
    }

    private mutating func believe(_ value: Double, _ now: Timestamp) {
        km = value
        at = now
        doubts = 0
        doubtfulKm = nil
    }

    mutating func remember(_ m: inout MachineMemory) {
        m("km", &km)
        m("at", &at)
        m("doubts", &doubts)
        m("doubtful", &doubtfulKm)
    }
}
