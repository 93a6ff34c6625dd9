import Bytes
import HTTP
import Protocol

/// A report in a query or a form, for devices that can do no more than fetch an address.
enum CompatReport {
    /// `full`: level, charging, temp, voltage, ts; `short`: l, c.
    enum Form {
        case full, short
    }

    /// The parameters of the query, and of a form in the body.
    struct Fields {
        private let query: Query
        private let form: Query

        init(_ request: Request) throws(APIError) {
            query = try request.query()
            form = request.method == .post && !request.body.isEmpty ? try request.form() : Query()
        }

        var token: String? { self["token"] }
        /// nil when absent or empty.
        subscript(_ name: String) -> String? { (query[name] ?? form[name]).flatMap { $0.isEmpty ? nil : $0 } }
    }

    static func report(_ fields: Fields, _ form: Form, device: Int64, now: Timestamp) throws(APIError) -> BatteryReport {
        let (level, charging) = form == .full ? ("level", "charging") : ("l", "c")
        guard let percent = try number(fields, level, ReportIntake.levels) else { throw .said(400, "缺少必需参数：\(level)") }
        var report = BatteryReport(device: device, recordedAt: now, level: percent)
        if let text = fields[charging] {
            switch text.lowercased() {
            case "1", "true", "yes": report.isCharging = true
            case "0", "false", "no": report.isCharging = false
            default: throw .said(400, "参数无效：\(charging)")
            }
        }
        guard form == .full else { return report }
        report.temperature = try number(fields, "temp", ReportIntake.temperatures)
        report.voltage = try number(fields, "voltage", ReportIntake.voltages)
        if let text = fields["ts"] {
            guard let time = time(text) else { throw .said(400, "参数无效：ts") }
            if let fault = ReportIntake.fault(of: time, now: now) { throw .said(400, "参数无效：\(fault)") }
            report.recordedAt = time
        }
        return report
    }

    private static func number(_ fields: Fields, _ name: String, _ range: ClosedRange<Double>) throws(APIError) -> Float? {
        guard let text = fields[name] else { return nil }
        guard text.utf8.count <= 32, text.utf8.allSatisfy({ $0 &- 0x30 < 10 || $0 == 0x2E || $0 == 0x2D }), let value = Double(text), range.contains(value)
        else { throw .said(400, "参数无效：\(name)") }
        return Float(value)
    }

    /// Seconds or, from 10¹¹ on, milliseconds since 1970; or RFC 3339.
    static func time(_ text: String) -> Timestamp? {
        guard let number = Int64(text) else { return RFC3339.parse(text, defaultOffset: .utc) }
        guard number >= 0, number < 100_000_000_000_000 else { return nil }
        return number < 100_000_000_000 ? Timestamp(seconds: number) : Timestamp(microseconds: number * 1_000)
    }
}
