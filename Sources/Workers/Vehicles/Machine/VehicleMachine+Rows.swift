import Bytes

/// Rows that begin, go on and end.
extension VehicleMachine {
    // MARK: Drives

    /// What is known now, as a sample of a drive.
    func sample(_ at: Timestamp) -> DriveSample {
        let known = state.known
        return DriveSample(
            at: at, latitude: known.drive?.latitude, longitude: known.drive?.longitude, heading: known.drive?.heading, speed: known.drive?.speed,
            power: known.drive?.power, batteryLevel: known.charge?.batteryLevel, rangeKm: known.range, idealRangeKm: known.charge?.idealRangeKm ?? known.range,
            odometerKm: known.body?.odometerKm, insideTemp: known.climate?.insideTemp, outsideTemp: known.climate?.outsideTemp,
            tpms: known.body?.tpms ?? TirePressures())
    }

    mutating func beginDrive(_ first: DriveSample, _ now: Timestamp, _ rows: inout [VehicleEffect]) {
        if state.charge != nil { endCharge(.disconnected, now, &rows) }
        var first = first
        if let resting = state.resting, state.parking == nil, isUnmoved(resting, first.odometerKm) { beginParking(resting, now, &rows) }
        endParking(first.moment, now, &rows)
        first.at = state.times.beginDrive(first.at)
        let drive = DriveLog(first)
        state.drive = drive
        state.contactAt = now
        state.resting = nil
        rows.append(.openDrive(DriveStart(start: drive.start)))
        if let position = first.position { rows.append(.position(position)) }
        enter(.driving, now)
        state.lastUsed = now
    }

    /// A sample of the open drive; one that is not later than the last is left out.
    mutating func append(_ sample: DriveSample, _ rows: inout [VehicleEffect]) {
        guard let last = state.drive?.last.at, sample.at > last else { return }
        state.drive?.add(sample)
        if let position = sample.position { rows.append(.position(position)) }
    }

    /// Ends at its last sample.
    mutating func endDrive(_ reason: EndReason, _ now: Timestamp, _ rows: inout [VehicleEffect]) {
        guard let drive = state.drive else { return }
        if drive.isNone {
            rows.append(.discardDrive)
        } else {
            let end = drive.end(reason, efficiency: state.efficiency.kwhPerKm)
            rows.append(.closeDrive(end))
            place(end.start, &rows)
            place(end.end, &rows)
        }
        state.times.placeEnd = max(state.times.placeEnd, drive.last.at)
        state.drive = nil
        state.resting = drive.last
        state.restingSlackKm = drive.isLastStreamed ? Odometer.roundingKm : Odometer.sameKm
        state.parkedFrame = nil
        state.lastUsed = now
    }

    /// Whether it still stands where it was, as far as its odometer tells.
    func isUnmoved(_ from: CarMoment, _ odometerKm: Double?) -> Bool {
        guard let before = from.odometerKm, let odometerKm else { return false }
        return (odometerKm - before).magnitude <= state.restingSlackKm
    }

    private func place(_ moment: CarMoment, _ rows: inout [VehicleEffect]) {
        if let latitude = moment.latitude, let longitude = moment.longitude { rows.append(.place(latitude: latitude, longitude: longitude)) }
    }

    // MARK: Parkings

    /// nil: from now, as it is known now.
    mutating func beginParking(_ from: CarMoment?, _ now: Timestamp, _ rows: inout [VehicleEffect]) {
        guard state.parking == nil, state.drive == nil else { return }
        var start = from ?? state.known.moment(state.carClock.latest ?? now)
        start.at = state.times.beginParking(start.at)
        let parking = ParkingLog(start, snapshot: state.known.snapshot, carVersion: state.known.body?.carVersion ?? "", now: now)
        state.parking = parking
        state.resting = nil
        rows.append(.openParking(parking.opening))
        place(start, &rows)
    }

    mutating func endParking(_ end: CarMoment, _ now: Timestamp, _ rows: inout [VehicleEffect]) {
        accountParking(now)
        guard var parking = state.parking else { return }
        let events = parking.take(end, state.known.snapshot, carVersion: state.known.body?.carVersion ?? "", isCharging: state.charge != nil)
        let closing = parking.end(end, efficiency: state.efficiency.kwhPerKm)
        for event in events { rows.append(.parkingEvent(event, at: closing.end.at)) }
        rows.append(.closeParking(closing))
        state.times.placeEnd = max(state.times.placeEnd, closing.end.at)
        state.parking = nil
    }

