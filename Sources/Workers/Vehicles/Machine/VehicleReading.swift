import Bytes

/// An answer of `vehicle_data`, part by part, in our units: km, km/h, kW, °C, bar, %. A part is nil where the answer has none; any member may be nil.
struct VehicleReading: Hashable {
    /// When it was received, by our clock.
    var receivedAt: Timestamp
    var drive: Drive?
    var charge: Charge?
    var climate: Climate?
    var body: Body?
    var config: Config?

    struct Drive: Hashable {
        /// The vehicle's own time.
        var at: Timestamp?
        var latitude: Double?
        var longitude: Double?
        /// 0…359°.
        var heading: Int?
        var speed: Int?
        var power: Int?
        /// nil counts as P.
        var shift: Shift?
    }

    struct Charge: Hashable {
        var at: Timestamp?
        var state: String?
        var batteryLevel: Int?
        var usableBatteryLevel: Int?
        /// Rated, estimated and ideal.
        var rangeKm: Double?
        var estimatedRangeKm: Double?
        var idealRangeKm: Double?
        var energyAddedKwh: Double?
        var power: Int?
        var voltage: Int?
        var current: Int?
        var phases: Int?
        var limit: Int?
        var timeToFullHours: Double?
        var isFast: Bool?
        var isFree: Bool?
        /// `conn_charge_cable` says a cable, or the port's latch is engaged.
        var isPluggedIn: Bool?
    }

    struct Climate: Hashable {
        var insideTemp: Double?
        var outsideTemp: Double?
        var isOn: Bool?
        var isPreconditioning: Bool?
        /// off, on, dog, camp.
        var keeperMode: String?
    }

    /// `vehicle_state`.
    struct Body: Hashable {
        var odometerKm: Double?
        var carVersion: String?
        var name: String?
        var isLocked: Bool?
        var sentryMode: Bool?
        var isUserPresent: Bool?
        var doorsOpen: Bool?
        var windowsOpen: Bool?
        var frunkOpen: Bool?
        var trunkOpen: Bool?
        var tpms = TirePressures()
        var update: Update?
    }

    /// `software_update`.
    struct Update: Hashable {
        var status: String
        var version: String
        var downloadPercent: Int?
        var installPercent: Int?
    }

    struct Config: Hashable {
        var model: String?
        var exteriorColor: String?
        var trimBadging: String?
        var wheelType: String?
    }
}

enum Shift: String {
    case park = "P"
    case reverse = "R"
    case neutral = "N"
    case drive = "D"

    var isMoving: Bool { self != .park }
}

/// A frame of the stream, 13 fields of which any may be missing; our units.
struct StreamFrame: Hashable {
    /// The vehicle's own time.
    var at: Timestamp
    var receivedAt: Timestamp
    var speed: Int?
    var odometerKm: Double?
    var batteryLevel: Int?
    /// m.
    var elevation: Int?
    var heading: Int?
    var latitude: Double?
    var longitude: Double?
    /// nil: nobody is there, the car only woke for a moment.
    var power: Int?
    var shift: Shift?
    var rangeKm: Double?
    var estimatedRangeKm: Double?
}
