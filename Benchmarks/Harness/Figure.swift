import Bytes

/// One measured figure beside its reference from the same run.
struct Figure {
    var bench: String
    var value: Double
    var unit: String
    /// What was measured against; nil where nothing was, or where it is missing.
    var reference: String?
    var referenceValue: Double?
    /// What it was measured under: sizes, counts in flight, paths.
    var conditions: String

    init(_ bench: String, _ value: Double, _ unit: String, reference: String? = nil, _ referenceValue: Double? = nil, conditions: String) {
        self.bench = bench
        self.value = value
        self.unit = unit
        self.reference = referenceValue == nil ? nil : reference
        self.referenceValue = referenceValue
        self.conditions = conditions
    }

    func line(date: Timestamp, commit: String, machine: String) -> [UInt8] {
        var w = JSONWriter(capacity: 320)
        w.object { w in
            w.member("bench", bench)
            w.member("value", Self.rounded(value))
            w.member("unit", unit)
            w.member("reference", reference)
            w.member("reference_value", referenceValue.map(Self.rounded))
            w.member("ratio", referenceValue.map { Self.rounded(value / $0) })
            w.member("conditions", conditions)
            w.member("date", Timestamp(seconds: date.seconds), .utc)
            w.member("commit", commit)
            w.member("machine", machine)
        }
        return w.bytes
    }

    /// Three digits after the point below 10, one below 1,000, none above: no more than the measurement carries.
    private static func rounded(_ v: Double) -> Double {
        let scale: Double = abs(v) < 10 ? 1000 : abs(v) < 1000 ? 10 : 1
        return (v * scale).rounded() / scale
    }
}
