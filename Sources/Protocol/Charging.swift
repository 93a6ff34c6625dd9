public import Bytes

/// Names that the charging domain uses on the bus.
public enum ChargingNames {
    /// Ingest stream of `Reading` batches.
    public static let readings = "charging.readings"
    /// Ingest stream of `Site` batches.
    public static let sites = "charging.sites"
    /// Longest meter or facility id, in bytes.
    public static let maxIDBytes = 64
}

/// One current reading of a meter.
public struct ChargingReading: Hashable, Sendable {
    public var meterID: String
    public var timestamp: Timestamp
    /// Amperes.
    public var current: Double
    public var facilityID: String?

    public init(meterID: String, timestamp: Timestamp, current: Double, facilityID: String?) {
        self.meterID = meterID
        self.timestamp = timestamp
        self.current = current
        self.facilityID = facilityID
    }
}

/// Where a meter stands and what it is built for; the fields of the spec's `site_data`.
public struct ChargingSite: Hashable, Sendable {
    public var meterID: String
    /// Degrees, WGS-84.
    public var longitude: Double
    public var latitude: Double
    public var facilityID: String?
    /// kW.
    public var ratedPower: Double?
    /// Amperes.
    public var maxInputCurrent: Double?
    public var maxOutputCurrent: Double?

    public init(
        meterID: String, longitude: Double, latitude: Double, facilityID: String?, ratedPower: Double?, maxInputCurrent: Double?,
        maxOutputCurrent: Double?
    ) {
        self.meterID = meterID
        self.longitude = longitude
        self.latitude = latitude
        self.facilityID = facilityID
        self.ratedPower = ratedPower
        self.maxInputCurrent = maxInputCurrent
        self.maxOutputCurrent = maxOutputCurrent
    }
}

/// The row codec of an ingest batch: little-endian, no padding. The worker streams it into COPY without parsing JSON again.
///
/// Reading: `meter u8+bytes · facility u8+bytes (255 = none) · timestamp i64 µs · current f64`.
public struct ReadingBatch: Sendable {
    public private(set) var bytes: [UInt8] = []
    public private(set) var count = 0

    public init() {}

    public mutating func append(
        meter: some Collection<UInt8>, facility: (some Collection<UInt8>)?, timestamp: Timestamp, current: Double
    ) {
        Array(meter).withUnsafeBufferPointer { meter in
            guard let facility else { return append(meter: meter, facility: nil, timestamp: timestamp, current: current) }
            Array(facility).withUnsafeBufferPointer { append(meter: meter, facility: $0, timestamp: timestamp, current: current) }
        }
    }

    /// The same for bytes in place: no generic code on the intake's hot path.
    public mutating func append(
        meter: UnsafeBufferPointer<UInt8>, facility: UnsafeBufferPointer<UInt8>?, timestamp: Timestamp, current: Double
    ) {
        precondition(meter.count <= ChargingNames.maxIDBytes && facility?.count ?? 0 <= ChargingNames.maxIDBytes, "id over its bound")
        bytes.append(UInt8(meter.count))
        bytes.append(contentsOf: meter)
        if let facility {
            bytes.append(UInt8(facility.count))
            bytes.append(contentsOf: facility)
        } else {
            bytes.append(255)
        }
        withUnsafeBytes(of: timestamp.microseconds.littleEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: current.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
        count += 1
    }

    /// One row of a batch; views live as long as the payload.
    public struct Row {
        public let meter: UnsafeBufferPointer<UInt8>
        public let facility: UnsafeBufferPointer<UInt8>?
        public let timestamp: Timestamp
        public let current: Double
    }

    /// Walks the rows; nil from `read` when the bytes are not a whole number of rows.
    public static func read(_ payload: UnsafeBufferPointer<UInt8>, _ row: (Row) -> Void) -> Bool {
        let raw = UnsafeRawBufferPointer(payload)
        var p = 0
        func slice(_ n: Int) -> UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(rebasing: payload[p..<(p + n)]) }
        while p < payload.count {
            let meterLength = Int(payload[p])
            p += 1
            guard (1...ChargingNames.maxIDBytes).contains(meterLength), payload.count - p > meterLength else { return false }
            let meter = slice(meterLength)
            p += meterLength
            var facility: UnsafeBufferPointer<UInt8>?
            let facilityLength = Int(payload[p])
            p += 1
            if facilityLength != 255 {
                guard facilityLength <= ChargingNames.maxIDBytes, payload.count - p >= facilityLength else { return false }
                facility = slice(facilityLength)
                p += facilityLength
            }
            guard payload.count - p >= 16 else { return false }
            let time = Int64(littleEndian: raw.loadUnaligned(fromByteOffset: p, as: Int64.self))
            let current = Double(bitPattern: UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: p + 8, as: UInt64.self)))
            p += 16
            guard current.isFinite else { return false }
            row(Row(meter: meter, facility: facility, timestamp: Timestamp(microseconds: time), current: current))
        }
        return true
    }
}
