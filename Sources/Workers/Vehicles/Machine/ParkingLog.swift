import Bytes

/// An open parking, from P to D: charges lie within it. What the battery lost is counted from reading to reading, charging left out, and goes
/// to what was on in the time between.
struct ParkingLog: Equatable, Remembered {
    enum Mode: String {
        /// Somebody could look: what was on is on until the next look, but not longer than `holdMax`.
        case awake
        case asleep
    }

    /// Time, or range, by what it went to.
    struct Shares: Equatable, Remembered {
        var climate = 0.0
        var sentry = 0.0
        var asleep = 0.0
        var other = 0.0

        var sum: Double { climate + sentry + asleep + other }

        mutating func remember(_ m: inout MachineMemory) {
            m("climate", &climate)
            m("sentry", &sentry)
            m("asleep", &asleep)
            m("other", &other)
        }
    }

    var start = CarMoment()
    /// Its last reading.
    var last = CarMoment()
    var snapshot = VehicleSnapshot()
    var carVersion = ""
    /// Our clock: up to here time is accounted for.
    private var accountedTo = Timestamp(seconds: 0)
    private var climateSeconds = 0.0
    private var sentrySeconds = 0.0
    private var asleepSeconds = 0.0
    /// Seconds since the range was last read, and km of range lost so far.
    private var pending = Shares()
    private var lost = Shares()
    private var hasLost = false
    private var insideSum = 0.0
    private var insideCount = 0
    private var outsideSum = 0.0
    private var outsideCount = 0

    init() {}

    init(_ start: CarMoment, snapshot: VehicleSnapshot, carVersion: String, now: Timestamp) {
        self.start = start
        last = start
        self.snapshot = snapshot
        self.carVersion = carVersion
        accountedTo = now
    }

    var opening: ParkingStart { ParkingStart(start: start, snapshot: snapshot, carVersion: carVersion) }

    /// Accounts for the time up to now. `holdMax`: seconds for which a reading holds.
    mutating func advance(to now: Timestamp, _ mode: Mode, holdMax: Double) {
        let seconds = now.seconds(since: accountedTo)
        guard seconds > 0 else { return }
        accountedTo = now
        switch mode {
        case .asleep:
            asleepSeconds += seconds
            pending.asleep += seconds
        case .awake:
            let held = min(seconds, holdMax)
            if snapshot.isClimateOn { climateSeconds += held }
            if snapshot.sentryMode { sentrySeconds += held }
            if snapshot.isClimateOn {
                pending.climate += held
            } else if snapshot.sentryMode {
                pending.sentry += held
            } else {
                pending.other += held
            }
            pending.other += seconds - held
        }
    }

    /// Takes a reading, up to whose time was accounted. What changed since the last one comes back.
    mutating func take(_ moment: CarMoment, _ now: VehicleSnapshot, carVersion: String, isCharging: Bool) -> [ParkingEventType] {
        if let range = moment.rangeKm {
            // So much more is a charge that nobody saw: what it lost besides cannot be told.
            if !isCharging, let before = last.rangeKm, range - before <= VehicleMachine.inferredGainKm { lose(before - range) }
            pending = Shares()
        }
        if let inside = now.insideTemp {
            insideSum += inside
            insideCount += 1
        }
        if let outside = now.outsideTemp {
            outsideSum += outside
            outsideCount += 1
        }
        let events = ParkingEventType.changes(from: snapshot, to: now)
        snapshot = now
        if !carVersion.isEmpty { self.carVersion = carVersion }
        last = CarMoment(
            at: max(last.at, moment.at), batteryLevel: moment.batteryLevel ?? last.batteryLevel, rangeKm: moment.rangeKm ?? last.rangeKm,
            odometerKm: moment.odometerKm ?? last.odometerKm, latitude: moment.latitude ?? last.latitude, longitude: moment.longitude ?? last.longitude)
        start.batteryLevel = start.batteryLevel ?? moment.batteryLevel
        start.rangeKm = start.rangeKm ?? moment.rangeKm
        start.odometerKm = start.odometerKm ?? moment.odometerKm
        return events
    }

