import Bytes

/// The stream. Its frames start and feed drives; of everything else they are only hints, which an answer has to confirm.
extension VehicleMachine {
    mutating func onFrame(_ frame: StreamFrame, _ now: Timestamp, _ rows: inout [VehicleEffect]) {
        guard let at = state.carClock.takeFrame(frame.at, now) else { return }
        let isMoving = frame.shift?.isMoving ?? (state.drive != nil && (frame.speed ?? 0) > 0)
        if isMoving { state.frameAt = now }
        switch state.phase {
        case .updating: return
        case .charging:
            if isMoving { hint(now) }
            return
        default: break
        }
        if isMoving {
            merge(frame, now)
            let sample = sample(frame, at)
            if state.drive == nil { beginDrive(sample, now, &rows) } else { drive(on: sample, now, &rows) }
            return
        }
        if state.phase.isAway {
            onWakeFrame(frame, now)
            return
        }
        merge(frame, now)
        if state.drive != nil {
            if state.parkedFrame == nil {
                state.parkedFrame = sample(frame, at)
                state.parkedFrameAt = now
            }
            hint(now)
            return
        }
        let power = frame.power ?? 0
        if power < 0, state.known.climate?.isPreconditioning != true || state.phase == .suspended {
            enter(.online, now)
            hint(now)
        } else if power > 0, state.phase == .suspended {
            state.lastUsed = now
            enter(.online, now)
            hint(now)
        }
    }

    /// The same rules as for an answer after a silence, except that frames do not tell of charges.
    private mutating func drive(on sample: DriveSample, _ now: Timestamp, _ rows: inout [VehicleEffect]) {
        guard let last = state.drive?.last else { return }
        if sample.at.seconds(since: last.at) >= Self.driveLossSeconds {
            endDrive(state.silence >= 120 ? .restart : .offline, now, &rows)
            beginDrive(sample, now, &rows)
            hint(now)
            return
        }
        append(sample, &rows)
        state.parkedFrame = nil
        state.contactAt = now
        state.lastUsed = now
        state.lostAt = nil
        state.lostCount = 0
    }

    private mutating func onWakeFrame(_ frame: StreamFrame, _ now: Timestamp) {
        guard state.wake != nil else { return }
        if frame.power == nil {
            state.wake?.isFake = true
        } else {
            enter(.online, now)
            ask(.data, now)
        }
    }

    mutating func onStream(_ event: StreamEvent, _ now: Timestamp) {
        switch event {
        case .connected: state.isStreaming = true
        case .disconnected: state.isStreaming = false
        case .inactive: if state.phase == .suspended || state.drive != nil { ask(.summary, now) }
        case .vehicleOffline: if !state.phase.isAway { ask(.summary, now) }
        }
        guard event != .connected, let wake = state.wake, wake.isFake else { return }
        // Nothing tells any more whether somebody is there: it is waited for anew.
        state.wake = MachineState.Wake(since: now)
    }

    /// Something has happened: an answer will tell. Not more often than a driving car is asked.
    private mutating func hint(_ now: Timestamp) {
        guard state.urgent != .data else { return }
        let soonest = state.dataAt?.adding(microseconds: Int64(rules.drivingSeconds * 1_000_000)) ?? now
        ask(.data, max(now, soonest))
    }

    /// What a frame says becomes known; its odometer only as far as it goes with what answers have said.
    private mutating func merge(_ frame: StreamFrame, _ now: Timestamp) {
        state.known.merge(
            VehicleReading.Drive(
                at: frame.at, latitude: frame.latitude, longitude: frame.longitude, heading: frame.heading, speed: frame.speed, power: frame.power,
                shift: frame.shift))
        if let level = frame.batteryLevel { state.known.charge?.batteryLevel = level }
        if let odometer = frame.odometerKm, state.odometer.fits(odometer, at: now) {
            var body = state.known.body ?? VehicleReading.Body()
            body.odometerKm = max(odometer, body.odometerKm ?? odometer)
            state.known.body = body
        }
    }

    private func sample(_ frame: StreamFrame, _ at: Timestamp) -> DriveSample {
        var sample = sample(at)
        sample.elevation = frame.elevation
        sample.batteryLevel = frame.batteryLevel ?? sample.batteryLevel
        sample.isStreamed = true
        if frame.latitude == nil {
            sample.latitude = nil
            sample.longitude = nil
        }
        return sample
    }
}
