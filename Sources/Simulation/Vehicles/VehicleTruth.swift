public import Bytes

/// What really happened to a simulated car, for comparison with what was recorded of it. `end` is nil for what goes on.
public struct VehicleTruth: Sendable {
    public struct Drive: Hashable, Sendable {
        public var start: Timestamp
        public var end: Timestamp?
        public var from: GeoPoint
        public var to: GeoPoint
        /// At its ends; of one that goes on, until now.
        public var startOdometerKm: Double
        public var km: Double
        /// What the pack gave and what came back, kWh.
        public var usedKwh: Double
        public var regenKwh: Double
        /// km/h and kW.
        public var maxSpeedKmh: Double
        public var maxPowerKw: Double
        public var minPowerKw: Double
    }

    public struct Charge: Hashable, Sendable {
        /// The first "Starting"; the end of the current.
        public var start: Timestamp
        public var end: Timestamp?
        /// kWh in the pack, and from the charger.
        public var addedKwh: Double
        public var drawnKwh: Double
        public var peakKw: Double
        public var isFast: Bool
        /// 0…1.
        public var startLevel: Double
        public var endLevel: Double
    }

    public struct Event: Hashable, Sendable {
        public var at: Timestamp
        public var event: ParkingEvent
    }

    public struct Parking: Hashable, Sendable {
        public var start: Timestamp
        public var end: Timestamp?
        public var at: GeoPoint
        public var events: [Event]
        /// Taken from the pack by everything but driving, kWh.
        public var drainedKwh: Double
        public var addedKwh: Double
    }

    public struct Update: Hashable, Sendable {
        /// The begin of the installation.
        public var start: Timestamp
        public var end: Timestamp?
        public var version: String
    }

    public var drives: [Drive] = []
    public var charges: [Charge] = []
    public var parkings: [Parking] = []
    public var updates: [Update] = []

    public init() {}
}
