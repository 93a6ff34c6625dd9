/// What the vehicle worker is told: the spec's settings, and where the service is.
public struct VehicleOptions: Sendable {
    // The spec's intervals, s.
    public var onlineSeconds = 15.0
    public var drivingSeconds = 3.0
    public var chargingSeconds = 5.0
    public var asleepSeconds = 30.0
    public var backoffInitialSeconds = 1.0
    public var backoffMaxSeconds = 30.0
    public var backoffFactor = 2.0
    public var suspendAfterIdleMinutes = 15.0
    public var suspendPollSeconds = 1260.0
    public var requiresLocked = false
    public var usesStream = true
    /// Between the loss of a stream and the next attempt, s; doubled with every failure up to a minute.
    public var streamReconnectSeconds = 5.0

    // Hosts. Empty: by the region of the account's token.
    public var apiURL = ""
    public var authURL = ""
    public var streamURL = ""
    /// Certificates to trust instead of the system's, PEM; empty: the system's.
    public var caFile = ""

    /// `{"access_token","refresh_token"}`, taken over once where there is no such account yet; empty: none.
    public var tokenFile = ""
    /// Requests a car and UTC day; 0: no bound.
    public var requestsPerDay = 0

    /// Of one request, ms.
    public var deadlineMs = 10_000
    /// Requests on their way at the same time; more wait for their turn.
    public var requestsInFlight = 1_000
    /// The first questions after a start are spread over so long, s.
    public var spreadSeconds = 5.0
    /// Between two beats of a poller, ms.
    public var beatMs = 1_000
    /// A poller that was not heard of for so long is dead, by the database's clock, ms.
    public var deadMs = 5_000
    /// A beat is trusted for so long by its poller's own clock: less than the above, ms.
    public var trustMs = 4_000
    /// Between two looks at an account's list, s.
    public var listSeconds = 3_600.0

    /// How fast the given clock runs beside ours: other than 1 only with a simulated service.
    public var clockSpeed = 1.0

    public init() {}

    /// Our nanoseconds in so many seconds of the clock.
    func ns(_ seconds: Double) -> Int64 { Int64(max(0, seconds) / clockSpeed * 1e9) }

    var rules: VehicleRules {
        VehicleRules(
            onlineSeconds: onlineSeconds, drivingSeconds: drivingSeconds, chargingSeconds: chargingSeconds, asleepSeconds: asleepSeconds,
            backoffInitialSeconds: backoffInitialSeconds, backoffMaxSeconds: backoffMaxSeconds, backoffFactor: backoffFactor,
            suspendAfterIdleMinutes: suspendAfterIdleMinutes, suspendPollSeconds: suspendPollSeconds, requiresLocked: requiresLocked, usesStream: usesStream)
    }
}
