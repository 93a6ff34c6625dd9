import Bytes

/// Where rows may begin: never before what ended last, and no two of a kind at the same time, whatever the car's clock says.
struct RowTimes: Equatable, Remembered {
    /// End of the last drive or parking.
    var placeEnd = Timestamp(seconds: 0)
    var chargeEnd = Timestamp(seconds: 0)
    private var drive = Timestamp(seconds: 0)
    private var charge = Timestamp(seconds: 0)
    private var parking = Timestamp(seconds: 0)
    private var state = Timestamp(seconds: 0)

    mutating func beginDrive(_ at: Timestamp) -> Timestamp { Self.begin(at, after: placeEnd, &drive) }
    mutating func beginParking(_ at: Timestamp) -> Timestamp { Self.begin(at, after: placeEnd, &parking) }
    mutating func beginCharge(_ at: Timestamp) -> Timestamp { Self.begin(at, after: chargeEnd, &charge) }
    mutating func beginState(_ at: Timestamp) -> Timestamp { Self.begin(at, after: at, &state) }

    private static func begin(_ at: Timestamp, after end: Timestamp, _ last: inout Timestamp) -> Timestamp {
        last = max(at, end, last.adding(microseconds: 1))
        return last
    }

    mutating func remember(_ m: inout MachineMemory) {
        m("place_end", &placeEnd)
        m("charge_end", &chargeEnd)
        m("drive", &drive)
        m("charge", &charge)
        m("parking", &parking)
        m("state", &state)
    }
}
