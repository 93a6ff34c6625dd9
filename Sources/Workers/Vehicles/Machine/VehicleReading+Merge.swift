import Bytes

extension VehicleReading {
    /// Takes what a newer answer says. What it does not say stays, except what changes from moment to moment.
    mutating func merge(_ new: VehicleReading) {
        receivedAt = new.receivedAt
        if let drive = new.drive { merge(drive) }
        if let charge = new.charge { merge(charge) }
        if let climate = new.climate {
            let old = self.climate
            self.climate = Climate(
                insideTemp: climate.insideTemp ?? old?.insideTemp, outsideTemp: climate.outsideTemp ?? old?.outsideTemp, isOn: climate.isOn ?? old?.isOn,
                isPreconditioning: climate.isPreconditioning ?? old?.isPreconditioning, keeperMode: climate.keeperMode ?? old?.keeperMode)
        }
        if let body = new.body { merge(body) }
        if let config = new.config {
            let old = self.config
            self.config = Config(
                model: config.model ?? old?.model, exteriorColor: config.exteriorColor ?? old?.exteriorColor,
                trimBadging: config.trimBadging ?? old?.trimBadging, wheelType: config.wheelType ?? old?.wheelType)
        }
    }

    mutating func merge(_ new: Drive) {
        let old = drive
        drive = Drive(
            at: new.at ?? old?.at, latitude: new.latitude ?? old?.latitude, longitude: new.longitude ?? old?.longitude, heading: new.heading ?? old?.heading,
            speed: new.speed, power: new.power, shift: new.shift)
    }

    private mutating func merge(_ new: Charge) {
        let old = charge
        charge = Charge(
            at: new.at ?? old?.at, state: new.state ?? old?.state, batteryLevel: new.batteryLevel ?? old?.batteryLevel,
            usableBatteryLevel: new.usableBatteryLevel ?? old?.usableBatteryLevel, rangeKm: new.rangeKm ?? old?.rangeKm,
            estimatedRangeKm: new.estimatedRangeKm ?? old?.estimatedRangeKm, idealRangeKm: new.idealRangeKm ?? old?.idealRangeKm,
            energyAddedKwh: new.energyAddedKwh ?? old?.energyAddedKwh, power: new.power, voltage: new.voltage, current: new.current, phases: new.phases,
            limit: new.limit ?? old?.limit, timeToFullHours: new.timeToFullHours, isFast: new.isFast ?? old?.isFast, isFree: new.isFree ?? old?.isFree,
            isPluggedIn: new.isPluggedIn ?? old?.isPluggedIn)
    }

    private mutating func merge(_ new: Body) {
        let old = body
        body = Body(
            odometerKm: new.odometerKm ?? old?.odometerKm, carVersion: new.carVersion ?? old?.carVersion, name: new.name ?? old?.name,
            isLocked: new.isLocked ?? old?.isLocked, sentryMode: new.sentryMode ?? old?.sentryMode, isUserPresent: new.isUserPresent ?? old?.isUserPresent,
            doorsOpen: new.doorsOpen ?? old?.doorsOpen, windowsOpen: new.windowsOpen ?? old?.windowsOpen, frunkOpen: new.frunkOpen ?? old?.frunkOpen,
            trunkOpen: new.trunkOpen ?? old?.trunkOpen,
            tpms: TirePressures(
                fl: new.tpms.fl ?? old?.tpms.fl, fr: new.tpms.fr ?? old?.tpms.fr, rl: new.tpms.rl ?? old?.tpms.rl, rr: new.tpms.rr ?? old?.tpms.rr),
            update: new.update ?? old?.update)
    }

    /// Range that an answer gives, of the kind that is known of the car already: kinds are never compared with each other.
    func range(of answer: VehicleReading) -> Double? { charge?.rangeKm == nil ? answer.range : answer.charge?.rangeKm }

    /// Rated range; where there never was one, another.
    var range: Double? { charge?.rangeKm ?? charge?.estimatedRangeKm ?? charge?.idealRangeKm }

    func moment(_ at: Timestamp) -> CarMoment {
        CarMoment(
            at: at, batteryLevel: charge?.batteryLevel, rangeKm: range, odometerKm: body?.odometerKm, latitude: drive?.latitude, longitude: drive?.longitude)
    }

    var snapshot: VehicleSnapshot {
        VehicleSnapshot(
            insideTemp: climate?.insideTemp, outsideTemp: climate?.outsideTemp, isLocked: body?.isLocked ?? false, sentryMode: body?.sentryMode ?? false,
            doorsOpen: body?.doorsOpen ?? false, windowsOpen: body?.windowsOpen ?? false, frunkOpen: body?.frunkOpen ?? false,
            trunkOpen: body?.trunkOpen ?? false, isClimateOn: climate?.isOn ?? false, isUserPresent: body?.isUserPresent ?? false,
            tpms: body?.tpms ?? TirePressures())
    }

    /// Every part that a decision about sleep needs is there.
    var isComplete: Bool { drive != nil && charge != nil && climate != nil && body != nil }
}
