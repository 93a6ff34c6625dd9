import Bytes

/// What is to be asked of a car next.
struct PollPlan: Equatable {
    enum Question: String {
        /// All of it. Keeps the car awake.
        case data
        /// Only whether it is online. Wakes nobody.
        case summary
        /// The account's list, as its id seems to have changed.
        case list
    }

    var question: Question
    /// Not before: the latest of the state's interval, the back-off and what the service has asked for.
    var at: Timestamp
    /// Whether its stream is to be followed.
    var wantsStream: Bool
}

/// Intervals and rules, as the spec's settings give them.
struct VehicleRules: Equatable {
    /// Seconds between polls.
    var onlineSeconds = 15.0
    var drivingSeconds = 3.0
    var chargingSeconds = 5.0
    var asleepSeconds = 30.0
    var backoffInitialSeconds = 1.0
    var backoffMaxSeconds = 30.0
    var backoffFactor = 2.0
    /// Idle for so long, and nothing in the way: logging is suspended.
    var suspendAfterIdleMinutes = 15.0
    /// Between two looks at a suspended car, without a stream.
    var suspendPollSeconds = 1260.0
    var requiresLocked = false
    var usesStream = true
}
