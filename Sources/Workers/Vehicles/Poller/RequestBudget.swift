import Bytes

/// How often a car may be asked a UTC day.
struct RequestBudget: Equatable {
    /// 0: there is no bound.
    let most: Int
    /// The UTC day, as a day number, and what was asked on it.
    private var day: Int64
    private(set) var used: Int

    init(most: Int, day: Int64 = 0, used: Int = 0) {
        self.most = most
        self.day = day
        self.used = used
    }

    static func day(of time: Timestamp) -> Int64 { Civil.floorDivide(time.microseconds, 86_400_000_000) }

    /// Counts a request.
    mutating func spend(at now: Timestamp) {
        let today = Self.day(of: now)
        if today != day {
            day = today
            used = 0
        }
        used += 1
    }

    func isSpent(at now: Timestamp) -> Bool { most > 0 && Self.day(of: now) == day && used >= most }

    /// The next day's beginning, where today's is used up; nil: it is not.
    func nextDay(at now: Timestamp) -> Timestamp? { isSpent(at: now) ? Timestamp(seconds: (day + 1) * 86_400) : nil }
}
