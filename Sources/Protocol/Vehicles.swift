public import Bytes

/// Names that the vehicle domain uses on the bus.
public enum VehicleNames {
    /// Request to the poller that has a car: `{"car":number,"command":"suspend"|"resume"}`. Answered `{}`, or refused with the spec's words.
    public static func command(_ poller: String) -> String { "vehicles.command.\(poller)" }
    /// The job that looks a place up; args `{"latitude":…,"longitude":…}`; unique by `heliograph.place_key`.
    public static let geocode = "vehicles.geocode"
    /// Pollers and API nodes listen here: the payload is the table that has changed.
    public static let channel = "heliograph_vehicles"
}

/// What a car does, as clients are told.
public enum VehicleStateName: String, Sendable, CaseIterable {
    case online, driving, charging, suspended, asleep, offline, updating
}

/// The live state of a car as the vehicle spec writes it: km, km/h, kW (positive: discharging), °C, bar, %, hours.
public struct VehicleView: Hashable, Sendable {
    public var car: Int64
    public var state: VehicleStateName
    /// Since when it is in this state.
    public var since: Timestamp
    /// When somebody last had something to do with it.
    public var lastUsed: Timestamp
    public var batteryLevel = 0
    public var usableBatteryLevel = 0
    public var rangeKm = 0.0
    public var idealRangeKm = 0.0
    public var latitude = 0.0
    public var longitude = 0.0
    public var heading = 0
    public var speed: Int?
    public var power = 0
    public var odometerKm = 0.0
    public var isPluggedIn = false
    public var chargingState = "Disconnected"
    public var chargerPower = 0
    public var chargeLimit = 0
    /// Hours.
    public var timeToFull = 0.0
    public var chargerVoltage = 0
    public var chargerCurrent = 0
    public var insideTemp: Double?
    public var outsideTemp: Double?
    public var isClimateOn = false
    public var isPreconditioning = false
    public var isLocked = false
    public var sentryMode = false
    public var isUserPresent = false
    public var doorsOpen = false
    public var windowsOpen = false
    public var frunkOpen = false
    public var trunkOpen = false
    public var tpmsFL: Double?
    public var tpmsFR: Double?
    public var tpmsRL: Double?
    public var tpmsRR: Double?
    public var carVersion = ""
    public var canSleep = false
    public var sleepBlockReason = ""
    /// Beyond the spec: whether its answers come as they should, and the fence it is in.
    public var isHealthy = true
    public var geofence: String?

    public init(car: Int64, state: VehicleStateName, since: Timestamp, lastUsed: Timestamp) {
        self.car = car
        self.state = state
        self.since = since
        self.lastUsed = lastUsed
    }

    public func write(to w: inout JSONWriter) {
        w.object { w in
            w.member("car_id", Int(car))
            w.member("state", state.rawValue)
            w.member("since", since, .utc)
            w.member("last_used", lastUsed, .utc)
            w.member("battery_level", batteryLevel)
            w.member("usable_battery_level", usableBatteryLevel)
            w.member("range_km", rangeKm)
            w.member("ideal_range_km", idealRangeKm)
            w.member("latitude", latitude)
            w.member("longitude", longitude)
            w.member("heading", heading)
            w.member("speed", speed)
            w.member("power", power)
            w.member("odometer_km", odometerKm)
            w.member("plugged_in", isPluggedIn)
            w.member("charging_state", chargingState)
            w.member("charger_power", chargerPower)
            w.member("charge_limit_soc", chargeLimit)
            w.member("time_to_full_charge", timeToFull)
            w.member("charger_voltage", chargerVoltage)
            w.member("charger_current", chargerCurrent)
            w.member("inside_temp", insideTemp)
            w.member("outside_temp", outsideTemp)
            w.member("is_climate_on", isClimateOn)
            w.member("is_preconditioning", isPreconditioning)
            w.member("locked", isLocked)
            w.member("sentry_mode", sentryMode)
            w.member("is_user_present", isUserPresent)
            w.member("doors_open", doorsOpen)
            w.member("windows_open", windowsOpen)
            w.member("frunk_open", frunkOpen)
            w.member("trunk_open", trunkOpen)
            w.member("tpms_pressure_fl", tpmsFL)
            w.member("tpms_pressure_fr", tpmsFR)
            w.member("tpms_pressure_rl", tpmsRL)
            w.member("tpms_pressure_rr", tpmsRR)
            w.member("car_version", carVersion)
            w.member("can_sleep", canSleep)
            w.member("sleep_block_reason", sleepBlockReason)
            w.member("healthy", isHealthy)
            w.member("geofence", geofence)
        }
    }
}
