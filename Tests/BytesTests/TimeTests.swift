import Bytes
import Testing

@Suite struct TimeTests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01t00:00:00z", 0), ("1970-01-01 00:00:00Z", 0), ("1969-12-31T23:59:59Z", -1_000_000),
            ("1969-12-31T23:59:59.999999Z", -1),
            // RFC 3339 §5.8
            ("1985-04-12T23:20:50.52Z", 482_196_050_520_000), ("1996-12-19T16:39:57-08:00", 851_042_397_000_000), ("1990-12-31T23:59:60Z", 662_688_000_000_000),
            ("1990-12-31T15:59:60-08:00", 662_688_000_000_000), ("1937-01-01T12:00:27.87+00:20", -1_041_337_172_130_000),
            ("2000-02-29T00:00:00Z", 951_782_400_000_000), ("2024-02-29T12:00:00+08:00", 1_709_179_200_000_000),
            ("2026-01-01T08:00:00-03:30", 1_767_267_000_000_000),
            ("2026-01-01T08:00:00-00:00", 1_767_254_400_000_000), ("2026-01-01T08:00:00.1Z", 1_767_254_400_100_000),
            ("2026-01-01T08:00:00.1234567890123456789Z", 1_767_254_400_123_456),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000_000), ("0000-01-01T00:00:00Z", -62_167_219_200_000_000),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ] as [(String, Int64)]) func timesOfRFC3339AreRead(_ text: String, _ microseconds: Int64)
    {
        #expect(RFC3339.parse(text)?.microseconds == microseconds, "\(text)")
    }

    @Test(arguments: [
        "", "2026", "2026-01-01", "2026-01-01T08:00Z", "2026-01-01T08:00:00", "2026-01-01T08:00:00 Z", "2026-01-01T08:00:00ZZ", "2026-01-01T08:00:00+0800",
        "2026-01-01T08:00:00+8:00", "2026-01-01T08:00:00+08",
        "2026-01-01T08:00:00+08:60", "2026-01-01T08:00:00+19:00", "2026-01-01T24:00:00Z", "2026-01-01T23:60:00Z", "2026-01-01T23:59:61Z",
        "2026-00-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2024-02-30T00:00:00Z", "2026-04-31T00:00:00Z",
        "2026-01-01T08:00:00.Z", "2026-01-01T08:00:00,5Z", "26-01-01T00:00:00Z",
        "+2026-01-01T00:00:00Z", "-001-01-01T00:00:00Z", "2026-1-01T00:00:00Z", "2026/01/01T00:00:00Z", "2026-01-01_00:00:00Z", "２０26-01-01T00:00:00Z",
        "2026-01-01T08:00:00\u{2212}08:00", " 2026-01-01T08:00:00Z", "2026-01-01T08:00:00Z\0",
    ]) func whatIsNotATimeIsRefused(_ text: String) {
        #expect(RFC3339.parse(text) == nil, "\(text)")
    }

    @Test func aZonelessTimeTakesTheDefaultOffset() {
        #expect(RFC3339.parse("2026-01-01T08:00:00", defaultOffset: .beijing) == RFC3339.parse("2026-01-01T00:00:00Z"))
        #expect(RFC3339.parse("2026-01-01 08:00:00.5", defaultOffset: .utc) == RFC3339.parse("2026-01-01T08:00:00.5Z"))
        // A zone that is written counts.
        #expect(RFC3339.parse("2026-01-01T08:00:00Z", defaultOffset: .beijing) == RFC3339.parse("2026-01-01T08:00:00Z"))
    }

    @Test(
        arguments: [
            (0, .utc, "1970-01-01T00:00:00Z"), (-1, .utc, "1969-12-31T23:59:59.999999Z"), (1_735_992_000_000_000, .utc, "2025-01-04T12:00:00Z"),
            (1_735_992_000_000_100, .utc, "2025-01-04T12:00:00.000100Z"),
            (1_735_992_000_000_000, .local(.beijing), "2025-01-04T20:00:00"), (1_735_992_000_500_000, .local(.beijing), "2025-01-04T20:00:00.500000"),
            (1_735_992_000_000_000, .localMicroseconds(.beijing), "2025-01-04T20:00:00.000000"),
            (1_735_992_000_000_000, .local(UTCOffset(seconds: -12_600)), "2025-01-04T08:30:00"),
            (-62_135_596_800_000_000, .utc, "0001-01-01T00:00:00Z"), (.max, .utc, "9999-12-31T23:59:59.999999Z"), (.min, .utc, "0000-01-01T00:00:00Z"),
            (.max, .local(.beijing), "9999-12-31T23:59:59.999999"),
            (.min, .local(UTCOffset(seconds: -3600)), "0000-01-01T00:00:00"),
        ] as [(Int64, RFC3339.Style, String)]) func timesAreWrittenInTheirStyle(_ microseconds: Int64, _ style: RFC3339.Style, _ text: String)
    {
        #expect(RFC3339.string(Timestamp(microseconds: microseconds), style) == text)
    }

    @Test func everyTimeReadsBackAsItself() {
        var random = Seeded(3)
        for _ in 0..<20_000 {
            let time = Timestamp(microseconds: Int64.random(in: -62_135_596_800_000_000...253_402_200_000_000_000, using: &random))
            if RFC3339.parse(RFC3339.string(time)) != time { Issue.record("\(time)") }
            let offset = UTCOffset(seconds: Int64.random(in: -18...18, using: &random) * 3600)
            guard time.microseconds > -62_000_000_000_000_000 else { continue }
            if RFC3339.parse(RFC3339.string(time, .localMicroseconds(offset)), defaultOffset: offset) != time { Issue.record("\(time) at \(offset)") }
        }
    }

    @Test func everyDayOfFourCenturiesIsOneAfterTheOther() {
        var (year, month, day) = (1899, 12, 31)
        var number = Civil.days(year: year, month: month, day: day)
        var weekday = Civil.weekday(days: number)
        #expect(weekday == 0)
        while year < 2301 {
            if Civil.date(days: number) != (year, month, day) || Civil.days(year: year, month: month, day: day) != number
                || Civil.weekday(days: number) != weekday
            {
                Issue.record("\(year)-\(month)-\(day)")
            }
            number += 1
            weekday = (weekday + 1) % 7
            day += 1
            if day > Civil.daysIn(month: month, year: year) { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
    }

    @Test(
        arguments: [
            ("Z", 0), ("z", 0), ("+08:00", 28_800), ("+0800", 28_800), ("+8", 28_800), ("+08", 28_800), ("-0330", -12_600), ("-03:30", -12_600),
            ("+18:00", 64_800), ("-18:00", -64_800), ("+00:00", 0), ("-00:00", 0),
        ] as [(String, Int64)]) func offsetsAreRead(_ text: String, _ seconds: Int64)
    {
        #expect(UTCOffset(text)?.seconds == seconds)
    }

    @Test(arguments: [
        "", "+", "-", "8", "08:00", "+:", "+8:", "+:8", "+8:00", "+080", "+08:0", "+0:800", "+08:00:00", "+19", "+18:01", "-18:30", "+08:60", "Z0", "+0a00",
        "+08 00", "++8", "+00008",
    ])
    func whatIsNotAnOffsetIsRefused(_ text: String) {
        #expect(UTCOffset(text) == nil, "\(text)")
    }

    @Test func offsetsAreWrittenAsTheyAreRead() {
        for minutes in Int64(-18 * 60)...Int64(18 * 60) {
            let offset = UTCOffset(seconds: minutes * 60)
            #expect(UTCOffset(offset.description) == offset)
        }
        #expect(UTCOffset(seconds: -12_600).description == "-03:30")
    }
}
