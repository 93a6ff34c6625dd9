import Bytes
import Postgres

/// What alerts say, and how they are told to listeners.
enum AlertText {
    /// The message of an event; `minutes` is the window of a rapid drain.
    static func message(_ type: AlertType, value: Int64, minutes: Int64) -> String {
        switch type {
        case .lowBattery: "设备电量低: \(number(value))%"
        case .criticalBattery: "设备电量临界: \(number(value))%"
        case .highTemperature: "设备温度过高: \(tenths(value))°C"
        case .deviceOffline: "设备已离线"
        case .rapidDrain: "设备电量快速下降: \(number(value))%/\(minutes)分钟"
        }
    }

    /// Thousandths as a number without needless zeros.
    static func number(_ thousandths: Int64) -> String {
        var digits = String(thousandths.magnitude % 1000)
        digits = String(repeating: "0", count: 3 - digits.count) + digits
        while digits.last == "0" { digits.removeLast() }
        return (thousandths < 0 ? "-" : "") + String(thousandths.magnitude / 1000) + (digits.isEmpty ? "" : "." + digits)
    }

    /// Thousandths with one decimal, half away from zero.
    static func tenths(_ thousandths: Int64) -> String {
        let n = (thousandths.magnitude + 50) / 100
        return (thousandths < 0 && n > 0 ? "-" : "") + "\(n / 10).\(n % 10)"
    }

    /// The columns that `payload` reads, of the table `e` with the device `d`.
    static let columns = """
        e.id::text, d.id::text, e.rule::text, e.alert_type, e.level, e.status, e.message, e.value, e.threshold, e.triggered_at, e.acknowledged_at, e.resolved_at
        """

    /// The spec's AlertEvent with what happened to it.
    static func payload(_ rows: PostgresRows, _ row: Int, happened: String) throws -> [UInt8] {
        var w = JSONWriter(capacity: 480)
        try w.object { w in
            w.member("event", happened)
            w.member("id", try rows.string(row, 0))
            w.member("device_id", try rows.string(row, 1))
            w.member("rule_id", try rows.string(row, 2))
            w.member("alert_type", try rows.string(row, 3))
            w.member("level", try rows.string(row, 4))
            w.member("status", try rows.string(row, 5))
            w.member("message", try rows.string(row, 6))
            w.member("value", try rows.double(row, 7))
            w.member("threshold", try rows.double(row, 8))
            w.member("triggered_at", try rows.timestamp(row, 9), .utc)
            w.member("acknowledged_at", try rows.timestampIfPresent(row, 10), .utc)
            w.member("resolved_at", try rows.timestampIfPresent(row, 11), .utc)
        }
        return w.bytes
    }
}
