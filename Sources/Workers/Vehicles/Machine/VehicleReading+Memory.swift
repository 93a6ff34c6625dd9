import Bytes

extension VehicleReading: Remembered {
    init() { receivedAt = Timestamp(seconds: 0) }

    mutating func remember(_ m: inout MachineMemory) {
        m("received", &receivedAt)
        m("drive", &drive)
        m("charge", &charge)
        m("climate", &climate)
        m("body", &body)
        m("config", &config)
    }
}

extension VehicleReading.Drive: Remembered {
    mutating func remember(_ m: inout MachineMemory) {
        m("at", &at)
        m("lat", &latitude)
        m("lon", &longitude)
        m("heading", &heading)
        m("speed", &speed)
        m("power", &power)
        m("shift", &shift)
    }
}

extension VehicleReading.Charge: Remembered {
    mutating func remember(_ m: inout MachineMemory) {
        m("at", &at)
        m("state", &state)
        m("level", &batteryLevel)
        m("usable", &usableBatteryLevel)
        m("range", &rangeKm)
        m("estimated", &estimatedRangeKm)
        m("ideal", &idealRangeKm)
        m("added", &energyAddedKwh)
        m("power", &power)
        m("voltage", &voltage)
        m("current", &current)
        m("phases", &phases)
        m("limit", &limit)
        m("full", &timeToFullHours)
        m("fast", &isFast)
        m("free", &isFree)
        m("plugged", &isPluggedIn)
    }
}

extension VehicleReading.Climate: Remembered {
    mutating func remember(_ m: inout MachineMemory) {
        m("inside", &insideTemp)
        m("outside", &outsideTemp)
        m("on", &isOn)
        m("preconditioning", &isPreconditioning)
        m("keeper", &keeperMode)
    }
}

extension VehicleReading.Body: Remembered {
    mutating func remember(_ m: inout MachineMemory) {
        m("odometer", &odometerKm)
        m("version", &carVersion)
        m("name", &name)
        m("locked", &isLocked)
        m("sentry", &sentryMode)
        m("user", &isUserPresent)
        m("doors", &doorsOpen)
        m("windows", &windowsOpen)
        m("frunk", &frunkOpen)
        m("trunk", &trunkOpen)
        m("tpms", &tpms)
        m("update", &update)
    }
}

extension VehicleReading.Update: Remembered {
    init() {
        status = ""
        version = ""
    }

    mutating func remember(_ m: inout MachineMemory) {
        m("status", &status)
        m("version", &version)
        m("download", &downloadPercent)
        m("install", &installPercent)
    }
}

extension VehicleReading.Config: Remembered {
    mutating func remember(_ m: inout MachineMemory) {
        m("model", &model)
        m("color", &exteriorColor)
        m("trim", &trimBadging)
        m("wheels", &wheelType)
    }
}

extension TirePressures: Remembered {
    mutating func remember(_ m: inout MachineMemory) {
        m("fl", &fl)
        m("fr", &fr)
        m("rl", &rl)
        m("rr", &rr)
    }
}

extension CarMoment: Remembered {
    init() { at = Timestamp(seconds: 0) }

    mutating func remember(_ m: inout MachineMemory) {
        m("at", &at)
        m("level", &batteryLevel)
        m("range", &rangeKm)
        m("odometer", &odometerKm)
        m("lat", &latitude)
        m("lon", &longitude)
    }
}

extension VehicleSnapshot: Remembered {
    mutating func remember(_ m: inout MachineMemory) {
        m("inside", &insideTemp)
        m("outside", &outsideTemp)
        m("locked", &isLocked)
        m("sentry", &sentryMode)
        m("doors", &doorsOpen)
        m("windows", &windowsOpen)
        m("frunk", &frunkOpen)
        m("trunk", &trunkOpen)
        m("climate", &isClimateOn)
        m("user", &isUserPresent)
        m("tpms", &tpms)
    }
}

extension CarIdentity: Remembered {
    mutating func remember(_ m: inout MachineMemory) {
        m("name", &name)
        m("model", &model)
        m("color", &exteriorColor)
        m("trim", &trimBadging)
        m("wheels", &wheelType)
    }
}
