public import Bytes

/// One vehicle's stay at one station.
public struct ChargingSession: Hashable, Sendable {
    public var stationID: String
    public var sessionID: String
    public var arrival: Timestamp
    public var departure: Timestamp
    /// The zone the times were written in, so that the time of day can be kept when a session is moved elsewhere.
    public var zone: UTCOffset
    public var deliveredKwh: Double
    /// What the driver asked for, kWh.
    public var requestedKwh: Double?
    /// The driver's own guess.
    public var estimatedDeparture: Timestamp?
    /// Whether the driver identified himself.
    public var isClaimed: Bool

    public init(
        stationID: String, sessionID: String, arrival: Timestamp, departure: Timestamp, zone: UTCOffset, deliveredKwh: Double,
        requestedKwh: Double? = nil, estimatedDeparture: Timestamp? = nil, isClaimed: Bool = false
    ) {
        self.stationID = stationID
        self.sessionID = sessionID
        self.arrival = arrival
        self.departure = departure
        self.zone = zone
        self.deliveredKwh = deliveredKwh
        self.requestedKwh = requestedKwh
        self.estimatedDeparture = estimatedDeparture
        self.isClaimed = isClaimed
    }

    public var seconds: Double { departure.seconds(since: arrival) }
    public var meanKw: Double { deliveredKwh * 3600 / seconds }

    /// The same session at the same local time of another zone.
    public func relocated(to other: UTCOffset) -> ChargingSession {
        var moved = self
        let shift = zone.seconds - other.seconds
        moved.arrival = arrival.adding(seconds: shift)
        moved.departure = departure.adding(seconds: shift)
        moved.estimatedDeparture = estimatedDeparture?.adding(seconds: shift)
        moved.zone = other
        return moved
    }
}
