import Bytes
import CLinux
import Postgres

/// Writes readings as `{"timestamp":…,"current_value":…,"dev_fac_id":…}`, the platform's most asked-for rows: the text of a day and of a
/// facility is made once, and copied with the time of day set in its place.
struct ReadingText {
    private let shiftMicros: Int64
    private var out: [UInt8] = []
    private var day = Int64.min
    /// `{"timestamp":"2025-01-04T00:00:00","current_value":` of `day`.
    private var lead: [UInt8] = []
    /// Where the time of day begins and ends in `lead`.
    private static let time = 25..<33
    private var facility: UnsafeBufferPointer<UInt8>?
    /// `,"dev_fac_id":"FAC_001"}` of `facility`.
    private var tail: [UInt8] = Array(",\"dev_fac_id\":null}".utf8)

    init(offset: UTCOffset) { shiftMicros = offset.seconds * 1_000_000 }

    /// Appends rows of timestamp, i and dev_fac_id as elements of the array that `w` has open; returns how many.
    mutating func append(_ rows: PostgresRows, to w: inout JSONWriter) throws -> Int {
        if rows.isEmpty { return 0 }
        out.reserveCapacity(rows.count * 90)
        for row in 0..<rows.count {
            if row > 0 { out.append(UInt8(ascii: ",")) }
            append(time: try rows.timestamp(row, 0))
            let current = try rows.double(row, 1)
            if current.isFinite { JSONWriter.append(current, to: &out) } else { out.append(contentsOf: "null".utf8) }
            append(facility: try rows.utf8IfPresent(row, 2))
        }
        // One raw value with its own commas is, to the writer, one element.
        w.raw(out)
        return rows.count
    }

    private mutating func append(time: Timestamp) {
        let local = time.microseconds &+ shiftMicros
        let seconds = Civil.floorDivide(local, 1_000_000)
        let day = Civil.floorDivide(seconds, 86_400)
        if day != self.day { begin(day) }
        let rest = Int(seconds - day * 86_400)
        lead.withUnsafeMutableBufferPointer { text in
            Self.set(rest / 3600, text, Self.time.lowerBound)
            Self.set(rest / 60 % 60, text, Self.time.lowerBound + 3)
            Self.set(rest % 60, text, Self.time.lowerBound + 6)
        }
        var fraction = Int(local - seconds * 1_000_000)
        if fraction == 0 { return out.append(contentsOf: lead) }
        out.append(contentsOf: lead[..<Self.time.upperBound])
        out.append(UInt8(ascii: "."))
        var scale = 100_000
        while scale > 0 {
            out.append(UInt8(0x30 + fraction / scale))
            fraction %= scale
            scale /= 10
        }
        out.append(contentsOf: lead[Self.time.upperBound...])
    }

    /// Two digits.
    private static func set(_ n: Int, _ text: UnsafeMutableBufferPointer<UInt8>, _ at: Int) {
        text[at] = UInt8(truncatingIfNeeded: 0x30 + n / 10)
        text[at + 1] = UInt8(truncatingIfNeeded: 0x30 + n % 10)
    }

    private mutating func begin(_ day: Int64) {
        self.day = day
        lead = Array("{\"timestamp\":\"".utf8)
        RFC3339.append(Timestamp(seconds: day * 86_400), .local(.utc), to: &lead)
        lead += Array("\",\"current_value\":".utf8)
    }

    private mutating func append(facility new: UnsafeBufferPointer<UInt8>?) {
        if !Self.same(new, facility) {
            facility = new
            var w = JSONWriter(capacity: 96)
            if let new { w.value(utf8: new) } else { w.null() }
            tail = Array(",\"dev_fac_id\":".utf8) + w.bytes + [UInt8(ascii: "}")]
        }
        out.append(contentsOf: tail)
    }

    private static func same(_ a: UnsafeBufferPointer<UInt8>?, _ b: UnsafeBufferPointer<UInt8>?) -> Bool {
        guard let a, let b else { return a == nil && b == nil }
        guard let first = a.baseAddress, let second = b.baseAddress else { return a.count == b.count }
        return a.count == b.count && memcmp(first, second, a.count) == 0
    }
}
