import Bytes

/// When to ask next, and what.
extension VehicleMachine {
    /// s, while a car that does something cannot be reached: the first answers, and those after them.
    static let lostSeconds = 5.0
    static let lostCountFast = 16
    static let lostSlowSeconds = 30.0
    static let lostChargingSeconds = 10.0
    static let unknownSeconds = 10.0
    /// While frames come, a driving car is asked this much less often: they tell where it is.
    static let streamedFactor = 5.0
    static let streamedSeconds = 15.0
    static let listSeconds = 30.0

    /// One deadline: the state's interval, the back-off and what the service has asked for, whichever is latest. An urgent question waits for the
    /// last one only, and a summary not for the back-off either.
    var plan: PollPlan {
        let (question, due) = due
        var at = max(due, state.service.notBefore)
        if !(question == .summary && state.urgent == .summary) { at = max(at, state.service.backoffUntil) }
        return PollPlan(question: question, at: at, wantsStream: wantsStream)
    }

    private var due: (PollPlan.Question, Timestamp) {
        let service = state.service
        if service.needsList { return (.list, after(Self.listSeconds)) }
        if let urgent = state.urgent { return (urgent, state.urgentAt) }
        if state.lostAt != nil, !state.phase.isAway {
            let isDriving = state.phase == .driving
            let fast = isDriving ? Self.lostSeconds : Self.lostChargingSeconds
            return (.summary, after(isDriving && state.lostCount > Self.lostCountFast ? Self.lostSlowSeconds : fast))
        }
        switch state.phase {
        case .unknown: return (.summary, service.answeredAt == nil ? Timestamp(seconds: 0) : after(Self.unknownSeconds))
        case .asleep, .offline:
            if let wake = state.wake, !wake.isFake { return (.data, wake.since.adding(seconds: Int64(Self.wakeSeconds))) }
            return (.summary, after(asleepSeconds))
        case .suspended:
            let look = (state.dataAt ?? state.clock).adding(microseconds: Int64(rules.suspendPollSeconds * 1_000_000))
            guard rules.usesStream else { return (.data, look) }
            // Without its hints, the car itself is asked now and then.
            let summary = after(rules.asleepSeconds)
            return !state.isStreaming && look <= summary ? (.data, look) : (.summary, summary)
        case .driving:
            let areFramesComing = state.isStreaming && (state.frameAt.map { state.clock.seconds(since: $0) <= Self.streamedSeconds } ?? false)
            return (.data, after(rules.drivingSeconds * (areFramesComing ? Self.streamedFactor : 1)))
        case .online, .charging, .updating: return (.data, after(interval(of: state.phase)))
        }
    }

    private func after(_ seconds: Double) -> Timestamp { (state.service.answeredAt ?? state.clock).adding(microseconds: Int64(seconds * 1_000_000)) }

    private var asleepSeconds: Double {
        guard let step = state.fastStep else { return rules.asleepSeconds }
        var seconds = rules.backoffInitialSeconds
        for _ in 0..<min(step, 30) { seconds *= max(1, rules.backoffFactor) }
        return min(seconds, rules.asleepSeconds)
    }

    /// Seconds between two looks in a phase.
    func interval(of phase: Phase) -> Double {
        switch phase {
        case .unknown: Self.unknownSeconds
        case .online, .updating: rules.onlineSeconds
        case .driving: rules.drivingSeconds
        case .charging: rules.chargingSeconds
        case .asleep, .offline: rules.asleepSeconds
        case .suspended: rules.suspendPollSeconds
        }
    }

    private var wantsStream: Bool {
        guard rules.usesStream else { return false }
        switch state.phase {
        case .online, .suspended, .driving: return true
        case .asleep, .offline: return state.wake != nil
        case .unknown, .charging, .updating: return false
        }
    }
}
