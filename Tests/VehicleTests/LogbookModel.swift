import Bytes

@testable import Workers

/// The logbook as effects make it, in memory: what the tables would hold. Notes whatever tables would refuse, and rows that cannot be true.
struct LogbookModel {
    struct Drive {
        var start: CarMoment
        var end: DriveEnd?
        var positions: [CarPosition] = []
    }

    struct Charge {
        var start: ChargeStart
        var end: ChargeEnd?
        var points: [ChargePoint] = []
    }

    struct Parking {
        var start: ParkingStart
        var end: ParkingEnd?
        var events: [(type: ParkingEventType, at: Timestamp)] = []
    }

    struct Update {
        var version: String
        var start: Timestamp
        var end: Timestamp?
    }

    struct State {
        var state: LoggedState
        var start: Timestamp
        var end: Timestamp?
    }

    private(set) var drives: [Drive] = []
    private(set) var discardedDrives = 0
    /// Of no drive.
    private(set) var positions: [CarPosition] = []
    private(set) var charges: [Charge] = []
    private(set) var parkings: [Parking] = []
    private(set) var updates: [Update] = []
    private(set) var states: [State] = []
    private(set) var efficiency: Double?
    private(set) var identity: CarIdentity?
    private(set) var places: [(latitude: Double, longitude: Double)] = []
    /// What should never be.
    private(set) var faults: [String] = []

    var openDrive: Int? { drives.lastIndex { $0.end == nil } }
    var openCharge: Int? { charges.lastIndex { $0.end == nil } }
    var openParking: Int? { parkings.lastIndex { $0.end == nil } }
    var openUpdate: Int? { updates.lastIndex { $0.end == nil } }

    mutating func take(_ effects: [VehicleEffect]) {
        for effect in effects { take(effect) }
    }

    private mutating func expect(_ holds: Bool, _ fault: @autoclosure () -> String) {
        if !holds { faults.append(fault()) }
    }

    mutating func take(_ effect: VehicleEffect) {
        switch effect {
        case .state(let state, let at): take(state, at)
        case .openDrive(let drive): open(drive)
        case .position(let position): take(position)
        case .closeDrive(let end): close(end)
        case .discardDrive: discard()
        case .openCharge(let charge): open(charge)
        case .chargePoint(let point): take(point)
        case .closeCharge(let end): close(end)
        case .openParking(let parking): open(parking)
        case .parkingEvent(let type, let at): take(type, at)
        case .closeParking(let end): close(end)
        case .openUpdate(let version, let at):
            expect(openUpdate == nil, "two open updates")
            expect(updates.allSatisfy { $0.start < at }, "updates out of order")
            updates.append(Update(version: version, start: at))
        case .closeUpdate(let version, let at):
            guard let i = openUpdate else { return expect(false, "no update to close") }
            expect(at >= updates[i].start, "an update ends before it starts")
            updates[i].version = version
            updates[i].end = at
        case .cancelUpdate:
            expect(openUpdate != nil, "no update to cancel")
            updates.removeAll { $0.end == nil }
        case .foundVersion(let version, let at):
            expect(updates.allSatisfy { $0.start < at }, "updates out of order")
            updates.append(Update(version: version, start: at, end: at))
        case .efficiency(let value): efficiency = value
        case .identity(let value): identity = value
        case .place(let latitude, let longitude): places.append((latitude, longitude))
        }
    }

    private mutating func take(_ state: LoggedState, _ at: Timestamp) {
        if let last = states.indices.last {
            expect(states[last].state != state, "the same state twice")
            expect(states[last].start < at, "states out of order")
            states[last].end = at
        }
        states.append(State(state: state, start: at))
    }

    // MARK: Drives

    private mutating func open(_ drive: DriveStart) {
        expect(openDrive == nil, "two open drives")
        expect(openParking == nil, "a drive begins while parked")
        expect(openCharge == nil, "a drive begins while charging")
        if let before = drives.last {
            expect(before.start.at < drive.start.at, "two drives begin at one time")
            expect((before.end?.end.at ?? before.start.at) <= drive.start.at, "drives overlap")
        }
        if let before = parkings.last?.end { expect(before.end.at <= drive.start.at, "a drive begins before the parking ends") }
        drives.append(Drive(start: drive.start))
    }

    private mutating func take(_ position: CarPosition) {
        guard let i = openDrive else { return positions.append(position) }
        expect(position.at >= drives[i].start.at, "a position before its drive")
        if let last = drives[i].positions.last { expect(last.at < position.at, "time runs backwards in a drive") }
        drives[i].positions.append(position)
    }

