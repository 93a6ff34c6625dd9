import Bytes

/// Writes a car as the vehicle service does: miles, mph, °C, bar, milliseconds.
struct VehicleDataWriter {
    /// Parts a client may ask for.
    struct Parts: OptionSet {
        let rawValue: Int
        static let charge = Parts(rawValue: 1)
        static let climate = Parts(rawValue: 2)
        static let closures = Parts(rawValue: 4)
        static let drive = Parts(rawValue: 8)
        static let gui = Parts(rawValue: 16)
        /// Without it `drive_state` has no coordinates.
        static let location = Parts(rawValue: 32)
        static let config = Parts(rawValue: 64)
        static let body = Parts(rawValue: 128)
        static let usual: Parts = [.charge, .climate, .drive, .gui, .config, .body]

        private static let names: [(String, Parts)] = [
            ("charge_state", .charge), ("climate_state", .climate), ("closures_state", .closures), ("drive_state", .drive), ("gui_settings", .gui),
            ("location_data", .location), ("vehicle_config", .config), ("vehicle_state", .body),
        ]

        /// `charge_state;drive_state`; nil or empty: the usual ones.
        init(_ list: String?) {
            guard let list, !list.isEmpty else {
                self = .usual
                return
            }
            self = []
            for name in list.split(separator: ";") { if let part = Self.names.first(where: { $0.0 == name })?.1 { insert(part) } }
        }

        init(rawValue: Int) { self.rawValue = rawValue }
    }

    static let kmPerMile = 1.609344

    let car: CloudCar
    let now: CarCondition
    /// The car's own time.
    let at: Timestamp

    private var ms: Int { Int(Civil.floorDivide(at.microseconds, 1_000)) }

    static func rounded(_ value: Double, _ decimals: Int) -> Double {
        var factor = 1.0
        for _ in 0..<decimals { factor *= 10 }
        return (value * factor).rounded() / factor
    }

    static func miles(_ km: Double, _ decimals: Int = 2) -> Double { rounded(km / kmPerMile, decimals) }

    /// The members that the list, the summary and the data have in common.
    static func identity(_ car: CloudCar, _ state: String, to w: inout JSONWriter) {
        w.member("id", Int(car.id))
        w.member("user_id", 1_000_000 + car.account)
        w.member("vehicle_id", Int(car.vehicleID))
        w.member("vin", car.vin)
        w.member("display_name", car.name)
        w.member("color", JSONValue.null)
        w.member("access_type", "OWNER")
        w.key("tokens")
        w.array { w in
            w.value("4f993c5b9e2b937b")
            w.value("7a3153b1bbb48a96")
        }
        w.member("state", state)
        w.member("in_service", car.isInService)
        w.member("id_s", String(car.id))
        w.member("calendar_enabled", true)
        w.member("api_version", 78)
        w.member("backseat_token", JSONValue.null)
    }

    func write(_ parts: Parts, to w: inout JSONWriter) {
        w.object { w in
            Self.identity(car, CloudCar.State.online.rawValue, to: &w)
            if parts.contains(.drive) || parts.contains(.location) {
                w.key("drive_state")
                w.object { drive(parts.contains(.location), to: &$0) }
            }
            if parts.contains(.charge) {
                w.key("charge_state")
                w.object { charge(to: &$0) }
            }
            if parts.contains(.climate) {
                w.key("climate_state")
                w.object { climate(to: &$0) }
            }
            if parts.contains(.body) {
                w.key("vehicle_state")
                w.object { body(to: &$0) }
            }
            if parts.contains(.closures) {
                w.key("closures_state")
                w.object { w in
                    doors(to: &w)
                    w.member("timestamp", ms)
                }
            }
            if parts.contains(.gui) {
                w.key("gui_settings")
                w.object { w in
                    w.member("gui_distance_units", "km/hr")
                    w.member("gui_temperature_units", "C")
                    w.member("gui_charge_rate_units", "kW")
                    w.member("gui_24_hour_time", true)
                    w.member("gui_range_display", "Rated")
                    w.member("timestamp", ms)
                }
            }
            if parts.contains(.config) {
                w.key("vehicle_config")
                w.object { config(to: &$0) }
            }
        }
    }

