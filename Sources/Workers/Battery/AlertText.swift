import Bytes
import Postgres
import Protocol

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

    private static let event = RowObject(names: AlertEvent.members, first: 0)

    /// The spec's AlertEvent with what happened to it. Rows have `AlertEvent.columns`.
    static func payload(_ rows: PostgresRows, _ row: Int, happened: String) throws -> [UInt8] {
        var w = JSONWriter(capacity: 480)
        try w.object { w in
            w.member("event", happened)
            try event.members(rows, row, to: &w)
        }
        return w.bytes
    }
}
