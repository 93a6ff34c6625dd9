import Glibc

/// How soon a stream is tried again, by what has happened to it (reference §3.5). Pure; randomness is given.
struct StreamPace: Equatable {
    /// Seconds between a lost connection and the next.
    let reconnectSeconds: Double
    /// In a row, without a frame between.
    private var disconnects = 0
    private var silences = 0
    private var failures = 0
    /// Whether the last frame had a shift state: then somebody is in the car, and frames will be back soon.
    private var hasShift = false

    static let longestSeconds = 60.0

    init(reconnectSeconds: Double) { self.reconnectSeconds = reconnectSeconds }

    /// How long frames are waited for after a subscription, s: 10, 20, then 30.
    var patienceSeconds: Double { min(10 * Double(silences + 1), 30) }

    mutating func frame(hasShift: Bool) {
        self.hasShift = hasShift
        disconnects = 0
        silences = 0
        failures = 0
    }

    /// The server has lost the car. When to subscribe again, and whether by a new connection, as every tenth time.
    mutating func vehicleDisconnected(_ random: Double) -> (seconds: Double, isNewConnection: Bool) {
        disconnects += 1
        let seconds = hasShift ? min(pow(1.3, Double(disconnects)), 8) : 15 + 15 * random
        return (seconds, disconnects % 10 == 0)
    }

    /// Nothing has come for long. Whether that is to be told: the fifth time, the fifteenth, and so on.
    mutating func silent() -> Bool {
        silences += 1
        return silences % 10 == 5
    }

    /// The connection is lost, or did not come about: seconds to the next attempt.
    mutating func lost(_ random: Double) -> Double {
        defer { failures += 1 }
        return min(reconnectSeconds * pow(2, Double(min(failures, 10))), max(Self.longestSeconds, reconnectSeconds)) * (1 + random / 4)
    }
}
