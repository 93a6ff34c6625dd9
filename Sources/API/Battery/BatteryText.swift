import Bytes
import Postgres
import Protocol

/// Writes reports as the spec's `BatteryData`: what is the same in each row is made once, and copied.
struct BatteryText {
    static let modes = PowerSavingMode.allCases.map(\.name)

    private var out: [UInt8] = []
    /// `","device_id":"…","battery_level":`
    private let lead: [UInt8]
    /// `,"is_charging":…,"power_saving_mode":"…"` by mode, then by charging.
    private let middles: [[UInt8]]
    private let temperature = Array(",\"temperature\":".utf8)
    private let voltage = Array(",\"voltage\":".utf8)
    private let recorded = Array(",\"recorded_at\":\"".utf8)
    private let created = Array("\",\"created_at\":\"".utf8)
    private let end = Array("\"}".utf8)
    private let start = Array("{\"id\":\"".utf8)
    private var recordedDay = DayText()
    private var createdDay = DayText()

    /// Bytes that a row takes, about.
    static let rowBytes = 260

    /// - Parameter device: its UUID, as text that needs no escaping.
    init(device: String) {
        lead = Array("\",\"device_id\":\"\(device)\",\"battery_level\":".utf8)
        middles = Self.modes.flatMap { mode in
            ["false", "true"].map { Array(",\"is_charging\":\($0),\"power_saving_mode\":\"\(mode)\"".utf8) }
        }
    }

    /// Appends rows of id, level, is_charging, power_saving, temperature, voltage, recorded_at, created_at as the elements of the array that `w`
    /// has open.
    mutating func append(_ rows: PostgresRows, to w: inout JSONWriter) throws {
        if rows.isEmpty { return }
        out.reserveCapacity(rows.count * Self.rowBytes)
        for row in 0..<rows.count {
            if row > 0 { out.append(UInt8(ascii: ",")) }
            out.append(contentsOf: start)
            JSONWriter.append(try rows.int(row, 0), to: &out)
            out.append(contentsOf: lead)
            append(real: try rows.double(row, 1))
            let mode = min(max(try rows.int(row, 3), 0), Self.modes.count - 1)
            out.append(contentsOf: middles[2 * mode + (try rows.bool(row, 2) ? 1 : 0)])
            if let value = try rows.doubleIfPresent(row, 4) {
                out.append(contentsOf: temperature)
                append(real: value)
            }
            if let value = try rows.doubleIfPresent(row, 5) {
                out.append(contentsOf: voltage)
                append(real: value)
            }
            out.append(contentsOf: recorded)
            recordedDay.append(try rows.timestamp(row, 6), to: &out)
            out.append(contentsOf: created)
            createdDay.append(try rows.timestamp(row, 7), to: &out)
            out.append(contentsOf: end)
        }
        // One raw value with its own commas is, to the writer, one element.
        w.raw(out)
    }

    private mutating func append(real value: Double) { JSONWriter.append(Self.shortest(value), to: &out) }

    /// What was meant by a value that was kept as a real: as a double it has digits that nobody gave.
    static func shortest(_ value: Double) -> Double {
        let real = Float(value)
        let rounded = (value * 1000).rounded() / 1000
        return Float(rounded) == real ? rounded : Double(real.description) ?? value
    }

    /// Sums of reals carry their errors: four digits are all that they mean.
    static func rounded(_ value: Double) -> Double { (value * 10_000).rounded() / 10_000 }
}

/// Writes UTC times, most of them on the day of the one before.
struct DayText {
    private var day = Int64.min
    /// `2026-01-12T`
    private var date: [UInt8] = []

    mutating func append(_ time: Timestamp, to out: inout [UInt8]) {
        let seconds = time.seconds
        let day = Civil.floorDivide(seconds, 86_400)
        if day != self.day {
            self.day = day
            date.removeAll(keepingCapacity: true)
            RFC3339.append(Timestamp(seconds: day * 86_400), .utc, to: &date)
            date.removeLast("00:00:00Z".utf8.count)
        }
        out.append(contentsOf: date)
        let rest = Int(seconds - day * 86_400)
        Self.pair(rest / 3600, UInt8(ascii: ":"), &out)
        Self.pair(rest / 60 % 60, UInt8(ascii: ":"), &out)
        let micros = Int(time.microseconds - seconds * 1_000_000)
        Self.pair(rest % 60, micros == 0 ? UInt8(ascii: "Z") : UInt8(ascii: "."), &out)
        if micros == 0 { return }
        var scale = 100_000
        while scale > 0 {
            out.append(UInt8(0x30 + micros / scale % 10))
            scale /= 10
        }
        out.append(UInt8(ascii: "Z"))
    }

    private static func pair(_ n: Int, _ after: UInt8, _ out: inout [UInt8]) {
        out.append(UInt8(truncatingIfNeeded: 0x30 + n / 10))
        out.append(UInt8(truncatingIfNeeded: 0x30 + n % 10))
        out.append(after)
    }
}