    private mutating func close(_ end: DriveEnd) {
        guard let i = openDrive else { return expect(false, "no drive to close") }
        expect(end.start.at == drives[i].start.at, "a drive's start has moved")
        expect(end.end.at >= drives[i].start.at, "a drive ends before it starts")
        expect(drives[i].positions.allSatisfy { $0.at <= end.end.at }, "a position after its drive")
        expect(end.positions == drives[i].positions.count, "positions miscounted")
        expect(end.distanceKm >= DriveLog.distanceMin, "a drive without a way")
        expect([end.energyUsedKwh, end.energyRegenKwh, end.energyRangeKwh].allSatisfy { $0 ?? 0 >= 0 }, "negative energy")
        if let from = end.start.odometerKm, let to = end.end.odometerKm {
            expect((to - from - end.distanceKm).magnitude < 1e-5, "distance is not the odometer's")
        }
        drives[i].end = end
        drives[i].start = end.start
    }

    private mutating func discard() {
        guard let i = openDrive else { return expect(false, "no drive to discard") }
        positions += drives[i].positions
        drives.remove(at: i)
        discardedDrives += 1
    }

    // MARK: Charges

    private mutating func open(_ charge: ChargeStart) {
        expect(openCharge == nil, "two open charges")
        expect(openDrive == nil, "a charge begins in a drive")
        if let before = charges.last {
            expect(before.start.start.at < charge.start.at, "two charges begin at one time")
            expect((before.end?.end.at ?? before.start.start.at) <= charge.start.at, "charges overlap")
        }
        charges.append(Charge(start: charge))
    }

    private mutating func take(_ point: ChargePoint) {
        guard let i = openCharge else { return expect(false, "a point without a charge") }
        expect(point.at >= charges[i].start.start.at, "a point before its charge")
        if let last = charges[i].points.last { expect(last.at < point.at, "time runs backwards in a charge") }
        charges[i].points.append(point)
    }

    private mutating func close(_ end: ChargeEnd) {
        guard let i = openCharge else { return expect(false, "no charge to close") }
        expect(end.end.at >= charges[i].start.start.at, "a charge ends before it starts")
        expect(charges[i].points.allSatisfy { $0.at <= end.end.at }, "a point after its charge")
        expect(end.points == charges[i].points.count, "points miscounted")
        expect([end.energyAddedKwh, end.energyUsedKwh].allSatisfy { $0 ?? 0 >= 0 }, "negative energy")
        charges[i].end = end
    }

    // MARK: Parkings

    private mutating func open(_ parking: ParkingStart) {
        expect(openParking == nil, "two open parkings")
        expect(openDrive == nil, "parked while driving")
        if let before = parkings.last {
            expect(before.start.start.at < parking.start.at, "two parkings begin at one time")
            expect((before.end?.end.at ?? before.start.start.at) <= parking.start.at, "parkings overlap")
        }
        if let before = drives.last?.end { expect(before.end.at <= parking.start.at, "a parking begins before the drive ends") }
        parkings.append(Parking(start: parking))
    }

    private mutating func take(_ type: ParkingEventType, _ at: Timestamp) {
        guard let i = openParking else { return expect(false, "an event without a parking") }
        expect(at >= parkings[i].start.start.at, "an event before its parking")
        if let last = parkings[i].events.last { expect(last.at <= at, "events out of order") }
        parkings[i].events.append((type, at))
    }

    private mutating func close(_ end: ParkingEnd) {
        guard let i = openParking else { return expect(false, "no parking to close") }
        expect(end.end.at >= parkings[i].start.start.at, "a parking ends before it starts")
        expect(parkings[i].events.allSatisfy { $0.at <= end.end.at }, "an event after its parking")
        let parts = [end.energyClimateKwh, end.energySentryKwh, end.energyAsleepKwh, end.energyOtherKwh]
        expect(parts.allSatisfy { $0 ?? 0 >= 0 } && (end.energyUsedKwh ?? 0) >= 0, "negative energy")
        if let used = end.energyUsedKwh {
            expect((parts.reduce(0) { $0 + ($1 ?? 0) } - used).magnitude < 1e-6, "the shares are not the whole")
        }
        expect([end.climateMin, end.sentryMin, end.asleepMin].allSatisfy { $0 >= 0 }, "negative time")
        parkings[i].end = end
    }
}
