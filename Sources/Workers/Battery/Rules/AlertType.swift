import Bytes

/// The five types of alert, as the spec names them.
enum AlertType: String, CaseIterable {
    case lowBattery = "low_battery"
    case criticalBattery = "critical_battery"
    case highTemperature = "high_temperature"
    case rapidDrain = "rapid_drain"
    case deviceOffline = "device_offline"

    /// Those that follow from reports; being offline follows from their absence.
    static let ofReports: [AlertType] = [.lowBattery, .criticalBattery, .highTemperature, .rapidDrain]

    /// Its place among the conditions of a device.
    var slot: Int { Self.ofReports.firstIndex(of: self) ?? -1 }
}

/// What an owner has asked for: one enabled rule of a type.
struct AlertRule: Hashable {
    /// UUID.
    var id: String
    /// info, warning or critical; events take it over.
    var level: String
    var cooldownMinutes: Int64
    var wantsMail: Bool
}

/// What a device's reports are judged by, now. Percentages and degrees in thousandths.
struct AlertSettings: Hashable {
    var low: Int64 = 20_000
    var critical: Int64 = 10_000
    var highTemperature: Int64 = 45_000
    var drainPercent: Int64 = 15_000
    var drainMinutes: Int64 = 10
    var rules: [AlertType: AlertRule] = [:]

    /// Changes when anything that decides about events does; whether there is a mail does not.
    var fingerprint: Int64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func mix(_ bytes: some Sequence<UInt8>) { for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 } }
        mix("\(low) \(critical) \(highTemperature) \(drainPercent) \(drainMinutes)".utf8)
        for type in AlertType.ofReports {
            guard let rule = rules[type] else { continue }
            mix("|\(type.rawValue) \(rule.id) \(rule.level) \(rule.cooldownMinutes)".utf8)
        }
        // Never 0: that is no settings at all.
        return Int64(hash >> 12) | 1
    }
}

/// A report as the rules see it: thousandths of % and °C, so that a comparison is exact.
struct AlertReport: Hashable {
    var at: Timestamp
    var level: Int64
    var temperature: Int64?
    var isCharging: Bool

    static func thousandths(_ value: Float) -> Int64 { Int64((Double(value) * 1000).rounded()) }
    static func thousandths(_ value: Double) -> Int64 { Int64((value * 1000).rounded()) }
}

/// What the rules ask for.
enum AlertChange: Hashable {
    /// Value and threshold in thousandths of the type's unit.
    case open(AlertType, at: Timestamp, value: Int64, threshold: Int64, AlertRule)
    /// The condition of the event that was triggered then has ended.
    case close(AlertType, triggered: Timestamp, at: Timestamp)
}
