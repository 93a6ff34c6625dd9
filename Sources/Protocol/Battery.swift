public import Bytes

/// Names that the battery domain uses on the bus.
public enum BatteryNames {
    /// Ingest stream of `ReportBatch`es. The answer is `{"inserted":k}`; when some of a batch of up to `namedRows` were known before, their places in it
    /// follow as `"known":[row, …]`.
    public static let reports = "battery.reports"
    public static let namedRows = 1_000
    /// The job that mails an alert; args `{"event":"<uuid>"}`.
    public static let alertMail = "mail.alert"
}

/// How hard a device saves power; the raw value is what the database keeps.
public enum PowerSavingMode: UInt8, Sendable, CaseIterable {
    case off, low, medium, high, extreme

    /// As the spec writes it.
    public var name: String {
        switch self {
        case .off: "off"
        case .low: "low"
        case .medium: "medium"
        case .high: "high"
        case .extreme: "extreme"
        }
    }

    public init?(name: String) {
        guard let mode = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = mode
    }
}

/// One report of a battery device.
public struct BatteryReport: Hashable, Sendable {
    /// The device's number.
    public var device: Int64
    public var recordedAt: Timestamp
    /// %, 0…100.
    public var level: Float
    /// °C.
    public var temperature: Float?
    /// V.
    public var voltage: Float?
    public var isCharging: Bool
    public var mode: PowerSavingMode

    public init(
        device: Int64, recordedAt: Timestamp, level: Float, temperature: Float? = nil, voltage: Float? = nil, isCharging: Bool = false,
        mode: PowerSavingMode = .off
    ) {
        self.device = device
        self.recordedAt = recordedAt
        self.level = level
        self.temperature = temperature
        self.voltage = voltage
        self.isCharging = isCharging
        self.mode = mode
    }
}

/// The row codec of battery reports: little-endian, no padding.
///
/// `device i64 · recorded_at i64 µs · level f32 · flags u8 · temperature f32? · voltage f32?`; flags: 1 charging, 2 has a temperature,
/// 4 has a voltage, the mode from bit 3.
public struct ReportBatch: Sendable {
    public private(set) var bytes: [UInt8] = []
    public private(set) var count = 0

    public init() {}

    public mutating func append(_ report: BatteryReport) {
        func put(_ value: some FixedWidthInteger) { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }
        put(report.device)
        put(report.recordedAt.microseconds)
        put(report.level.bitPattern)
        put((report.isCharging ? 1 : 0) | (report.temperature != nil ? 2 : 0) | (report.voltage != nil ? 4 : 0) | report.mode.rawValue << 3 as UInt8)
        if let temperature = report.temperature { put(temperature.bitPattern) }
        if let voltage = report.voltage { put(voltage.bitPattern) }
        count += 1
    }

    private static let shortest = 21

    /// The reports of a payload; nil when it is not a whole number of rows, or a row has a value that none can have.
    public static func read(_ payload: [UInt8]) -> [BatteryReport]? {
        payload.withUnsafeBytes { raw in
            var reports: [BatteryReport] = []
            reports.reserveCapacity(raw.count / shortest)
            var p = 0
            func float() -> Float {
                p += 4
                return Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: p - 4, as: UInt32.self)))
            }
            while p < raw.count {
                guard raw.count - p >= shortest else { return nil }
                let device = Int64(littleEndian: raw.loadUnaligned(fromByteOffset: p, as: Int64.self))
                let time = Int64(littleEndian: raw.loadUnaligned(fromByteOffset: p + 8, as: Int64.self))
                p += 16
                let level = float()
                let flags = raw[p]
                p += 1
                guard let mode = PowerSavingMode(rawValue: flags >> 3), raw.count - p >= (flags & 2 != 0 ? 4 : 0) + (flags & 4 != 0 ? 4 : 0) else { return nil }
                let temperature = flags & 2 != 0 ? float() : nil
                let voltage = flags & 4 != 0 ? float() : nil
                guard level.isFinite, temperature?.isFinite ?? true, voltage?.isFinite ?? true else { return nil }
                reports.append(
                    BatteryReport(
                        device: device, recordedAt: Timestamp(microseconds: time), level: level, temperature: temperature, voltage: voltage,
                        isCharging: flags & 1 != 0, mode: mode))
            }
            return reports
        }
    }
}
