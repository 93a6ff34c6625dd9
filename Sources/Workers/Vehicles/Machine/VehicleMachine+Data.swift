import Bytes

/// Complete answers.
extension VehicleMachine {
    /// km of range and seconds that tell of a charge nobody saw.
    static let inferredGainKm = 8.0
    static let inferredGapSeconds = 300.0
    /// km on the odometer of a parked car that tell of a drive nobody saw.
    static let unseenDriveKm = 0.2
    /// A charge is the same one after a silence only if its counter has not gone back.
    static let samePlugInSeconds = 300.0
    /// P with the odometer as before, later than this: it was parked already.
    static let parkedSinceSeconds = 60.0

    mutating func onData(_ answer: VehicleReading, _ now: Timestamp, _ rows: inout [VehicleEffect]) {
        state.service.dataCame(now)
        state.urgent = nil
        let at: Timestamp
        var isOvertaken = false
        switch state.carClock.takeAnswer(answer.drive?.at ?? answer.charge?.at, now) {
        case .current(let time): at = time
        case .overtaken(let time):
            at = time
            isOvertaken = true
        case .stale:
            ask(.data, now.adding(microseconds: Int64(rules.drivingSeconds * 1_000_000)))
            return
        }
        var answer = answer
        takeOdometer(&answer, now)
        let before = state.known
        if isOvertaken { answer.drive = overtaken(answer.drive) }
        accountParking(now)
        state.known.merge(answer)
        state.dataAt = now
        state.fastStep = nil
        if state.phase.isAway { enter(.online, now) }
        state.lostAt = nil
        state.lostCount = 0
        takeIdentity(&rows)

        let isMoving = answer.drive.map { moves($0) }
        if state.drive != nil {
            drive(on: isMoving, answer, before, at, isOvertaken: isOvertaken, now, &rows)
        } else if isMoving == true, !isOvertaken {
            park(answer, before, at, now, &rows)
            beginDrive(sample(at), now, &rows)
        } else {
            park(answer, before, at, now, &rows)
        }
        if let body = answer.body { rows += state.update.take(body, at: at, isDriving: state.drive != nil) }
        conclude(answer, now, &rows)
    }

    /// A frame has said more since: only what frames do not say is taken.
    private func overtaken(_ drive: VehicleReading.Drive?) -> VehicleReading.Drive? {
        guard var drive, let known = state.known.drive else { return drive }
        let shift = drive.shift
        drive = known
        // A drive is not ended by what is older than its last frame.
        if state.drive == nil { drive.shift = known.shift ?? shift }
        return drive
    }

    private func moves(_ drive: VehicleReading.Drive) -> Bool {
        if let shift = drive.shift { return shift.isMoving }
        return state.drive != nil && (drive.speed ?? 0) > 0
    }

    private mutating func takeOdometer(_ answer: inout VehicleReading, _ now: Timestamp) {
        guard let value = answer.body?.odometerKm else { return }
        switch state.odometer.take(value, at: now) {
        case .believed: break
        case .doubtful: answer.body?.odometerKm = nil
        case .moved(_, let km):
            state.drive?.shiftOdometer(by: km)
            state.parking?.last.odometerKm = value
            state.resting = nil
        }
    }

    private mutating func takeIdentity(_ rows: inout [VehicleEffect]) {
        let config = state.known.config
        let identity = CarIdentity(
            name: state.known.body?.name, model: config?.model, exteriorColor: config?.exteriorColor, trimBadging: config?.trimBadging,
            wheelType: config?.wheelType)
        guard identity != state.identity else { return }
        state.identity = identity
        rows.append(.identity(identity))
    }

    // MARK: Driving

    private mutating func drive(
        on isMoving: Bool?, _ answer: VehicleReading, _ before: VehicleReading, _ at: Timestamp, isOvertaken: Bool, _ now: Timestamp,
        _ rows: inout [VehicleEffect]
    ) {
        guard let isMoving, let last = state.drive?.last else { return }
        let sample = sample(at)
        if isOvertaken {
            state.drive?.refresh(sample)
            state.contactAt = now
            return
        }
        let gap = at.seconds(since: last.at)
        let gain = sample.idealRangeKm.flatMap { ideal in state.drive?.lastIdealRangeKm.map { ideal - $0 } } ?? 0
        if gap >= Self.inferredGapSeconds, gain > Self.inferredGainKm, let charge = answer.charge {
            endDrive(.charged, now, &rows)
            if !VehicleReading.Charge.isCharging(charge.state) {
                inferCharge(from: last, counter: isPlugged(before) ? before.charge?.energyAddedKwh : nil, charge, at, &rows)
            }
            restOrGoOn(isMoving, answer, before, at, now, &rows)
            return
        }
        if gap >= Self.driveLossSeconds {
            endDrive(state.silence >= 120 ? .restart : .offline, now, &rows)
            restOrGoOn(isMoving, answer, before, at, now, &rows)
            return
        }
        if isMoving {
            append(sample, &rows)
            state.parkedFrame = nil
            state.contactAt = now
            state.lastUsed = now
            return
        }
        let stoodStill = gap > Self.parkedSinceSeconds && sameOdometer(sample.odometerKm)
        if !stoodStill { append(sample, &rows) }
        endDrive(.parked, now, &rows)
        beginParking(state.resting, now, &rows)
        takeParked(answer, at, now, &rows)
    }

