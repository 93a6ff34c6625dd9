public import Bytes

/// The mail that tells of an alert.
public struct AlertMail: Sendable {
    public var device: String
    /// As in `heliograph.alert_event`: low_battery, critical_battery, high_temperature, device_offline or rapid_drain.
    public var alertType: String
    /// info, warning or critical.
    public var level: String
    /// The event's own words, in Chinese.
    public var message: String
    /// % or °C, as the type says.
    public var value: Double
    public var threshold: Double
    public var triggeredAt: Timestamp
    public var offset: UTCOffset

    public init(
        device: String, alertType: String, level: String, message: String, value: Double, threshold: Double, triggeredAt: Timestamp, offset: UTCOffset
    ) {
        self.device = device
        self.alertType = alertType
        self.level = level
        self.message = message
        self.value = value
        self.threshold = threshold
        self.triggeredAt = triggeredAt
        self.offset = offset
    }

    /// The most characters of a device's name and of a message.
    private static let mostName = 100
    private static let mostMessage = 300

    public func content(_ language: MailLanguage) -> MailContent {
        let name = MailContent.line(device, most: Self.mostName)
        let said = MailContent.line(language == .english ? english : message, most: Self.mostMessage)
        switch language {
        case .chinese:
            return MailContent(
                subject: "[\(levelName(language))] \(name)：\(said)", language: language, heading: "您的设备触发了预警：",
                paragraphs: [said, "设备：\(name)\n级别：\(levelName(language))\n时间：\(time)", "请登录 Heliograph 查看并确认。"], strong: 0)
        case .english:
            return MailContent(
                subject: "[\(levelName(language))] \(name): \(said)", language: language, heading: "One of your devices has raised an alert:",
                paragraphs: [
                    said, "Device: \(name)\nLevel: \(levelName(language))\nTime: \(time)", "Log in to Heliograph to look at it and to acknowledge it.",
                ],
                strong: 0)
        }
    }

    private func levelName(_ language: MailLanguage) -> String {
        switch (level, language) {
        case ("info", .chinese): "提示"
        case ("warning", .chinese): "警告"
        case ("critical", .chinese): "严重"
        default: MailContent.line(level, most: 20)
        }
    }

    private var english: String {
        switch alertType {
        case "low_battery": "Battery low: \(Self.number(value)) %"
        case "critical_battery": "Battery critical: \(Self.number(value)) %"
        case "high_temperature": "Temperature too high: \(Self.number(value)) °C"
        case "device_offline": "The device is offline"
        case "rapid_drain": "Battery draining fast: \(Self.number(value)) % (limit \(Self.number(threshold)) %)"
        default: message
        }
    }

    /// With one digit behind the point, or none where it would be a nought.
    static func number(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e9 else { return "\(value)" }
        let tenths = Int((abs(value) * 10).rounded())
        let sign = value < 0 && tenths > 0 ? "-" : ""
        return tenths % 10 == 0 ? "\(sign)\(tenths / 10)" : "\(sign)\(tenths / 10).\(tenths % 10)"
    }

    /// `2026-01-12 18:30:05 (UTC+08:00)`
    private var time: String {
        let local = triggeredAt.seconds + offset.seconds
        let day = Civil.floorDivide(local, 86_400)
        let rest = Int(local - day * 86_400)
        let date = Civil.date(days: day)
        func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
        let clock = [rest / 3600, rest / 60 % 60, rest % 60].map(two).joined(separator: ":")
        return "\(date.year)-\(two(date.month))-\(two(date.day)) \(clock) (UTC\(offset == .utc ? "" : offset.description))"
    }
}
