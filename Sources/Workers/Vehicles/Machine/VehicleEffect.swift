import Bytes

/// What follows from an input: rows of the logbook to open, to go on with and to close, in this order. All of an input's effects are written in
/// one transaction with the machine's memory. Of each kind a car has one open row at most.
enum VehicleEffect: Equatable {
    /// online, asleep or offline; ends the one before it.
    case state(LoggedState, at: Timestamp)

    case openDrive(DriveStart)
    /// Belongs to the open drive, where there is one.
    case position(CarPosition)
    case closeDrive(DriveEnd)
    /// Too short to be one: its row goes, its positions stay without it.
    case discardDrive

    case openCharge(ChargeStart)
    case chargePoint(ChargePoint)
    case closeCharge(ChargeEnd)

    case openParking(ParkingStart)
    case parkingEvent(ParkingEventType, at: Timestamp)
    case closeParking(ParkingEnd)

    case openUpdate(version: String, at: Timestamp)
    case closeUpdate(version: String, at: Timestamp)
    /// It was not installed after all: the row goes.
    case cancelUpdate
    /// A version that nobody saw coming: a row without length.
    case foundVersion(String, at: Timestamp)

    /// kWh per km of range.
    case efficiency(Double)
    /// Name, model, colour, trim, wheels, as the car says them.
    case identity(CarIdentity)
    /// Where somebody will ask for the address.
    case place(latitude: Double, longitude: Double)
}

enum LoggedState: String {
    case online, asleep, offline
}

/// 16 of them, named as the spec does.
enum ParkingEventType: String, CaseIterable {
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

struct CarIdentity: Hashable {
    var name: String?
    var model: String?
    var exteriorColor: String?
    var trimBadging: String?
    var wheelType: String?
}

/// What is known at one moment of what both ends of a drive, a charge or a parking have.
struct CarMoment: Hashable {
    var at: Timestamp
    var batteryLevel: Int?
    /// km.
    var rangeKm: Double?
    var odometerKm: Double?
    var latitude: Double?
    var longitude: Double?
}

struct CarPosition: Hashable {
    var at: Timestamp
    var latitude: Double
    var longitude: Double
    var heading: Int?
    /// km/h.
    var speed: Int?
    /// kW.
    var power: Int?
    var batteryLevel: Int?
    var rangeKm: Double?
    var odometerKm: Double?
    /// °C.
    var insideTemp: Double?
    var outsideTemp: Double?
    /// m.
    var elevation: Int?
    /// bar.
    var tpms = TirePressures()
    var isStreamed = false
}

/// bar.
struct TirePressures: Hashable {
    var fl: Double?
    var fr: Double?
    var rl: Double?
    var rr: Double?
}

struct DriveStart: Hashable {
    var start: CarMoment
}

/// Why something ended.
enum EndReason: String {
    case parked, offline, asleep, service, charged, stream, restart
    /// The charging states that end a charge.
    case complete, stopped, disconnected, noPower, other
}

struct DriveEnd: Hashable {
    var end: CarMoment
    var durationMin: Double
    var distanceKm: Double
    var speedMax: Int?
    var powerMax: Int?
    var powerMin: Int?
    var insideTempAvg: Double?
    var outsideTempAvg: Double?
    var energyUsedKwh: Double?
    var energyRegenKwh: Double?
    var energyRangeKwh: Double?
    var ascentM: Int?
    var descentM: Int?
    var positions: Int
    /// Corrected start: what was not known at the first position.
    var start: CarMoment
    var gapSeconds: Int
    var reason: EndReason
}

struct ChargeStart: Hashable {
    var start: CarMoment
    var isFast = false
    var isFree = false
    /// Nobody saw it.
    var isInferred = false
}

struct ChargePoint: Hashable {
    var at: Timestamp
    var batteryLevel: Int?
    var usableBatteryLevel: Int?
    var rangeKm: Double?
    /// kW, V, A.
    var power: Int
    var voltage: Int?
    var current: Int?
    var phases: Int?
    /// kWh since it was plugged in.
    var energyAddedKwh: Double
    var outsideTemp: Double?
}

struct ChargeEnd: Hashable {
    var end: CarMoment
    var durationMin: Double
    var energyAddedKwh: Double?
    var energyUsedKwh: Double?
    var powerMax: Int?
    var outsideTempAvg: Double?
    var isFast: Bool
    var isFree: Bool
    var points: Int
    var reason: EndReason
}

/// What stands open and what is on, at one end of a parking.
struct VehicleSnapshot: Hashable {
    var insideTemp: Double?
    var outsideTemp: Double?
    var isLocked = false
    var sentryMode = false
    var doorsOpen = false
    var windowsOpen = false
    var frunkOpen = false
    var trunkOpen = false
    var isClimateOn = false
    var isUserPresent = false
    var tpms = TirePressures()
}

struct ParkingStart: Hashable {
    var start: CarMoment
    var snapshot: VehicleSnapshot
    var carVersion: String
}

struct ParkingEnd: Hashable {
    var end: CarMoment
    var snapshot: VehicleSnapshot
    var durationMin: Double
    /// kWh; nil: no efficiency or no range to count with.
    var energyUsedKwh: Double?
    var energyClimateKwh: Double?
    var energySentryKwh: Double?
    var energyAsleepKwh: Double?
    var energyOtherKwh: Double?
    var insideTempAvg: Double?
    var outsideTempAvg: Double?
    var climateMin: Double
    var sentryMin: Double
    var asleepMin: Double
    var carVersion: String
}