    private func sameOdometer(_ km: Double?) -> Bool {
        guard let drive = state.drive, let last = drive.last.odometerKm, let km else { return false }
        return (km - last).magnitude <= (drive.isLastStreamed ? Odometer.roundingKm : Odometer.sameKm)
    }

    /// After a drive whose end was not seen: it stood there all the time, or went on unseen.
    private mutating func restOrGoOn(
        _ isMoving: Bool, _ answer: VehicleReading, _ before: VehicleReading, _ at: Timestamp, _ now: Timestamp, _ rows: inout [VehicleEffect]
    ) {
        if isMoving {
            beginDrive(sample(at), now, &rows)
        } else {
            park(answer, before, at, now, &rows)
        }
    }

    private func isPlugged(_ known: VehicleReading) -> Bool { (known.charge?.state ?? "Disconnected") != "Disconnected" }

    // MARK: Parked

    private mutating func park(
        _ answer: VehicleReading, _ before: VehicleReading, _ at: Timestamp, _ now: Timestamp, _ rows: inout [VehicleEffect]
    ) {
        if let parking = state.parking, let from = parking.last.odometerKm, let to = answer.body?.odometerKm, to - from > Self.unseenDriveKm {
            endCharge(.other, now, &rows)
            endParkingUnseen(now, &rows)
        }
        if state.parking == nil, answer.drive != nil {
            let resting = state.resting.flatMap { isUnmoved($0, answer.body?.odometerKm) ? $0 : nil }
            beginParking(resting ?? state.known.moment(at), now, &rows)
        }
        takeUnseenCharge(answer, before, at, now, &rows)
        takeParked(answer, at, now, &rows)
    }

    private mutating func takeUnseenCharge(
        _ answer: VehicleReading, _ before: VehicleReading, _ at: Timestamp, _ now: Timestamp, _ rows: inout [VehicleEffect]
    ) {
        guard state.charge == nil, let parking = state.parking, let charge = answer.charge, at.seconds(since: parking.last.at) >= Self.inferredGapSeconds,
            parking.last.at >= state.times.chargeEnd, let range = state.known.range(of: answer), let from = parking.last.rangeKm,
            range - from > Self.inferredGainKm, let level = charge.batteryLevel, let levelBefore = parking.last.batteryLevel, level > levelBefore
        else { return }
        let counter = isPlugged(before) ? before.charge?.energyAddedKwh : nil
        if VehicleReading.Charge.isCharging(charge.state) {
            beginCharge(charge, at, since: parking.last, counter: counter ?? 0, now, &rows)
        } else {
            inferCharge(from: parking.last, counter: counter, charge, at, &rows)
        }
    }

    private mutating func takeParked(_ answer: VehicleReading, _ at: Timestamp, _ now: Timestamp, _ rows: inout [VehicleEffect]) {
        let wasCharging = state.charge != nil
        if let charge = answer.charge, let name = charge.state { takeCharge(charge, name, at, now, &rows) }
        let moment = CarMoment(
            at: at, batteryLevel: answer.charge?.batteryLevel, rangeKm: state.known.range(of: answer), odometerKm: answer.body?.odometerKm,
            latitude: answer.drive?.latitude,
            longitude: answer.drive?.longitude)
        let events =
            state.parking?.take(
                moment, state.known.snapshot, carVersion: state.known.body?.carVersion ?? "", isCharging: wasCharging || state.charge != nil) ?? []
        if let parking = state.parking { for event in events { rows.append(.parkingEvent(event, at: parking.last.at)) } }
    }

    private mutating func takeCharge(
        _ charge: VehicleReading.Charge, _ name: String, _ at: Timestamp, _ now: Timestamp, _ rows: inout [VehicleEffect]
    ) {
        let isCharging = VehicleReading.Charge.isCharging(name)
        if let open = state.charge {
            let isOther =
                at.seconds(since: open.last.at) > Self.samePlugInSeconds
                && (charge.energyAddedKwh.flatMap { added in open.counter.map { added < $0 } } ?? false)
            if isOther {
                endCharge(.disconnected, now, &rows)
                if isCharging { beginCharge(charge, at, now, &rows) }
            } else {
                append(charge, at, &rows)
                if !isCharging {
                    state.charge?.finish(at)
                    if let position = sample(at).position { rows.append(.position(position)) }
                    endCharge(EndReason(chargingState: name), now, &rows)
                }
            }
        } else if isCharging {
            beginCharge(charge, at, now, &rows)
        }
    }

    // MARK: What it does now

    private mutating func conclude(_ answer: VehicleReading, _ now: Timestamp, _ rows: inout [VehicleEffect]) {
        if state.drive != nil {
            enter(.driving, now)
            return
        }
        if state.update.isOpen {
            state.lastUsed = now
            enter(.updating, now)
            return
        }
        if state.charge != nil {
            state.lastUsed = now
            enter(.charging, now)
            return
        }
        let block = SleepBlock.of(state.known, rules)
        if block?.isUse == true { state.lastUsed = now }
        switch state.phase {
        case .suspended:
            if block != nil { enter(.online, now) }
        default:
            enter(.online, now)
            let idle = now.seconds(since: state.lastUsed)
            if block == nil, answer.isComplete, idle >= rules.suspendAfterIdleMinutes * 60 { suspend(now, &rows) }
        }
    }
}
