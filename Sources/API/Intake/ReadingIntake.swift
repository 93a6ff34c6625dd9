import Bytes
import Protocol

/// Reads meters' currents from a request body into the row codec of the bus. Pure: the time of arrival is a parameter.
/// A row that breaks a rule is reported and left out.
struct ReadingIntake: IntakeRows {
    /// Amperes; no charger comes near it.
    static let maxCurrent = 1e6
    /// Clocks that run ahead are taken up to this much, in seconds.
    static let aheadSeconds: Int64 = 86_400
    private static let firstTime = Timestamp(seconds: 0)
    /// 2101-01-01T00:00:00Z
    private static let lastTime = Timestamp(seconds: 4_133_980_800)

    /// Applies to timestamps without a zone.
    private let offset: UTCOffset
    private let latest: Timestamp
    private(set) var batch = ReadingBatch()
    private(set) var report = IntakeReport()

    // The row at hand. A member that comes twice counts the last time.
    private var meter = IntakeText()
    private var facility = IntakeText()
    private var time = Timestamp(seconds: 0)
    private var current = 0.0
    private var meterFault: StaticString?
    private var timeFault: StaticString?
    private var currentFault: StaticString?
    private var facilityFault: StaticString?
    private var hasFacility = false
    private var isObject = false

    init(offset: UTCOffset, now: Timestamp) {
        self.offset = offset
        latest = min(now.adding(seconds: Self.aheadSeconds), Self.lastTime)
    }

    mutating func badLine(_ error: JSONError) { report.reject(error.description) }

    mutating func read(_ r: inout JSONReader) throws(JSONError) {
        isObject = try r.kind() == .object
        guard isObject else { return try r.skip() }
        meterFault = "meter_id is missing"
        timeFault = "timestamp is missing"
        currentFault = "i is missing"
        facilityFault = nil
        hasFacility = false
        try r.object { (r, key) throws(JSONError) in
            switch key.raw.count {
            case 1 where key.equals("i"): try readCurrent(&r)
            case 8 where key.equals("meter_id"): try readMeter(&r)
            case 9 where key.equals("timestamp"): try readTime(&r)
            case 10 where key.equals("dev_fac_id"): try readFacility(&r)
            default: try other(key, &r)
            }
        }
    }

    /// Other members are ignored; the four may be written with escapes.
    private mutating func other(_ key: JSONReader.Text, _ r: inout JSONReader) throws(JSONError) {
        guard key.hasEscapes else { return try r.skip() }
        switch key.string {
        case "i": try readCurrent(&r)
        case "meter_id": try readMeter(&r)
        case "timestamp": try readTime(&r)
        case "dev_fac_id": try readFacility(&r)
        default: try r.skip()
        }
    }

    mutating func take() {
        guard isObject else { return report.reject("must be an object") }
        if let fault = meterFault ?? timeFault ?? currentFault ?? facilityFault { return report.reject("\(fault)") }
        meter.withBytes { meter in
            facility.withBytes { facility in batch.append(meter: meter, facility: hasFacility ? facility : nil, timestamp: time, current: current) }
        }
        report.accept()
    }

    // MARK: Members

    private mutating func readMeter(_ r: inout JSONReader) throws(JSONError) {
        guard try r.kind() == .string else {
            meterFault = "meter_id must be a string"
            return try r.skip()
        }
        meter.set(try r.text())
        meterFault = meter.count > 0 && meter.isID ? nil : "meter_id must have 1 to 64 bytes and no control characters"
    }

    private mutating func readFacility(_ r: inout JSONReader) throws(JSONError) {
        hasFacility = false
        facilityFault = nil
        if try r.null() { return }
        guard try r.kind() == .string else {
            facilityFault = "dev_fac_id must be a string or null"
            return try r.skip()
        }
        facility.set(try r.text())
        // An empty id names nothing.
        hasFacility = facility.count > 0
        if !facility.isID { facilityFault = "dev_fac_id must have at most 64 bytes and no control characters" }
    }

    private mutating func readTime(_ r: inout JSONReader) throws(JSONError) {
        guard try r.kind() == .string else {
            timeFault = "timestamp must be a string"
            return try r.skip()
        }
        let text = try r.text()
        let parsed = text.hasEscapes ? RFC3339.parse(text.string, defaultOffset: offset) : RFC3339.parse(text.raw, defaultOffset: offset)
        guard let parsed else {
            timeFault = "timestamp must be a date and time as RFC 3339 has it"
            return
        }
        time = parsed
        if parsed < Self.firstTime || parsed >= Self.lastTime {
            timeFault = "timestamp must be from 1970 to 2100"
        } else {
            timeFault = parsed > latest ? "timestamp is more than a day ahead" : nil
        }
    }

    private mutating func readCurrent(_ r: inout JSONReader) throws(JSONError) {
        guard try r.kind() == .number else {
            currentFault = "i must be a number"
            return try r.skip()
        }
        do throws(JSONError) {
            current = try r.double()
            currentFault = current.magnitude <= Self.maxCurrent ? nil : "i must be from -1000000 to 1000000"
        } catch let error where error.reason == .outOfRange {
            currentFault = "i must be from -1000000 to 1000000"
        }
    }
}