    private func drive(_ withPlace: Bool, to w: inout JSONWriter) {
        let isParked = now.shift == .park
        if withPlace {
            w.member("latitude", Self.rounded(now.point.latitude, 6))
            w.member("longitude", Self.rounded(now.point.longitude, 6))
        }
        w.member("heading", Int(now.heading.rounded()) % 360)
        w.member("speed", isParked ? nil : Int((now.speedKmh / Self.kmPerMile).rounded()))
        w.member("power", Int(now.powerKw.rounded()))
        w.member("shift_state", isParked && !now.body.isUserPresent ? nil : now.shift.rawValue)
        if withPlace {
            let native = car.isChinese ? ChinaCoordinates.gcj(now.point) : now.point
            w.member("native_latitude", Self.rounded(native.latitude, 6))
            w.member("native_longitude", Self.rounded(native.longitude, 6))
            w.member("native_type", car.isChinese ? "gcj" : "wgs")
            w.member("native_location_supported", 1)
            if car.isChinese {
                w.member("corrected_latitude", Self.rounded(native.latitude, 6))
                w.member("corrected_longitude", Self.rounded(native.longitude, 6))
            }
        }
        w.member("gps_as_of", Int(at.seconds))
        w.member("timestamp", ms)
    }

    private func charge(to w: inout JSONWriter) {
        let charge = now.charge
        let kw = charge?.kw ?? 0
        let rated = Self.miles(now.ratedRangeKm)
        let hours = (charge?.secondsToFull ?? 0) / 3_600
        let level = Int((now.level * 100).rounded())
        let addedKm = (charge?.addedKwh ?? 0) / car.timeline.model.ratedKwhPerKm
        let isFast = charge?.isFast ?? false
        w.member("charging_state", charge?.state ?? VehicleCharge.State.disconnected.rawValue)
        w.member("battery_level", level)
        w.member("usable_battery_level", max(0, level - (now.outside < 8 ? 2 : 0)))
        w.member("battery_range", rated)
        w.member("est_battery_range", Self.rounded(rated * 0.914, 2))
        w.member("ideal_battery_range", rated)
        w.member("charge_energy_added", Self.rounded(charge?.addedKwh ?? 0, 2))
        w.member("charge_miles_added_rated", Self.miles(addedKm))
        w.member("charge_miles_added_ideal", Self.miles(addedKm))
        w.member("charger_power", Int(kw.rounded()))
        w.member("charger_voltage", charge?.volts ?? 0)
        w.member("charger_actual_current", charge?.amperes ?? 0)
        w.member("charger_pilot_current", isFast ? 0 : charge?.amperes ?? 0)
        w.member("charger_phases", charge?.phases)
        w.member("charge_rate", Self.miles(kw / car.timeline.model.ratedKwhPerKm, 1))
        w.member("charge_current_request", 32)
        w.member("charge_current_request_max", 32)
        w.member("charge_limit_soc", charge?.limit ?? 80)
        w.member("charge_limit_soc_min", 50)
        w.member("charge_limit_soc_max", 100)
        w.member("charge_limit_soc_std", 90)
        w.member("time_to_full_charge", Self.rounded(hours, 2))
        w.member("minutes_to_full_charge", Int((hours * 60).rounded()))
        w.member("conn_charge_cable", charge == nil ? "<invalid>" : isFast ? "GB_DC" : "GB_AC")
        w.member("fast_charger_present", isFast)
        w.member("fast_charger_brand", isFast ? "Tesla" : "<invalid>")
        w.member("fast_charger_type", isFast ? "Tesla" : "<invalid>")
        w.member("charge_port_door_open", charge != nil)
        w.member("charge_port_latch", charge == nil ? "Disengaged" : "Engaged")
        w.member("battery_heater_on", false)
        w.member("not_enough_power_to_heat", JSONValue.null)
        w.member("scheduled_charging_mode", "Off")
        w.member("scheduled_charging_pending", false)
        w.member("scheduled_charging_start_time", JSONValue.null)
        w.member("trip_charging", false)
        if charge?.isFree == true { w.member("free_supercharging", true) }
        w.member("timestamp", ms)
    }

