/// What keeps a car from being left alone so that it can fall asleep: the spec's codes, the first that holds.
enum SleepBlock: String, CaseIterable {
    case userPresent = "user_present"
    case sentryMode = "sentry_mode"
    case preconditioning = "preconditioning"
    case climateOn = "climate_on"
    case doorsOpen = "doors_open"
    case trunkOpen = "trunk_open"
    case frunkOpen = "frunk_open"
    case windowsOpen = "windows_open"
    /// Only where it is asked for.
    case unlocked
    case powerUsage = "power_usage"
    case downloadingUpdate = "downloading_update"

    /// nil: it may sleep.
    static func of(_ car: VehicleReading, _ rules: VehicleRules) -> SleepBlock? { allCases.first { $0.holds(car, rules) } }

    private func holds(_ car: VehicleReading, _ rules: VehicleRules) -> Bool {
        switch self {
        case .userPresent: car.body?.isUserPresent == true
        case .sentryMode: car.body?.sentryMode == true
        case .preconditioning: car.climate?.isPreconditioning == true
        case .climateOn: car.climate?.isCooling == true
        case .doorsOpen: car.body?.doorsOpen == true
        case .trunkOpen: car.body?.trunkOpen == true
        case .frunkOpen: car.body?.frunkOpen == true
        case .windowsOpen: car.body?.windowsOpen == true
        case .unlocked: rules.requiresLocked && car.body?.isLocked == false
        case .powerUsage: (car.drive?.power ?? 0) > 0
        case .downloadingUpdate: car.body?.update.map { $0.status == "downloading" && ($0.downloadPercent ?? 0) < 100 } ?? false
        }
    }

    /// Whether it shows that somebody uses the car.
    var isUse: Bool { self != .unlocked }
}

extension VehicleReading.Climate {
    /// Heating or cooling, or keeping the cabin for a dog or a camper.
    var isCooling: Bool { isOn == true || keeperMode == "dog" || keeperMode == "camp" }
}
