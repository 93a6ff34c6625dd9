import Bytes

/// A car as its poller needs to know it.
struct LeasedCar: Equatable {
    var number: Int64
    var account: Int64
    /// Changes now and then.
    var teslaID: Int64
    /// Its name in the stream.
    var vehicleID: Int64
}

/// What a car's row says when its lease is taken.
struct CarClaim {
    var car: LeasedCar
    var epoch: Int64
    var memory: JSONValue?
    var notBefore: Timestamp
    /// The UTC day of `requests`, as a day number.
    var requestsDay: Int64?
    var requests: Int
}