    /// Ends at its last reading: what came after was not seen.
    mutating func endParkingUnseen(_ now: Timestamp, _ rows: inout [VehicleEffect]) {
        guard let parking = state.parking else { return }
        let closing = parking.end(parking.last, efficiency: state.efficiency.kwhPerKm)
        rows.append(.closeParking(closing))
        state.times.placeEnd = max(state.times.placeEnd, closing.end.at)
        state.parking = nil
    }

    mutating func accountParking(_ now: Timestamp) {
        let isAsleep = state.phase == .asleep || state.phase == .offline
        let holdMax = 2 * interval(of: state.phase)
        state.parking?.advance(to: now, isAsleep ? .asleep : .awake, holdMax: holdMax)
    }

    // MARK: Charges

    /// - Parameters:
    ///   - before: what was known last, where it has been charging unseen for a while: it began then, or when its power says.
    ///   - counter: where the counter stood then.
    mutating func beginCharge(
        _ charge: VehicleReading.Charge, _ at: Timestamp, since before: CarMoment? = nil, counter: Double? = nil, _ now: Timestamp,
        _ rows: inout [VehicleEffect]
    ) {
        var start = before ?? state.known.moment(at)
        if let before, let added = charge.energyAddedKwh, let kw = charge.power, kw > 0 {
            let seconds = max(0, added - (counter ?? 0)) / Double(kw) * 3600
            start.at = max(before.at, at.adding(microseconds: -Int64(min(seconds, 1e6) * 1_000_000)))
        }
        start.at = state.times.beginCharge(start.at)
        if before == nil { start.batteryLevel = charge.batteryLevel ?? start.batteryLevel }
        let log = ChargeLog(start: start, counter: counter, isFast: charge.isFast ?? false, isFree: charge.isFree ?? false)
        state.charge = log
        rows.append(.openCharge(ChargeStart(start: start, isFast: log.isFast, isFree: log.isFree)))
        place(start, &rows)
        append(charge, max(start.at, at), &rows)
        state.lastUsed = now
    }

    /// A point of the open charge, where the answer makes one and is later than the last.
    mutating func append(_ charge: VehicleReading.Charge, _ at: Timestamp, _ rows: inout [VehicleEffect]) {
        if charge.isFast == true { state.charge?.isFast = true }
        if charge.isFree == true { state.charge?.isFree = true }
        let range = state.known.range(of: VehicleReading(receivedAt: at, charge: charge))
        guard let point = ChargeLog.point(charge, at: at, rangeKm: range, outsideTemp: state.known.climate?.outsideTemp), state.charge?.takes(point) == true
        else { return }
        state.charge?.add(point)
        rows.append(.chargePoint(point))
    }

    mutating func endCharge(_ reason: EndReason, _ now: Timestamp, _ rows: inout [VehicleEffect]) {
        guard let charge = state.charge else { return }
        rows.append(.closeCharge(charge.end(reason)))
        state.times.chargeEnd = max(state.times.chargeEnd, charge.last.at)
        state.charge = nil
        state.lastUsed = now
        if let learnt = state.efficiency.learn(charge) { rows.append(.efficiency(learnt)) }
    }

    /// What a charge that nobody saw must have been, from what was known before and what is known now.
    /// - Parameter counter: the car's counter before, where it was plugged in then already.
    mutating func inferCharge(from before: CarMoment, counter: Double?, _ charge: VehicleReading.Charge, _ at: Timestamp, _ rows: inout [VehicleEffect]) {
        var start = before
        start.at = state.times.beginCharge(before.at)
        let end = state.known.moment(max(start.at, at))
        var added = charge.energyAddedKwh.map { CarUnits.round($0 - (counter ?? 0), 1e6) }.flatMap { $0 > 0 ? $0 : nil }
        if added == nil, let efficiency = state.efficiency.kwhPerKm, let from = start.rangeKm, let to = end.rangeKm, to > from {
            added = CarUnits.round((to - from) * efficiency, 1e6)
        }
        rows.append(.openCharge(ChargeStart(start: start, isFast: charge.isFast ?? false, isFree: charge.isFree ?? false, isInferred: true)))
        place(start, &rows)
        let isOver = !VehicleReading.Charge.isCharging(charge.state)
        rows.append(
            .closeCharge(
                ChargeEnd(
                    end: end, durationMin: end.at.seconds(since: start.at) / 60, energyAddedKwh: added, isFast: charge.isFast ?? false,
                    isFree: charge.isFree ?? false, points: 0, reason: isOver ? EndReason(chargingState: charge.state ?? "") : .other)))
        state.times.chargeEnd = end.at
    }
}

extension VehicleReading.Charge {
    static func isCharging(_ state: String?) -> Bool { state == "Starting" || state == "Charging" }
}
