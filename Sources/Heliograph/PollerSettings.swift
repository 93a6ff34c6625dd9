import Workers

/// Settings of the vehicles' poller; names and defaults are the vehicle spec's, where it has them.
extension Settings {
    static let vehiclePoller: [Setting] = [
        Setting(name: "POLL_INTERVAL_ONLINE", fallback: "15s", meaning: "between two polls of a car that is awake, 50ms to 24h"),
        Setting(name: "POLL_INTERVAL_DRIVING", fallback: "3s", meaning: "of one that drives"),
        Setting(name: "POLL_INTERVAL_CHARGING", fallback: "5s", meaning: "of one that charges"),
        Setting(name: "POLL_INTERVAL_ASLEEP", fallback: "30s", meaning: "of one that sleeps or is offline; it is not woken"),
        Setting(name: "POLL_BACKOFF_INITIAL", fallback: "1s", meaning: "wait after a first failure"),
        Setting(name: "POLL_BACKOFF_MAX", fallback: "30s", meaning: "longest wait after failures"),
        Setting(name: "POLL_BACKOFF_FACTOR", fallback: "2.0", meaning: "how the wait grows with each failure, 1 to 10"),
        Setting(
            name: "SUSPEND_AFTER_IDLE_MIN", fallback: "15", meaning: "minutes without use until logging is suspended, so that the car may sleep, 1 to 1440"),
        Setting(name: "SUSPEND_POLL_INTERVAL", fallback: "21m", meaning: "between two polls of a suspended car"),
        Setting(name: "REQUIRE_NOT_UNLOCKED", fallback: "false", meaning: "true: an unlocked car is not suspended"),
        Setting(name: "USE_STREAMING_API", fallback: "true", meaning: "false: cars are polled only"),
        Setting(name: "STREAMING_HOST", fallback: "", meaning: "ws:// or wss:// URL of the stream; empty: by the account's region"),
        Setting(name: "STREAMING_RECONNECT_DELAY", fallback: "5s", meaning: "wait after a lost stream"),
        Setting(name: "TOKEN_FILE", fallback: "tokens.json", meaning: "{\"access_token\",\"refresh_token\"}, taken over once at start; need not be there"),
        Setting(name: "HELIOGRAPH_VEHICLE_API", fallback: "", meaning: "URL of the vehicle service; empty: by the account's region"),
        Setting(name: "HELIOGRAPH_VEHICLE_AUTH", fallback: "", meaning: "URL where its tokens are renewed; empty: by the account's region"),
        Setting(name: "HELIOGRAPH_VEHICLE_CA_FILE", fallback: "", meaning: "certificates to trust there instead of the system's, PEM"),
        Setting(name: "HELIOGRAPH_VEHICLE_BUDGET", fallback: "0", meaning: "requests a car and UTC day, 0 to 1000000; 0: no bound"),
    ]

    /// Called where settings are read: a mistake in them is told at start.
    func vehicles() throws(UsageError) -> VehicleOptions {
        var options = VehicleOptions()
        options.onlineSeconds = try seconds("POLL_INTERVAL_ONLINE")
        options.drivingSeconds = try seconds("POLL_INTERVAL_DRIVING")
        options.chargingSeconds = try seconds("POLL_INTERVAL_CHARGING")
        options.asleepSeconds = try seconds("POLL_INTERVAL_ASLEEP")
        options.backoffInitialSeconds = try seconds("POLL_BACKOFF_INITIAL")
        options.backoffMaxSeconds = try seconds("POLL_BACKOFF_MAX")
        options.suspendPollSeconds = try seconds("SUSPEND_POLL_INTERVAL")
        options.streamReconnectSeconds = try seconds("STREAMING_RECONNECT_DELAY")
        guard options.backoffInitialSeconds <= options.backoffMaxSeconds else {
            throw wrong("POLL_BACKOFF_MAX", "must not be shorter than POLL_BACKOFF_INITIAL")
        }
        guard let factor = Double(self["POLL_BACKOFF_FACTOR"]), (1...10).contains(factor) else {
            throw wrong("POLL_BACKOFF_FACTOR", "must be a number from 1 to 10")
        }
        options.backoffFactor = factor
        guard let idle = Int(self["SUSPEND_AFTER_IDLE_MIN"]), (1...1_440).contains(idle) else {
            throw wrong("SUSPEND_AFTER_IDLE_MIN", "must be a whole number from 1 to 1440")
        }
        options.suspendAfterIdleMinutes = Double(idle)
        options.requiresLocked = try isTrue("REQUIRE_NOT_UNLOCKED")
        options.usesStream = try isTrue("USE_STREAMING_API")
        options.apiURL = try url("HELIOGRAPH_VEHICLE_API", "https://", "http://")
        options.authURL = try url("HELIOGRAPH_VEHICLE_AUTH", "https://", "http://")
        options.streamURL = try url("STREAMING_HOST", "wss://", "ws://")
        options.caFile = self["HELIOGRAPH_VEHICLE_CA_FILE"]
        options.tokenFile = self["TOKEN_FILE"]
        guard let budget = Int(self["HELIOGRAPH_VEHICLE_BUDGET"]), (0...1_000_000).contains(budget) else {
            throw wrong("HELIOGRAPH_VEHICLE_BUDGET", "must be a whole number from 0 to 1000000")
        }
        options.requestsPerDay = budget
        return options
    }

    private func wrong(_ name: String, _ rule: String) -> UsageError { UsageError("\(name)='\(self[name])' (from \(origin(name))) \(rule)") }

    /// `500ms`, `15s`, `2.5s`, `21m`, `1h`.
    private func seconds(_ name: String) throws(UsageError) -> Double {
        let text = self[name]
        let digits = text.prefix { ("0"..."9").contains($0) || $0 == "." }
        let units: [String: Double] = ["ms": 0.001, "s": 1, "m": 60, "h": 3_600]
        guard let number = Double(digits), let unit = units[String(text.dropFirst(digits.count))], (0.05...86_400).contains(number * unit) else {
            throw wrong(name, "must be a time from 50ms to 24h, like 500ms, 15s or 21m")
        }
        return number * unit
    }

    private func isTrue(_ name: String) throws(UsageError) -> Bool {
        switch self[name].lowercased() {
        case "true": return true
        case "false": return false
        default: throw wrong(name, "must be true or false")
        }
    }

    private func url(_ name: String, _ schemes: String...) throws(UsageError) -> String {
        let text = self[name]
        guard text.isEmpty || schemes.contains(where: { text.hasPrefix($0) && text.utf8.count > $0.utf8.count }) else {
            throw wrong(name, "must begin with \(schemes.joined(separator: " or "))")
        }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { throw wrong(name, "must be a URL") }
        return text
    }
}
