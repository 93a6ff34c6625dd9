import API
import Bytes
import Glibc
import Reactor
import Workers

/// One setting: an environment variable that `.env` may give too.
struct Setting {
    var name: String
    var fallback: String
    var meaning: String
    var isSecret = false
}

/// All settings with their values and where each came from.
struct Settings {
    static let all = own + mail + vehicleLogbook + vehiclePoller
    private static let own: [Setting] = [
        Setting(name: "APP_ENV", fallback: "development", meaning: "development or production; production asks for tokens everywhere"),
        Setting(name: "DATABASE_URL", fallback: "", meaning: "PostgreSQL to use; empty: a private one under the data directory", isSecret: true),
        Setting(name: "PORT", fallback: "8000", meaning: "HTTP port; 0 picks a free one"),
        Setting(name: "VEHICLE_PORT", fallback: "4000", meaning: "second HTTP port, where the vehicle client looks; 0 picks a free one"),
        Setting(name: "HELIOGRAPH_HOST", fallback: "0.0.0.0", meaning: "address the HTTP ports are bound to"),
        Setting(name: "HELIOGRAPH_DATA", fallback: ".heliograph", meaning: "data directory"),
        Setting(name: "HELIOGRAPH_HOME", fallback: "", meaning: "folder with Migrations and Public; empty: found from the working directory or the program"),
        Setting(name: "HELIOGRAPH_BROKERS", fallback: "", meaning: "brokers to use, 'work-address,topics-address[,public-key]' separated by ';'"),
        Setting(name: "HELIOGRAPH_LOG", fallback: "info", meaning: "debug, info, warning or error"),
        Setting(name: "HELIOGRAPH_ACCESS_LOG", fallback: "off", meaning: "on writes a line per request"),
        Setting(name: "HELIOGRAPH_API_LOOPS", fallback: "2", meaning: "HTTP threads, 1 to 64"),
        Setting(name: "HELIOGRAPH_UTC_OFFSET", fallback: "+08:00", meaning: "local time of the charging API and its statistics"),
        Setting(name: "HELIOGRAPH_FORECAST_HOURS", fallback: "24", meaning: "how far predictions reach, 1 to 168"),
        Setting(name: "HELIOGRAPH_FORECAST_STEP_MINUTES", fallback: "15", meaning: "distance of predictions, 1 to 1440"),
        Setting(name: "HELIOGRAPH_KEEP_COMPLETED", fallback: "7", meaning: "days that completed jobs are kept, 1 to 3650"),
        Setting(name: "HELIOGRAPH_KEEP_FAILED", fallback: "30", meaning: "days that cancelled and discarded jobs are kept, 1 to 3650"),
        Setting(
            name: "HELIOGRAPH_SECRET_KEY", fallback: "", meaning: "64 hex digits, the same for all processes; empty: a file of the data directory",
            isSecret: true),
        Setting(name: "HELIOGRAPH_REQUIRE_EMAIL_VERIFICATION", fallback: "off", meaning: "on makes accounts only for addresses whose code was given"),
        Setting(name: "HELIOGRAPH_RECAPTCHA_SITE_KEY", fallback: "", meaning: "reCAPTCHA key for browsers; empty: nobody is asked"),
        Setting(name: "HELIOGRAPH_RECAPTCHA_SECRET", fallback: "", meaning: "reCAPTCHA key for the provider", isSecret: true),
        Setting(name: "HELIOGRAPH_RECAPTCHA_URL", fallback: ReCaptchaOptions.usualURL, meaning: "where reCAPTCHA tokens are checked"),
        Setting(name: "CORS_ORIGINS", fallback: "*", meaning: "origins that browsers may call from, separated by commas"),
    ]

    var values: [String: (value: String, origin: String)] = [:]

    /// Reads the environment, then `.env` for what is not set, then the defaults. Unknown `HELIOGRAPH_*` names are refused.
    init(_ arguments: Arguments) throws(UsageError) {
        for (name, value, origin) in try DotEnv.read(".env") + Environment.all().map({ ($0.0, $0.1, "environment") }) {
            if Self.all.contains(where: { $0.name == name }) {
                values[name] = (value, origin)
            } else if name.hasPrefix("HELIOGRAPH_") {
                throw UsageError("\(name) (from \(origin)) is no setting of Heliograph; 'heliograph config' lists them")
            }
        }
        if let data = arguments.value("data") { values["HELIOGRAPH_DATA"] = (data, "--data") }
        if let log = arguments.value("log") { values["HELIOGRAPH_LOG"] = (log, "--log") }
        try check()
    }

