public import Bytes

/// Turns meter series into intake batches, one per tick of simulated time. Pure: the caller sleeps `waitSeconds` and sends.
///
/// The sessions repeat in a period of whole weeks, so that the simulation can start at any time, today included, and weekdays stay weekdays.
public struct ChargingSimulation: Sendable {
    /// The rows of one instant.
    public struct Batch: Sendable {
        public var time: Timestamp
        /// Newline-delimited JSON for `POST /api/ingest/charging`; empty when every meter is silent.
        public var ndjson: [UInt8]
        public var rows: Int
    }

    public static let week: Int64 = 7 * 86_400

    public let series: [MeterSeries]
    public let stepSeconds: Int64
    public let speed: Double
    /// The time of the next batch.
    public private(set) var next: Timestamp
    /// The sessions' time that repeats: its start, and its length in seconds.
    public let origin: Timestamp
    public let period: Int64

    /// - Parameters:
    ///   - sessions: what the series were made of; they give the period.
    ///   - start: simulated time of the first batch.
    ///   - speed: simulated seconds per second, above 0.
    ///   - stepSeconds: simulated time between batches, at least 1.
    public init(series: [MeterSeries], sessions: [ChargingSession], start: Timestamp, speed: Double = 1, stepSeconds: Int = 10) {
        self.series = series
        self.stepSeconds = Int64(max(stepSeconds, 1))
        self.speed = speed.isFinite && speed > 0 ? speed : 1
        next = start
        let first = sessions.map(\.arrival).min() ?? start
        let last = sessions.map(\.departure).max() ?? start
        origin = first
        period = max(1, (last.seconds - first.seconds) / Self.week + 1) * Self.week
    }

    /// Seconds between two batches, on the caller's clock.
    public var waitSeconds: Double { Double(stepSeconds) / speed }

    /// The sessions' time that stands for a simulated time.
    public func sourceTime(_ t: Timestamp) -> Timestamp {
        let micros = period * 1_000_000
        let past = t.microseconds - origin.microseconds
        return origin.adding(microseconds: past - Civil.floorDivide(past, micros) * micros)
    }

    /// The next batch; the simulation never ends.
    public mutating func tick() -> Batch {
        let time = next
        next = time.adding(seconds: stepSeconds)
        let source = sourceTime(time)
        var batch = Batch(time: time, ndjson: [], rows: 0)
        batch.ndjson.reserveCapacity(series.count * 100)
        for meter in series {
            guard let amperes = meter.sample(at: source) else { continue }
            Self.append(meter.site, time, amperes, to: &batch.ndjson)
            batch.rows += 1
        }
        return batch
    }

    private static func append(_ site: Site, _ time: Timestamp, _ amperes: Double, to out: inout [UInt8]) {
        var w = JSONWriter(capacity: 112)
        w.object { w in
            w.member("meter_id", site.meterID)
            w.member("timestamp", time, .utc)
            w.member("i", amperes)
            w.member("dev_fac_id", site.devFacID)
        }
        out.append(contentsOf: w.bytes)
        out.append(UInt8(ascii: "\n"))
    }
}
