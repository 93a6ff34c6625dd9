import Bytes
import Protocol

/// Reads a device's reports from a request's body into the row codec of the bus. Pure: the time of arrival is a parameter.
/// A row that breaks a rule is reported and left out.
struct ReportIntake: IntakeRows {
    /// Clocks that run ahead are taken up to this much, s.
    static let aheadSeconds: Int64 = 60
    /// 2000-01-01T00:00:00Z
    static let firstTime = Timestamp(seconds: 946_684_800)
    static let levels = 0.0...100.0
    static let temperatures = -40.0...85.0
    static let voltages = 0.0...10.0

    private let device: Int64
    private let now: Timestamp
    private(set) var batch = ReportBatch()
    private(set) var report = IntakeReport()
    /// Of the last row that was taken.
    private(set) var recordedAt: Timestamp
    /// The first fault of all rows.
    private(set) var firstFault: String?

    // The row at hand. A member that comes twice counts the last time.
    private var row: BatteryReport
    private var faults = Faults()
    private var isObject = false

    private struct Faults {
        var level: String? = "缺少 battery_level"
        var charging: String?
        var mode: String?
        var temperature: String?
        var voltage: String?
        var time: String?
        var first: String? { level ?? charging ?? mode ?? temperature ?? voltage ?? time }
    }

    init(device: Int64, now: Timestamp) {
        self.device = device
        self.now = now
        recordedAt = now
        row = BatteryReport(device: device, recordedAt: now, level: 0)
    }

    mutating func badLine(_ error: JSONError) { reject(error.description) }

    private mutating func reject(_ reason: String) {
        firstFault = firstFault ?? reason
        report.reject(reason)
    }

    mutating func read(_ r: inout JSONReader) throws(JSONError) {
        isObject = try r.kind() == .object
        guard isObject else { return try r.skip() }
        row = BatteryReport(device: device, recordedAt: now, level: 0)
        faults = Faults()
        try r.object { (r, key) throws(JSONError) in
            if key.equals("battery_level") {
                faults.level = nil
                row.level = try number(&r, Self.levels, "battery_level 必须是 0 到 100 的数字", isNullable: false, &faults.level) ?? 0
            } else if key.equals("is_charging") {
                try readCharging(&r)
            } else if key.equals("temperature") {
                row.temperature = try number(&r, Self.temperatures, "temperature 必须是 -40 到 85 的数字", isNullable: true, &faults.temperature)
            } else if key.equals("voltage") {
                row.voltage = try number(&r, Self.voltages, "voltage 必须是 0 到 10 的数字", isNullable: true, &faults.voltage)
            } else if key.equals("power_saving_mode") {
                try readMode(&r)
            } else if key.equals("recorded_at") {
                try readTime(&r)
            } else {
                try r.skip()
            }
        }
    }

    mutating func take() {
        guard isObject else { return reject("必须是 JSON 对象") }
        if let fault = faults.first { return reject(fault) }
        batch.append(row)
        recordedAt = row.recordedAt
        report.accept()
    }

    // MARK: Members

    private func number(
        _ r: inout JSONReader, _ range: ClosedRange<Double>, _ text: String, isNullable: Bool, _ fault: inout String?
    ) throws(JSONError) -> Float? {
        fault = nil
        if isNullable, try r.null() { return nil }
        guard try r.kind() == .number else {
            fault = text
            try r.skip()
            return nil
        }
        do throws(JSONError) {
            let value = try r.double()
            guard range.contains(value) else {
                fault = text
                return nil
            }
            return Float(value)
        } catch {
            guard error.reason == .outOfRange else { throw error }
            fault = text
            return nil
        }
    }

    private mutating func readCharging(_ r: inout JSONReader) throws(JSONError) {
        faults.charging = nil
        row.isCharging = false
        if try r.null() { return }
        guard try r.kind() == .bool else {
            faults.charging = "is_charging 必须是布尔值"
            return try r.skip()
        }
        row.isCharging = try r.bool()
    }

    private mutating func readMode(_ r: inout JSONReader) throws(JSONError) {
        faults.mode = nil
        row.mode = .off
        if try r.null() { return }
        let text = "power_saving_mode 必须是 off、low、medium、high 或 extreme"
        guard try r.kind() == .string else {
            faults.mode = text
            return try r.skip()
        }
        if let mode = PowerSavingMode(name: try r.string()) { row.mode = mode } else { faults.mode = text }
    }

    private mutating func readTime(_ r: inout JSONReader) throws(JSONError) {
        faults.time = nil
        row.recordedAt = now
        if try r.null() { return }
        guard try r.kind() == .string else {
            faults.time = "recorded_at 必须是 ISO 8601 时间"
            return try r.skip()
        }
        let text = try r.text()
        let time = text.hasEscapes ? RFC3339.parse(text.string, defaultOffset: .utc) : RFC3339.parse(text.raw, defaultOffset: .utc)
        guard let time else {
            faults.time = "recorded_at 必须是 ISO 8601 时间"
            return
        }
        faults.time = Self.fault(of: time, now: now)
        row.recordedAt = time
    }

    /// Why a report cannot be of that time; nil when it can.
    static func fault(of time: Timestamp, now: Timestamp) -> String? {
        if time < firstTime { return "recorded_at 不能早于 2000 年" }
        return time > now.adding(seconds: aheadSeconds) ? "recorded_at 不能是未来时间" : nil
    }

    // MARK: Bodies

    /// One object. Throws 400 with what is wrong with it.
    mutating func readOne(_ body: [UInt8]) throws(APIError) {
        let result: Result<Void, JSONError> = body.withUnsafeBufferPointer { body in
            var reader = JSONReader(body)
            do throws(JSONError) {
                try read(&reader)
                try reader.end()
                return .success(take())
            } catch {
                return .failure(error)
            }
        }
        if case .failure(let error) = result { throw .said(400, "请求体不是有效的 JSON：\(error.description)") }
        if let firstFault { throw .said(400, "请求参数错误：\(firstFault)") }
    }

    /// `{"data":[…]}`, or the array alone. Throws 400 when it is neither.
    mutating func readMany(_ body: [UInt8]) throws(APIError) {
        var hasData = false
        var isList = true
        let result: Result<Void, JSONError> = body.withUnsafeBufferPointer { body in
            var reader = JSONReader(body)
            do throws(JSONError) {
                switch try reader.kind() {
                case .array:
                    hasData = true
                    try readList(&reader)
                case .object:
                    try reader.object { (r, key) throws(JSONError) in
                        guard key.equals("data") else { return try r.skip() }
                        hasData = true
                        isList = try r.kind() == .array
                        if isList { try readList(&r) } else { try r.skip() }
                    }
                default: try reader.skip()
                }
                return .success(try reader.end())
            } catch {
                return .failure(error)
            }
        }
        if case .failure(let error) = result { throw .said(400, "请求体不是有效的 JSON：\(error.description)") }
        guard hasData else { throw .said(400, "缺少必需参数：data") }
        guard isList else { throw .said(400, "参数无效：data 必须是数组") }
    }

    private mutating func readList(_ reader: inout JSONReader) throws(JSONError) {
        try reader.array { (r) throws(JSONError) in
            try read(&r)
            take()
        }
    }

    /// One report from the parts of a query.
    mutating func take(_ one: BatteryReport) {
        batch.append(one)
        recordedAt = one.recordedAt
        report.accept()
    }
}