    subscript(_ name: String) -> String { values[name]?.value ?? Self.all.first { $0.name == name }?.fallback ?? "" }
    func origin(_ name: String) -> String { values[name]?.origin ?? "default" }

    var isProduction: Bool { self["APP_ENV"] == "production" }
    var offset: UTCOffset { UTCOffset(self["HELIOGRAPH_UTC_OFFSET"]) ?? .beijing }
    func int(_ name: String) -> Int { Int(self[name]) ?? 0 }

    var logLevel: Log.Level? {
        switch self["HELIOGRAPH_LOG"] {
        case "debug": .debug
        case "info": .info
        case "warning": .warning
        case "error": .error
        default: nil
        }
    }

    var prediction: PredictionSettings {
        PredictionSettings(offset: offset, horizonHours: int("HELIOGRAPH_FORECAST_HOURS"), stepMinutes: int("HELIOGRAPH_FORECAST_STEP_MINUTES"))
    }

    var upkeep: UpkeepOptions {
        var options = UpkeepOptions()
        options.keepCompletedDays = int("HELIOGRAPH_KEEP_COMPLETED")
        options.keepFailedDays = int("HELIOGRAPH_KEEP_FAILED")
        options.keepVehicleJournalDays = int("HELIOGRAPH_VEHICLE_JOURNAL_DAYS")
        return options
    }

    var accounts: AccountOptions {
        var options = AccountOptions()
        options.requiresEmailVerification = self["HELIOGRAPH_REQUIRE_EMAIL_VERIFICATION"] == "on"
        if !self["HELIOGRAPH_RECAPTCHA_SITE_KEY"].isEmpty {
            options.recaptcha = ReCaptchaOptions(
                siteKey: self["HELIOGRAPH_RECAPTCHA_SITE_KEY"], secret: self["HELIOGRAPH_RECAPTCHA_SECRET"], url: self["HELIOGRAPH_RECAPTCHA_URL"])
        }
        return options
    }

    private func check() throws(UsageError) {
        func fail(_ name: String, _ rule: String) throws(UsageError) {
            throw UsageError("\(name)='\(self[name])' (from \(origin(name))) \(rule)")
        }
        if self["APP_ENV"] != "development", !isProduction { try fail("APP_ENV", "must be development or production") }
        if logLevel == nil { try fail("HELIOGRAPH_LOG", "must be debug, info, warning or error") }
        for name in ["HELIOGRAPH_ACCESS_LOG", "HELIOGRAPH_REQUIRE_EMAIL_VERIFICATION"] where !["on", "off"].contains(self[name]) {
            try fail(name, "must be on or off")
        }
        if UTCOffset(self["HELIOGRAPH_UTC_OFFSET"]) == nil { try fail("HELIOGRAPH_UTC_OFFSET", "must be Z or like +08:00") }
        for (name, range) in [
            ("PORT", 0...65535), ("VEHICLE_PORT", 0...65535), ("HELIOGRAPH_API_LOOPS", 1...64), ("HELIOGRAPH_FORECAST_HOURS", 1...168),
            ("HELIOGRAPH_FORECAST_STEP_MINUTES", 1...1440), ("HELIOGRAPH_KEEP_COMPLETED", 1...3650), ("HELIOGRAPH_KEEP_FAILED", 1...3650),
            ("HELIOGRAPH_VEHICLE_JOURNAL_DAYS", 1...3650),
        ] {
            guard let number = Int(self[name]), range.contains(number) else {
                return try fail(name, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
        }
        try checkMail()
        _ = try geocoding()
        _ = try vehicles()
        if isProduction, self["DATABASE_URL"].isEmpty { try fail("DATABASE_URL", "must be set where APP_ENV=production") }
        // Its value is not for messages.
        if !self["HELIOGRAPH_SECRET_KEY"].isEmpty, SecretKey.parse(self["HELIOGRAPH_SECRET_KEY"]) == nil {
            throw UsageError("HELIOGRAPH_SECRET_KEY (from \(origin("HELIOGRAPH_SECRET_KEY"))) must be 64 hex digits")
        }
        if self["HELIOGRAPH_RECAPTCHA_SITE_KEY"].isEmpty != self["HELIOGRAPH_RECAPTCHA_SECRET"].isEmpty {
            throw UsageError("HELIOGRAPH_RECAPTCHA_SITE_KEY and HELIOGRAPH_RECAPTCHA_SECRET go together")
        }
        if !["http://", "https://"].contains(where: { self["HELIOGRAPH_RECAPTCHA_URL"].hasPrefix($0) }) {
            try fail("HELIOGRAPH_RECAPTCHA_URL", "must begin with https:// or http://")
        }
    }
}
