/// What may happen to a parked car; the names are those of the vehicle spec.
public enum ParkingEvent: String, Hashable, Sendable, CaseIterable {
    case doorsOpened = "doors_opened"
    case doorsClosed = "doors_closed"
    case windowsOpened = "windows_opened"
    case windowsClosed = "windows_closed"
    case trunkOpened = "trunk_opened"
    case trunkClosed = "trunk_closed"
    case frunkOpened = "frunk_opened"
    case frunkClosed = "frunk_closed"
    case unlocked
    case locked
    case sentryEnabled = "sentry_enabled"
    case sentryDisabled = "sentry_disabled"
    case climateOn = "climate_on"
    case climateOff = "climate_off"
    case userPresent = "user_present"
    case userLeft = "user_left"
}

/// What stands open and what is on.
public struct CarBody: Hashable, Sendable {
    public var isLocked = true
    public var doorsOpen = false
    public var windowsOpen = false
    public var trunkOpen = false
    public var frunkOpen = false
    public var sentryMode = false
    public var isClimateOn = false
    public var isUserPresent = false

    public init() {}

    static let driving: CarBody = {
        var body = CarBody()
        body.isClimateOn = true
        body.isUserPresent = true
        return body
    }()

    /// As the shift goes to P.
    static let arrived: CarBody = {
        var body = driving
        body.isLocked = false
        return body
    }()

    /// Whether it keeps the car awake.
    var isBusy: Bool { doorsOpen || windowsOpen || trunkOpen || frunkOpen || sentryMode || isClimateOn || isUserPresent }

    mutating func take(_ event: ParkingEvent) {
        switch event {
        case .doorsOpened: doorsOpen = true
        case .doorsClosed: doorsOpen = false
        case .windowsOpened: windowsOpen = true
        case .windowsClosed: windowsOpen = false
        case .trunkOpened: trunkOpen = true
        case .trunkClosed: trunkOpen = false
        case .frunkOpened: frunkOpen = true
        case .frunkClosed: frunkOpen = false
        case .unlocked: isLocked = false
        case .locked: isLocked = true
        case .sentryEnabled: sentryMode = true
        case .sentryDisabled: sentryMode = false
        case .climateOn: isClimateOn = true
        case .climateOff: isClimateOn = false
        case .userPresent: isUserPresent = true
        case .userLeft: isUserPresent = false
        }
    }
}
