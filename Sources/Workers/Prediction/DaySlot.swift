import Bytes

/// Quarter hours of the local day: the grid of every seasonal profile.
enum DaySlot {
    static let count = 96
    static let seconds: Int64 = 900

    /// The slot of an instant and whether its local day is a Saturday or Sunday.
    static func at(_ t: Timestamp, _ offset: UTCOffset) -> (slot: Int, isWeekend: Bool) {
        let local = t.seconds &+ offset.seconds
        let day = Civil.floorDivide(local, 86_400)
        let weekday = Civil.weekday(days: day)
        return (Int((local - day * 86_400) / seconds), weekday == 0 || weekday == 6)
    }

    /// When the slot that holds an instant ends. Offsets are whole quarters in every zone in use, so UTC's grid serves.
    static func end(of t: Timestamp) -> Timestamp {
        Timestamp(seconds: (Civil.floorDivide(t.seconds, seconds) + 1) * seconds)
    }
}
