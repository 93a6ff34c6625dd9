/// Date-times as RFC 3339 writes them, and the zone-less ISO 8601 forms that the charging spec uses.
public enum RFC3339 {
    /// Parses `2026-01-01T08:00:00[.fraction][Z|±hh:mm]`; a space may stand for `T`. Without a zone, `defaultOffset` applies.
    /// Digits past microseconds are cut. Second 60 is read as the next second's start. Returns nil for anything else.
    public static func parse(_ bytes: UnsafeBufferPointer<UInt8>, defaultOffset: UTCOffset? = nil) -> Timestamp? {
        var c = ASCIICursor(bytes)
        guard let year = c.digits(4), c.take(UInt8(ascii: "-")), let month = c.digits(2), c.take(UInt8(ascii: "-")), let day = c.digits(2),
            (1...12).contains(month), day >= 1, day <= Civil.daysIn(month: month, year: year),
            c.take(UInt8(ascii: "T")) || c.take(UInt8(ascii: "t")) || c.take(UInt8(ascii: " ")),
            let hour = c.digits(2), hour < 24, c.take(UInt8(ascii: ":")), let minute = c.digits(2), minute < 60,
            c.take(UInt8(ascii: ":")), let second = c.digits(2), second <= 60
        else { return nil }
        var micros: Int64 = 0
        if c.take(UInt8(ascii: ".")) {
            var scale: Int64 = 100_000
            var any = false
            while let b = c.next, ASCII.isDigit(b) {
                micros += Int64(b - 0x30) * scale
                scale /= 10
                any = true
                c.skip()
            }
            guard any else { return nil }
        }
        var offset = Int64(0)
        if c.take(UInt8(ascii: "Z")) || c.take(UInt8(ascii: "z")) {
            offset = 0
        } else if let sign = c.next, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
            c.skip()
            guard let h = c.digits(2), h <= 18, c.take(UInt8(ascii: ":")), let m = c.digits(2), m < 60 else { return nil }
            offset = Int64(h * 3600 + m * 60) * (sign == UInt8(ascii: "-") ? -1 : 1)
        } else if let defaultOffset {
            offset = defaultOffset.seconds
        } else {
            return nil
        }
        guard c.isAtEnd else { return nil }
        let seconds = Civil.days(year: year, month: month, day: day) * 86_400 + Int64(hour * 3600 + minute * 60 + second)
        return Timestamp(microseconds: (seconds - offset) * 1_000_000 + micros)
    }

    public static func parse(_ text: String, defaultOffset: UTCOffset? = nil) -> Timestamp? {
        var text = text
        return text.withUTF8 { parse($0, defaultOffset: defaultOffset) }
    }

    /// How a time is written.
    public enum Style: Sendable {
        /// `2025-01-04T12:00:00Z`, with `.ffffff` only when there is a fraction.
        case utc
        /// `2025-01-04T12:00:00`, zone-less local time, with `.ffffff` only when there is a fraction (Python's `isoformat`).
        case local(UTCOffset)
        /// `2025-01-04T12:00:00.000000`, zone-less local time, always with six digits.
        case localMicroseconds(UTCOffset)
    }

    /// Appends a time; years outside 0…9999 are clamped to that range.
    public static func append(_ time: Timestamp, _ style: Style, to out: inout [UInt8]) {
        // Before the offset is added too, or the ends of the range would wrap.
        var micros = clamp(time.microseconds)
        var zulu = false
        var always = false
        switch style {
        case .utc: zulu = true
        case .local(let offset): micros &+= offset.seconds * 1_000_000
        case .localMicroseconds(let offset):
            micros &+= offset.seconds * 1_000_000
            always = true
        }
        micros = clamp(micros)
        let seconds = Civil.floorDivide(micros, 1_000_000)
        let fraction = Int(micros - seconds * 1_000_000)
        let days = Civil.floorDivide(seconds, 86_400)
        let rest = Int(seconds - days * 86_400)
        let (year, month, day) = Civil.date(days: days)
        out.reserveCapacity(out.count + 27)
        pad(year, 4, &out)
        out.append(UInt8(ascii: "-"))
        pad(month, 2, &out)
        out.append(UInt8(ascii: "-"))
        pad(day, 2, &out)
        out.append(UInt8(ascii: "T"))
        pad(rest / 3600, 2, &out)
        out.append(UInt8(ascii: ":"))
        pad(rest / 60 % 60, 2, &out)
        out.append(UInt8(ascii: ":"))
        pad(rest % 60, 2, &out)
        if always || fraction != 0 {
            out.append(UInt8(ascii: "."))
            pad(fraction, 6, &out)
        }
        if zulu { out.append(UInt8(ascii: "Z")) }
    }

    public static func string(_ time: Timestamp, _ style: Style = .utc) -> String {
        var out: [UInt8] = []
        append(time, style, to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    private static func clamp(_ micros: Int64) -> Int64 { min(max(micros, -62_167_219_200_000_000), 253_402_300_799_999_999) }

    private static func pad(_ n: Int, _ width: Int, _ out: inout [UInt8]) {
        var divisor = 1
        for _ in 1..<width { divisor *= 10 }
        while divisor > 0 {
            out.append(UInt8(0x30 + n / divisor % 10))
            divisor /= 10
        }
    }
}
