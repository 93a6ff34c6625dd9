import Bytes

/// Whether a car can be reached: summaries and failures.
extension VehicleMachine {
    /// A frame newer than this says more than a summary that says it sleeps.
    static let frameTrustSeconds = 30.0
    /// How long a frame is waited for that says whether somebody is there, and how long none is believed to be.
    static let wakeSeconds = 30.0
    static let fakeWakeSeconds = 600.0
    /// For so long after a resume a car that is online is asked at once.
    static let resumeSeconds = 600.0

    mutating func onSummary(_ summary: VehicleInput.Summary, _ now: Timestamp, _ rows: inout [VehicleEffect]) {
        state.service.summaryCame(now, isOnline: summary == .online)
        if state.urgent != .data { state.urgent = nil }
        if let step = state.fastStep { state.fastStep = step + 1 }
        switch summary {
        case .online: onOnline(now)
        case .asleep: onAsleep(now, &rows)
        case .offline: onOffline(now, &rows)
        case .inService: onService(now, &rows)
        case .unknown: break
        }
    }

    private mutating func onOnline(_ now: Timestamp) {
        switch state.phase {
        case .unknown:
            enter(.online, now)
            ask(.data, now)
        case .asleep, .offline: onWake(now)
        case .driving, .charging, .updating: if state.lostAt != nil { ask(.data, now) }
        case .online, .suspended: break
        }
    }

    /// With a stream nothing is asked before a frame has shown that somebody is there: some cars wake by themselves for a moment.
    private mutating func onWake(_ now: Timestamp) {
        let isResumed = state.resumedAt.map { now.seconds(since: $0) < Self.resumeSeconds } ?? false
        guard rules.usesStream, !isResumed else {
            enter(.online, now)
            ask(.data, now)
            return
        }
        switch state.wake {
        case nil: state.wake = MachineState.Wake(since: now)
        case let wake? where wake.isFake && now.seconds(since: wake.since) >= Self.fakeWakeSeconds:
            enter(.online, now)
            ask(.data, now)
        default: break
        }
    }

    private mutating func onAsleep(_ now: Timestamp, _ rows: inout [VehicleEffect]) {
        if hasFreshFrame(now) { return }
        endDrive(.asleep, now, &rows)
        endCharge(.asleep, now, &rows)
        if let resting = state.resting { beginParking(resting, now, &rows) }
        state.wake = nil
        enter(.asleep, now)
    }

    private mutating func onOffline(_ now: Timestamp, _ rows: inout [VehicleEffect]) {
        switch state.phase {
        case .driving, .charging, .updating:
            if hasFreshFrame(now) { return }
            state.lostAt = state.lostAt ?? now
            state.lostCount += 1
        case .unknown, .online, .suspended, .asleep, .offline:
            state.wake = nil
            enter(.offline, now)
        }
    }

    private func hasFreshFrame(_ now: Timestamp) -> Bool {
        guard state.phase == .driving, let frameAt = state.frameAt else { return false }
        return now.seconds(since: frameAt) <= Self.frameTrustSeconds
    }

    private mutating func onService(_ now: Timestamp, _ rows: inout [VehicleEffect]) {
        if state.drive != nil {
            endDrive(.service, now, &rows)
            beginParking(state.resting, now, &rows)
            enter(.online, now)
        } else if state.phase.isAway {
            enter(.online, now)
        }
        state.lostAt = nil
        state.lostCount = 0
        state.service.rest(now)
    }

    mutating func onFailure(_ failure: PollFailure, _ now: Timestamp, _ rows: inout [VehicleEffect]) {
        state.service.failed(failure, car: car, rules, now)
        state.urgent = nil
        switch failure {
        case .unavailable: ask(.summary, now)
        case .inService: onService(now, &rows)
        default: break
        }
    }
}
