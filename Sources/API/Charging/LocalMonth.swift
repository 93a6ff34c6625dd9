import Bytes

/// A calendar month in local time, as the half-open range of instants that it is.
struct LocalMonth: Hashable {
    let year: Int
    /// 1…12.
    let month: Int

    init(year: Int, month: Int) {
        self.year = year
        self.month = month
    }

    init(of time: Timestamp, _ offset: UTCOffset) {
        let date = Civil.date(days: Civil.floorDivide(time.seconds + offset.seconds, 86_400))
        self.init(year: date.year, month: date.month)
    }

    /// Local midnight of the first day.
    func start(_ offset: UTCOffset) -> Timestamp {
        Timestamp(seconds: Civil.days(year: year, month: month, day: 1) * 86_400 - offset.seconds)
    }

    /// Local midnight of the next month's first day.
    func end(_ offset: UTCOffset) -> Timestamp {
        (month == 12 ? LocalMonth(year: year + 1, month: 1) : LocalMonth(year: year, month: month + 1)).start(offset)
    }
}
