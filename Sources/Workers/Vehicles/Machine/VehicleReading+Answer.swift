import Bytes

extension VehicleReading {
    /// Reads an answer of `vehicle_data`: `{"response":{"drive_state":{…},"charge_state":{…},"climate_state":{…},"vehicle_state":{…},"vehicle_config":{…}}}`.
    /// Miles become km. nil: there is no car in it, or it is not online (then what stands there is old).
    init?(answer: JSONValue, receivedAt: Timestamp) {
        guard let response = AnswerPart(answer["response"]) else { return nil }
        if let state = response.text("state"), state != "online" { return nil }
        self.init(
            receivedAt: receivedAt, drive: Self.part(response, "drive_state", Drive.init, Drive()),
            charge: Self.part(response, "charge_state", Charge.init, Charge()), climate: Self.part(response, "climate_state", Climate.init, Climate()),
            body: Self.part(response, "vehicle_state", Body.init, Body()), config: Self.part(response, "vehicle_config", Config.init, Config()))
        guard drive != nil || charge != nil || climate != nil || body != nil || config != nil else { return nil }
        if body?.name == nil, let name = response.text("display_name") { body?.name = name }
    }

    /// One in which nothing can be read is none.
    private static func part<Part: Equatable>(_ response: AnswerPart, _ name: String, _ read: (AnswerPart) -> Part, _ empty: Part) -> Part? {
        AnswerPart(response.object[name]).map(read).flatMap { $0 == empty ? nil : $0 }
    }

    static func parse(_ answer: [UInt8], receivedAt: Timestamp) -> VehicleReading? {
        switch Result(catching: { () throws(JSONError) in try JSONValue.parse(answer) }) {
        case .success(let json): VehicleReading(answer: json, receivedAt: receivedAt)
        case .failure: nil
        }
    }
}

extension VehicleReading.Drive {
    init(_ part: AnswerPart) {
        at = part.time("timestamp")
        latitude = part.number("latitude", CarUnits.latitudes)
        longitude = part.number("longitude", CarUnits.longitudes)
        if latitude == nil || longitude == nil {
            latitude = nil
            longitude = nil
        }
        heading = part.whole("heading", CarUnits.headings).map { $0 % 360 }
        speed = part.number("speed", CarUnits.speedsMph).map(CarUnits.speed)
        power = part.whole("power", CarUnits.powers)
        shift = part.text("shift_state").flatMap(Shift.init)
        // A time alone says nothing.
        if self == Self(at: at) { at = nil }
    }
}

extension VehicleReading.Charge {
    init(_ part: AnswerPart) {
        at = part.time("timestamp")
        state = part.text("charging_state")
        batteryLevel = part.whole("battery_level", CarUnits.percents)
        usableBatteryLevel = part.whole("usable_battery_level", CarUnits.percents)
        rangeKm = part.number("battery_range", CarUnits.rangesMiles).map(CarUnits.range)
        estimatedRangeKm = part.number("est_battery_range", CarUnits.rangesMiles).map(CarUnits.range)
        idealRangeKm = part.number("ideal_battery_range", CarUnits.rangesMiles).map(CarUnits.range)
        energyAddedKwh = part.number("charge_energy_added", 0...10_000)
        power = part.whole("charger_power", CarUnits.powers)
        voltage = part.whole("charger_voltage", 0...2_000)
        current = part.whole("charger_actual_current", 0...2_000)
        phases = part.whole("charger_phases", 1...3)
        limit = part.whole("charge_limit_soc", CarUnits.percents)
        timeToFullHours = part.number("time_to_full_charge", 0...1_000)
        isFast = part.flag("fast_charger_present")
        isFree = part.flag("free_supercharging")
        let cable = part.object["conn_charge_cable"]?.string.map { !$0.isEmpty && $0 != "<invalid>" }
        let isLatched = part.text("charge_port_latch").map { $0 == "Engaged" }
        let isPortOpen = part.flag("charge_port_door_open")
        if let isLatched, let isPortOpen { isPluggedIn = isLatched && isPortOpen || cable == true } else { isPluggedIn = cable }
    }
}

extension VehicleReading.Climate {
    init(_ part: AnswerPart) {
        insideTemp = part.number("inside_temp", CarUnits.temperatures)
        outsideTemp = part.number("outside_temp", CarUnits.temperatures)
        isOn = part.flag("is_climate_on")
        isPreconditioning = part.flag("is_preconditioning")
        keeperMode = part.text("climate_keeper_mode")
    }
}

extension VehicleReading.Body {
    init(_ part: AnswerPart) {
        odometerKm = part.number("odometer", CarUnits.odometersMiles).map(CarUnits.odometer)
        // "2024.26.9 hash"
        carVersion = part.text("car_version").flatMap { $0.split(separator: " ").first.map(String.init) }
        name = part.text("vehicle_name")
        isLocked = part.flag("locked")
        sentryMode = part.flag("sentry_mode")
        isUserPresent = part.flag("is_user_present")
        doorsOpen = part.isAnyOpen("df", "dr", "pf", "pr")
        windowsOpen = part.isAnyOpen("fd_window", "fp_window", "rd_window", "rp_window")
        frunkOpen = part.isAnyOpen("ft")
        trunkOpen = part.isAnyOpen("rt")
        tpms.fl = part.number("tpms_pressure_fl", CarUnits.pressures)
        tpms.fr = part.number("tpms_pressure_fr", CarUnits.pressures)
        tpms.rl = part.number("tpms_pressure_rl", CarUnits.pressures)
        tpms.rr = part.number("tpms_pressure_rr", CarUnits.pressures)
        update = AnswerPart(part.object["software_update"]).flatMap(VehicleReading.Update.init)
    }
}

extension VehicleReading.Update {
    /// nil: it does not say how things stand.
    init?(_ part: AnswerPart) {
        guard let status = part.text("status") else { return nil }
        self.init(
            status: status, version: part.text("version").flatMap { $0.split(separator: " ").first.map(String.init) } ?? "",
            downloadPercent: part.whole("download_perc", CarUnits.percents), installPercent: part.whole("install_perc", CarUnits.percents))
    }
}

extension VehicleReading.Config {
    init(_ part: AnswerPart) {
        model = part.text("car_type")
        exteriorColor = part.text("exterior_color")
        trimBadging = part.text("trim_badging")
        wheelType = part.text("wheel_type")
    }
}
