import Bytes
import Reactor

/// Readings of 100 meters every 10 s up to now, in the order of time, as meters send them.
struct IngestRows {
    static let meters = 100
    static let stepSeconds: Int64 = 10
    static let perBatch = 1_000

    let count: Int
    private let newest = Clock.wall

    /// The body of one request: `perBatch` rows as NDJSON.
    func body(_ batch: Int) -> [UInt8] {
        var w: [UInt8] = []
        w.reserveCapacity(Self.perBatch * 112)
        for n in range(batch) {
            let (meter, time, current) = row(n)
            w += Array("{\"meter_id\":\"".utf8) + meter + Array("\",\"timestamp\":\"".utf8)
            RFC3339.append(time, .utc, to: &w)
            w += Array("\",\"i\":".utf8)
            JSONWriter.append(current, to: &w)
            w += Array(",\"dev_fac_id\":\"FAC_001\"}\n".utf8)
        }
        return w
    }

    /// The same rows as CSV for `\copy`.
    func csv(_ batch: Int) -> [UInt8] {
        var w: [UInt8] = []
        w.reserveCapacity(Self.perBatch * 64)
        for n in range(batch) {
            let (meter, time, current) = row(n)
            w += meter
            w.append(UInt8(ascii: ","))
            RFC3339.append(time, .utc, to: &w)
            w.append(UInt8(ascii: ","))
            JSONWriter.append(current, to: &w)
            w += Array(",FAC_001\n".utf8)
        }
        return w
    }

    var batches: Int { (count + Self.perBatch - 1) / Self.perBatch }

    private func range(_ batch: Int) -> Range<Int> { batch * Self.perBatch..<min(count, (batch + 1) * Self.perBatch) }

    private func row(_ n: Int) -> (meter: [UInt8], time: Timestamp, current: Double) {
        let digits = String(n % Self.meters + 1001).dropFirst()
        let instants = (count + Self.meters - 1) / Self.meters
        let time = Timestamp(seconds: newest.seconds / Self.stepSeconds * Self.stepSeconds - Int64(instants - n / Self.meters) * Self.stepSeconds)
        return (Array("METER_\(digits)".utf8), time, Double((n * 7919) % 3200) / 100)
    }
}
