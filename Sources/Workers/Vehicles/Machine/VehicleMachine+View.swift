import Bytes
import Protocol

extension VehicleMachine {
    /// The live state. What has never been told is 0, "" or null.
    var view: VehicleView {
        let known = state.known
        var view = VehicleView(car: car, state: state.shown, since: state.since ?? Timestamp(seconds: 0), lastUsed: state.lastUsed)
        view.isHealthy = state.service.isHealthy
        if let drive = known.drive {
            view.latitude = drive.latitude ?? 0
            view.longitude = drive.longitude ?? 0
            view.heading = drive.heading ?? 0
            view.speed = state.phase.isAway ? nil : drive.speed
            view.power = state.phase.isAway ? 0 : drive.power ?? 0
        }
        if let charge = known.charge { show(charge, &view) }
        view.rangeKm = known.range ?? 0
        view.idealRangeKm = known.charge?.idealRangeKm ?? 0
        if let climate = known.climate {
            view.insideTemp = climate.insideTemp
            view.outsideTemp = climate.outsideTemp
            view.isClimateOn = climate.isOn ?? false
            view.isPreconditioning = climate.isPreconditioning ?? false
        }
        if let body = known.body { show(body, &view) }
        let block = sleepBlock
        view.canSleep = block == nil && state.dataAt != nil
        view.sleepBlockReason = block?.rawValue ?? ""
        return view
    }

    private func show(_ charge: VehicleReading.Charge, _ view: inout VehicleView) {
        view.batteryLevel = charge.batteryLevel ?? 0
        view.usableBatteryLevel = charge.usableBatteryLevel ?? charge.batteryLevel ?? 0
        view.chargingState = charge.state ?? "Disconnected"
        view.isPluggedIn = charge.state.map { $0 != "Disconnected" } ?? charge.isPluggedIn ?? false
        view.chargerPower = state.phase.isAway ? 0 : charge.power ?? 0
        view.chargeLimit = charge.limit ?? 0
        view.timeToFull = charge.timeToFullHours ?? 0
        view.chargerVoltage = charge.voltage ?? 0
        view.chargerCurrent = charge.current ?? 0
    }

    private func show(_ body: VehicleReading.Body, _ view: inout VehicleView) {
        view.odometerKm = body.odometerKm ?? 0
        view.isLocked = body.isLocked ?? false
        view.sentryMode = body.sentryMode ?? false
        view.isUserPresent = body.isUserPresent ?? false
        view.doorsOpen = body.doorsOpen ?? false
        view.windowsOpen = body.windowsOpen ?? false
        view.frunkOpen = body.frunkOpen ?? false
        view.trunkOpen = body.trunkOpen ?? false
        view.tpmsFL = body.tpms.fl
        view.tpmsFR = body.tpms.fr
        view.tpmsRL = body.tpms.rl
        view.tpmsRR = body.tpms.rr
        view.carVersion = body.carVersion ?? ""
    }

    /// What keeps it awake: nothing does, where it sleeps; power does, where it drives, charges or installs.
    private var sleepBlock: SleepBlock? {
        switch state.phase {
        case .asleep: nil
        case .driving, .charging, .updating: SleepBlock.of(state.known, rules) ?? .powerUsage
        case .unknown, .online, .suspended, .offline: SleepBlock.of(state.known, rules)
        }
    }
}
