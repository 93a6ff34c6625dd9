import Bytes

extension APIError.Code {
    /// A parameter whose message is already in the words of the charging spec.
    static let chargingParameter = APIError.Code(rawValue: "invalid_parameter_text")
}

/// The query parameters of the charging spec, checked. Refusals are 400 and name the parameter.
struct ChargingParameters {
    /// A year of hours; longer windows are asked for in pieces.
    static let hours = 1...8760
    /// Ten years.
    static let days = 1...3650
    static let years = 1970...2100
    static let months = 1...12

    let request: Request

    init(_ request: Request) { self.request = request }

    /// nil when absent or empty: every meter.
    func meter() throws(APIError) -> String? {
        guard let meter = try request.text("meter_id") else { return nil }
        // PostgreSQL's text holds no NUL, and no meter's id has a control character.
        if meter.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) { throw Self.invalid("meter_id", "不能包含控制字符") }
        return meter
    }

    func requiredMeter() throws(APIError) -> String {
        guard let meter = try meter() else { throw .missing("meter_id") }
        return meter
    }

    func whole(_ name: String, _ range: ClosedRange<Int>, default usual: Int) throws(APIError) -> Int {
        guard let text = try request.text(name) else { return usual }
        guard let value = Int(text), range.contains(value) else {
            throw Self.invalid(name, "必须是 \(range.lowerBound) 到 \(range.upperBound) 之间的整数")
        }
        return value
    }

    /// `year` and `month`; by default those of the local day of the request.
    func month(_ offset: UTCOffset) throws(APIError) -> LocalMonth {
        let now = LocalMonth(of: request.receivedAt, offset)
        return LocalMonth(
            year: try whole("year", Self.years, default: now.year), month: try whole("month", Self.months, default: now.month))
    }

    static func invalid(_ name: String, _ reason: String) -> APIError {
        APIError(400, .chargingParameter, "参数 \(name) 无效: \(reason)", field: name)
    }
}