    private func climate(to w: inout JSONWriter) {
        w.member("inside_temp", Self.rounded(now.inside, 1))
        w.member("outside_temp", Self.rounded(now.outside * 2, 0) / 2)
        w.member("driver_temp_setting", CarParking.comfortable)
        w.member("passenger_temp_setting", CarParking.comfortable)
        w.member("min_avail_temp", 15.0)
        w.member("max_avail_temp", 28.0)
        w.member("is_climate_on", now.body.isClimateOn)
        w.member("is_auto_conditioning_on", now.body.isClimateOn)
        w.member("is_preconditioning", now.isPreconditioning)
        w.member("is_front_defroster_on", false)
        w.member("is_rear_defroster_on", false)
        w.member("fan_status", now.body.isClimateOn ? 3 : 0)
        w.member("climate_keeper_mode", "off")
        w.member("defrost_mode", 0)
        w.member("battery_heater", false)
        w.member("battery_heater_no_power", JSONValue.null)
        w.member("cabin_overheat_protection", "Off")
        w.member("seat_heater_left", 0)
        w.member("seat_heater_right", 0)
        w.member("bioweapon_mode", false)
        w.member("timestamp", ms)
    }

    private func doors(to w: inout JSONWriter) {
        let body = now.body
        w.member("df", body.doorsOpen ? 1 : 0)
        w.member("dr", 0)
        w.member("pf", 0)
        w.member("pr", 0)
        w.member("ft", body.frunkOpen ? 1 : 0)
        w.member("rt", body.trunkOpen ? 1 : 0)
        w.member("fd_window", body.windowsOpen ? 1 : 0)
        w.member("fp_window", 0)
        w.member("rd_window", 0)
        w.member("rp_window", 0)
    }

    private func body(to w: inout JSONWriter) {
        w.member("odometer", Self.miles(now.odometerKm, 6))
        w.member("car_version", now.version)
        w.member("locked", now.body.isLocked)
        w.member("sentry_mode", now.body.sentryMode)
        w.member("sentry_mode_available", true)
        w.member("is_user_present", now.body.isUserPresent)
        doors(to: &w)
        w.member("tpms_pressure_fl", Self.rounded(now.tyre(0), 3))
        w.member("tpms_pressure_fr", Self.rounded(now.tyre(1), 3))
        w.member("tpms_pressure_rl", Self.rounded(now.tyre(2), 3))
        w.member("tpms_pressure_rr", Self.rounded(now.tyre(3), 3))
        w.member("center_display_state", now.body.isUserPresent ? 2 : 0)
        w.member("valet_mode", false)
        w.member("service_mode", false)
        w.member("remote_start", false)
        w.member("vehicle_name", car.name)
        w.key("software_update")
        w.object { w in
            w.member("status", now.update?.status ?? "")
            w.member("version", now.update?.version ?? "")
            w.member("download_perc", now.update?.download ?? 0)
            w.member("install_perc", now.update?.install ?? 1)
            w.member("expected_duration_sec", 2700)
        }
        w.member("timestamp", ms)
    }

    private func config(to w: inout JSONWriter) {
        let model = car.timeline.model
        w.member("car_type", model.type)
        w.member("trim_badging", model.trim)
        w.member("exterior_color", model.color)
        w.member("wheel_type", model.wheels)
        w.member("spoiler_type", "None")
        w.member("roof_color", "RoofColorGlass")
        w.member("charge_port_type", car.isChinese ? "GB" : "CCS")
        w.member("eu_vehicle", false)
        w.member("rhd", false)
        w.member("motorized_charge_port", true)
        w.member("plg", true)
        w.member("utc_offset", Int(UTCOffset.beijing.seconds))
        w.member("timestamp", ms)
    }
}
