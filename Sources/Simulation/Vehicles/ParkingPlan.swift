/// What happens during a parking. Times are seconds after its start.
public struct ParkingPlan: Hashable, Sendable {
    public struct Change: Hashable, Sendable {
        public var at: Double
        public var event: ParkingEvent

        public init(at: Double, _ event: ParkingEvent) {
            self.at = at
            self.event = event
        }
    }

    public struct Update: Hashable, Sendable {
        public var at: Double
        public var version: String
        public var downloadSeconds: Double
        public var installSeconds: Double

        public init(at: Double, version: String, downloadSeconds: Double = 600, installSeconds: Double = 1_500) {
            self.at = at
            self.version = version
            self.downloadSeconds = downloadSeconds
            self.installSeconds = installSeconds
        }
    }

    /// A change that changes nothing (doors that are open are opened) is left out.
    public var changes: [Change] = []
    public var charge: ChargePlan?
    public var update: Update?
    /// Without network.
    public var offline: [Range<Double>] = []
    /// Where a sleeping car says it is online though nobody is there.
    public var fakeWakes: [Range<Double>] = []
    /// Whether the heating that is on before the driver comes says that it is for that.
    public var preconditionsFrom: Double?

    public init() {}

    /// What getting out and coming back take.
    private static let arrivalSeconds = 62.0
    private static let returnSeconds = 80.0

    /// The driver gets out, locks, and comes back before the end. Parkings too short for that are waited out inside.
    ///
    /// - Parameters:
    ///   - seconds: the parking's length.
    ///   - comesBack: nil for a parking without an end.
    public static func usual(
        seconds: Double, sentry: Bool = false, preconditionSeconds: Double = 0, begins: Bool = true, comesBack: Bool = true
    ) -> ParkingPlan {
        var plan = ParkingPlan()
        guard seconds >= (begins ? arrivalSeconds : 0) + (comesBack ? returnSeconds : 0) else { return plan }
        func add(_ at: Double, _ event: ParkingEvent) { plan.changes.append(Change(at: at, event)) }
        if begins {
            for (at, event) in [
                (8.0, ParkingEvent.climateOff), (12, .doorsOpened), (30, .userLeft), (33, .doorsClosed), (50, .locked),
            ] { add(at, event) }
            if sentry { add(60, .sentryEnabled) }
        }
        guard comesBack else { return plan }
        if preconditionSeconds > 0, seconds - preconditionSeconds > 120 {
            add(seconds - preconditionSeconds, .climateOn)
            plan.preconditionsFrom = seconds - preconditionSeconds
        }
        if sentry { add(seconds - 78, .sentryDisabled) }
        for (back, event) in [
            (75.0, ParkingEvent.unlocked), (62, .doorsOpened), (45, .userPresent), (42, .doorsClosed), (20, .climateOn),
        ] { add(seconds - back, event) }
        return plan
    }
}

/// A part of a car's life.
public enum LifePhase: Hashable, Sendable {
    /// From where it is to a place. On the highway it goes faster, in the middle of the way.
    case drive(to: VehiclePlace, highway: Bool = false, offline: [Range<Double>] = [])
    case park(seconds: Double, ParkingPlan)

    /// A parking with `ParkingPlan.usual`, changed as wanted.
    public static func stop(seconds: Double, sentry: Bool = false, _ change: (inout ParkingPlan) -> Void = { _ in }) -> LifePhase {
        var plan = ParkingPlan.usual(seconds: seconds, sentry: sentry)
        change(&plan)
        return .park(seconds: seconds, plan)
    }
}