    private mutating func lose(_ km: Double) {
        hasLost = true
        let seconds = pending.sum
        guard seconds > 0 else {
            lost.other += km
            return
        }
        lost.climate += km * pending.climate / seconds
        lost.sentry += km * pending.sentry / seconds
        lost.asleep += km * pending.asleep / seconds
        lost.other += km * pending.other / seconds
    }

    /// - Parameter end: when and where; what it does not say is as it was last.
    func end(_ end: CarMoment, efficiency: Double?) -> ParkingEnd {
        let end = CarMoment(
            at: max(start.at, end.at), batteryLevel: end.batteryLevel ?? last.batteryLevel, rangeKm: end.rangeKm ?? last.rangeKm,
            odometerKm: end.odometerKm ?? last.odometerKm, latitude: end.latitude ?? last.latitude, longitude: end.longitude ?? last.longitude)
        var kwh: Shares?
        if let efficiency, hasLost {
            // Readings waver: a share below nothing is nothing, and the shares make up the whole.
            let total = max(0, lost.sum) * efficiency
            let positive = Shares(climate: max(0, lost.climate), sentry: max(0, lost.sentry), asleep: max(0, lost.asleep), other: max(0, lost.other))
            let scale = positive.sum > 0 ? total / positive.sum : 0
            kwh = Shares(climate: positive.climate * scale, sentry: positive.sentry * scale, asleep: positive.asleep * scale, other: positive.other * scale)
        }
        return ParkingEnd(
            end: end, snapshot: snapshot, durationMin: end.at.seconds(since: start.at) / 60, energyUsedKwh: kwh?.sum, energyClimateKwh: kwh?.climate,
            energySentryKwh: kwh?.sentry, energyAsleepKwh: kwh?.asleep, energyOtherKwh: kwh?.other,
            insideTempAvg: insideCount > 0 ? insideSum / Double(insideCount) : nil,
            outsideTempAvg: outsideCount > 0 ? outsideSum / Double(outsideCount) : nil, climateMin: climateSeconds / 60, sentryMin: sentrySeconds / 60,
            asleepMin: asleepSeconds / 60, carVersion: carVersion)
    }

    mutating func remember(_ m: inout MachineMemory) {
        m("start", &start)
        m("last", &last)
        m("snapshot", &snapshot)
        m("version", &carVersion)
        m("accounted", &accountedTo)
        m("climate", &climateSeconds)
        m("sentry", &sentrySeconds)
        m("asleep", &asleepSeconds)
        m("pending", &pending)
        m("lost", &lost)
        m("has_lost", &hasLost)
        m("inside_sum", &insideSum)
        m("inside_count", &insideCount)
        m("outside_sum", &outsideSum)
        m("outside_count", &outsideCount)
    }
}

extension ParkingEventType {
    static func changes(from old: VehicleSnapshot, to new: VehicleSnapshot) -> [ParkingEventType] {
        func change(_ old: Bool, _ new: Bool, _ on: ParkingEventType, _ off: ParkingEventType) -> ParkingEventType? {
            old == new ? nil : new ? on : off
        }
        return [
            change(old.isLocked, new.isLocked, .locked, .unlocked),
            change(old.doorsOpen, new.doorsOpen, .doorsOpened, .doorsClosed),
            change(old.windowsOpen, new.windowsOpen, .windowsOpened, .windowsClosed),
            change(old.trunkOpen, new.trunkOpen, .trunkOpened, .trunkClosed),
            change(old.frunkOpen, new.frunkOpen, .frunkOpened, .frunkClosed),
            change(old.sentryMode, new.sentryMode, .sentryEnabled, .sentryDisabled),
            change(old.isClimateOn, new.isClimateOn, .climateOn, .climateOff),
            change(old.isUserPresent, new.isUserPresent, .userPresent, .userLeft),
        ].compactMap { $0 }
    }
}
