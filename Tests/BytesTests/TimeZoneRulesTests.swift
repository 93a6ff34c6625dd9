import Glibc
import Testing

@testable import Bytes

/// A zone of this machine; the bootstrap installs tzdata.
func zoneFile(_ name: String) throws -> [UInt8] {
    let file = try #require(fopen("/usr/share/zoneinfo/" + name, "r"), "no zone \(name): is tzdata installed?")
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    let count = fread(&bytes, 1, bytes.count, file)
    return Array(bytes[..<count])
}

/// A TZif file of version 2 with an empty first block.
struct ZoneImage {
    var version = UInt8(ascii: "2")
    var offsets: [Int32] = [0]
    var changes: [(at: Int64, type: UInt8)] = []
    var footer = "\nUTC0\n"
    var leapSeconds = 0
    var characters = 4

    var bytes: [UInt8] {
        func big(_ n: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: n.bigEndian) { Array($0) } }
        func header(_ counts: [Int]) -> [UInt8] {
            Array("TZif".utf8) + [version] + [UInt8](repeating: 0, count: 15) + counts.flatMap { big(UInt32($0)) }
        }
        let data =
            changes.flatMap { big($0.at) } + changes.map(\.type) + offsets.flatMap { big($0) + [0, 0] }
            + [UInt8](repeating: 0, count: characters + 12 * leapSeconds)
        return header([0, 0, 0, 0, 1, 1]) + [UInt8](repeating: 0, count: 7) + header([0, 0, leapSeconds, changes.count, offsets.count, characters])
            + data + Array(footer.utf8)
    }
}

@Suite struct TimeZoneRulesTests {
    private func time(_ text: String) throws -> Timestamp { try #require(RFC3339.parse(text, defaultOffset: .utc), "\(text)") }

    private func fault(_ bytes: [UInt8]) -> TimeZoneFault? {
        do throws(TimeZoneFault) {
            _ = try TimeZoneRules(tzif: bytes)
            return nil
        } catch {
            return error
        }
    }

    @Test(
        arguments: [
            ("Europe/Berlin", "1890-01-01T00:00:00Z", 3208), ("Europe/Berlin", "1945-07-01T00:00:00Z", 10_800),
            ("Europe/Berlin", "2026-03-29T00:59:59Z", 3600), ("Europe/Berlin", "2026-03-29T01:00:00Z", 7200),
            ("Europe/Berlin", "2026-10-25T00:59:59.999999Z", 7200), ("Europe/Berlin", "2026-10-25T01:00:00Z", 3600),
            ("Europe/Berlin", "2045-03-26T00:59:59Z", 3600), ("Europe/Berlin", "2045-03-26T01:00:00Z", 7200),
            ("Europe/Berlin", "2045-10-29T01:00:00Z", 3600), ("Europe/Berlin", "9999-07-01T00:00:00Z", 7200),
            ("America/New_York", "2026-03-08T06:59:59Z", -18_000), ("America/New_York", "2026-03-08T07:00:00Z", -14_400),
            ("America/New_York", "2040-03-11T06:59:59Z", -18_000), ("America/New_York", "2040-03-11T07:00:00Z", -14_400),
            ("America/New_York", "2040-11-04T05:59:59Z", -14_400), ("America/New_York", "2040-11-04T06:00:00Z", -18_000),
            ("Australia/Lord_Howe", "2026-04-04T14:59:59Z", 39_600), ("Australia/Lord_Howe", "2026-04-04T15:00:00Z", 37_800),
            ("Australia/Lord_Howe", "2026-10-03T15:29:59Z", 37_800), ("Australia/Lord_Howe", "2026-10-03T15:30:00Z", 39_600),
            ("Australia/Lord_Howe", "2050-01-01T00:00:00Z", 39_600), ("Australia/Lord_Howe", "2050-07-01T00:00:00Z", 37_800),
            ("Asia/Shanghai", "1991-07-01T00:00:00Z", 32_400), ("Asia/Shanghai", "2026-07-01T00:00:00Z", 28_800),
            ("Asia/Shanghai", "2100-07-01T00:00:00Z", 28_800),
            ("Pacific/Apia", "2011-12-30T09:59:59Z", -36_000), ("Pacific/Apia", "2011-12-30T10:00:00Z", 50_400),
            ("Etc/UTC", "2026-01-01T00:00:00Z", 0), ("Asia/Kathmandu", "2026-01-01T00:00:00Z", 20_700),
        ] as [(String, String, Int64)])
    func theOffsetIsThatOfTheZonesFile(_ name: String, _ at: String, _ offset: Int64) throws {
        #expect(try TimeZoneRules(tzif: zoneFile(name)).offsetSeconds(at: time(at)) == offset)
    }

    @Test(
        arguments: [
            ("Europe/Berlin", "2026-06-01T12:00:00", ["2026-06-01T10:00:00Z"]), ("Europe/Berlin", "2026-03-29T01:59:59", ["2026-03-29T00:59:59Z"]),
            ("Europe/Berlin", "2026-03-29T03:00:00", ["2026-03-29T01:00:00Z"]), ("Europe/Berlin", "2026-10-25T01:59:59", ["2026-10-24T23:59:59Z"]),
            ("Europe/Berlin", "2026-10-25T02:00:00", ["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"]),
            ("Europe/Berlin", "2026-10-25T02:59:59", ["2026-10-25T00:59:59Z", "2026-10-25T01:59:59Z"]),
            ("Europe/Berlin", "2026-10-25T03:00:00", ["2026-10-25T02:00:00Z"]),
            ("Europe/Berlin", "2060-10-31T02:30:00", ["2060-10-31T00:30:00Z", "2060-10-31T01:30:00Z"]),
            ("America/New_York", "2040-11-04T01:30:00", ["2040-11-04T05:30:00Z", "2040-11-04T06:30:00Z"]),
            ("Australia/Lord_Howe", "2026-04-05T01:29:59", ["2026-04-04T14:29:59Z"]),
            ("Australia/Lord_Howe", "2026-04-05T01:30:00", ["2026-04-04T14:30:00Z", "2026-04-04T15:00:00Z"]),
            ("Australia/Lord_Howe", "2026-10-04T02:30:00", ["2026-10-03T15:30:00Z"]), ("Asia/Shanghai", "2026-07-01T00:00:00", ["2026-06-30T16:00:00Z"]),
            ("Pacific/Apia", "2011-12-29T23:59:59", ["2011-12-30T09:59:59Z"]), ("Pacific/Apia", "2011-12-31T00:00:00", ["2011-12-30T10:00:00Z"]),
        ] as [(String, String, [String])])
    func aLocalTimeNamesItsInstants(_ name: String, _ local: String, _ instants: [String]) throws {
        let zone = try TimeZoneRules(tzif: zoneFile(name))
        #expect(zone.instants(ofLocal: try time(local).seconds).all.map { RFC3339.string($0) } == instants)
    }

    @Test(arguments: [
        ("Europe/Berlin", "2026-03-29T02:00:00", "2026-03-29T01:00:00Z"), ("Europe/Berlin", "2026-03-29T02:59:59", "2026-03-29T01:00:00Z"),
        ("Europe/Berlin", "2060-03-28T02:30:00", "2060-03-28T01:00:00Z"), ("America/New_York", "2040-03-11T02:30:00", "2040-03-11T07:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-04T02:00:00", "2026-10-03T15:30:00Z"), ("Australia/Lord_Howe", "2026-10-04T02:29:59", "2026-10-03T15:30:00Z"),
        ("Pacific/Apia", "2011-12-30T00:00:00", "2011-12-30T10:00:00Z"), ("Pacific/Apia", "2011-12-30T23:59:59", "2011-12-30T10:00:00Z"),
    ]) func aLocalTimeThatIsJumpedOverTellsTheJump(_ name: String, _ local: String, _ jump: String) throws {
        let zone = try TimeZoneRules(tzif: zoneFile(name))
        #expect(zone.instants(ofLocal: try time(local).seconds) == .skipped(at: try time(jump)))
    }

    @Test func everyInstantIsAmongThoseOfItsLocalTime() throws {
        var random = Seeded(11)
        for name in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Gaza", "Africa/Casablanca", "America/Nuuk"] {
            let zone = try TimeZoneRules(tzif: zoneFile(name))
            var period = zone.period(at: -2_000_000_000)
            var near: [Int64] = []
            while period.end < 3_000_000_000 {
                near.append(period.end)
                let next = zone.period(at: period.end)
                #expect(next.start == period.end && zone.period(at: period.end - 1) == period)
                period = next
            }
            for _ in 0..<1000 {
                let second = near[Int.random(in: 0..<near.count, using: &random)] + Int64.random(in: -9000...9000, using: &random)
                let time = Timestamp(seconds: second)
                let all = zone.instants(ofLocal: second + zone.offsetSeconds(at: time)).all
                #expect(all.contains(time) && all == all.sorted(), "\(name) \(second)")
            }
        }
    }

    @Test(
        arguments: [
            ("UTC0", "2026-01-01T00:00:00Z", 0), ("<+0330>-3:30", "2026-01-01T00:00:00Z", 12_600), ("ABC+1:02:03", "2026-01-01T00:00:00Z", -3723),
            ("XYZ-24:59:59", "2026-01-01T00:00:00Z", 89_999),
            // Without an offset of its own, summer is an hour ahead; without a time, the clocks are set at 02:00.
            ("EST5EDT,M3.2.0,M11.1.0", "2026-03-08T06:59:59Z", -18_000), ("EST5EDT,M3.2.0,M11.1.0", "2026-03-08T07:00:00Z", -14_400),
            ("EST5EDT,M3.2.0,M11.1.0", "2026-11-01T05:59:59Z", -14_400), ("EST5EDT,M3.2.0,M11.1.0", "2026-11-01T06:00:00Z", -18_000),
            // Summer over the turn of the year.
            ("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-01-01T00:00:00Z", 39_600), ("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-04-04T16:00:00Z", 36_000),
            ("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-10-03T15:59:59Z", 36_000), ("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-10-03T16:00:00Z", 39_600),
            // Ireland's summer is the standard time.
            ("IST-1GMT0,M10.5.0,M3.5.0/1", "2026-01-01T00:00:00Z", 0), ("IST-1GMT0,M10.5.0,M3.5.0/1", "2026-07-01T00:00:00Z", 3600),
            // Times before and beyond the day: the hour before midnight, and the Saturday after the fourth Thursday.
            ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T00:59:59Z", -7200), ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T01:00:00Z", -3600),
            ("EET-2EEST,M3.4.4/50,M10.4.4/50", "2026-03-27T23:59:59Z", 7200), ("EET-2EEST,M3.4.4/50,M10.4.4/50", "2026-03-28T00:00:00Z", 10_800),
            // J60 is the first of March in every year, 59 only in common years.
            ("AAA0BBB,J60/0,J300", "2024-02-29T23:59:59Z", 0), ("AAA0BBB,J60/0,J300", "2024-03-01T00:00:00Z", 3600),
            ("AAA0BBB,J60/0,J300", "2025-03-01T00:00:00Z", 3600), ("AAA0BBB,59/0,300", "2024-02-29T00:00:00Z", 3600),
            ("AAA0BBB,59/0,300", "2025-02-28T23:59:59Z", 0), ("AAA0BBB,59/0,300", "2025-03-01T00:00:00Z", 3600),
            // RFC 8536 §3.3.1: summer time all the year.
            ("EST5EDT,0/0,J365/25", "2025-12-31T23:59:59Z", -14_400), ("EST5EDT,0/0,J365/25", "2026-01-01T04:59:59Z", -14_400),
            ("EST5EDT,0/0,J365/25", "2026-01-01T05:00:00Z", -14_400), ("EST5EDT,0/0,J365/25", "2026-07-01T00:00:00Z", -14_400),
            // A week is not cut off by the turn of the year.
            ("AAA0BBB,J365/167,J180", "2026-01-06T22:59:59Z", 0), ("AAA0BBB,J365/167,J180", "2026-01-06T23:00:00Z", 3600),
        ] as [(String, String, Int64)])
    func aPosixRuleHoldsInEveryYear(_ rule: String, _ at: String, _ offset: Int64) throws {
        #expect(try TimeZoneRules(posix: rule).offsetSeconds(at: time(at)) == offset)
        // As the footer of a file without changes, too.
        #expect(try TimeZoneRules(tzif: ZoneImage(footer: "\n\(rule)\n").bytes).offsetSeconds(at: time(at)) == offset)
    }

    @Test(arguments: [
        "", "UTC", "U0", "UT0", "UTC0 ", " UTC0", "UTC25", "UTC0:60", "UTC0:0:60", "UTC0:", "UTC--1", "<UT>0", "<UTC0", "<U C>0", "U1C0", ":UTC0", "UTC0BBB",
        "UTC0BBB1", "UTC0BBB,", "UTC0BBB,J1", "UTC0BBB,J1,", "UTC0BBB,J0,J1", "UTC0BBB,J366,J1", "UTC0BBB,366,J1", "UTC0BBB,-1,J1", "UTC0BBB,M0.1.0,J1",
        "UTC0BBB,M13.1.0,J1", "UTC0BBB,M1.0.0,J1", "UTC0BBB,M1.6.0,J1", "UTC0BBB,M1.1.7,J1", "UTC0BBB,M1.1,J1", "UTC0BBB,J1/168,J2", "UTC0BBB,J1/-168,J2",
        "UTC0BBB,J1/,J2", "UTC0BBB,J1,J2,J3", "UTC0BBB,J1,J2x", "UTC0BBB25,J1,J2", "UTC99999999999999999999", "UTC0BBB,J99999999999999999999,J1", "ÄÖÜ0",
    ]) func aBrokenRuleIsRefusedByName(_ rule: String) {
        #expect(throws: TimeZoneFault.self) { try TimeZoneRules(posix: rule) }
        // No rule is no fault: the last offset stays.
        if !rule.isEmpty {
            let shown = String(decoding: rule.utf8.map { $0 < 0x80 ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
            #expect(fault(ZoneImage(footer: "\n\(rule)\n").bytes) == .badRule(shown))
        }
    }

    @Test func changesThenFooterThenNothing() throws {
        var image = ZoneImage(
            offsets: [100, 3600, 7200, 3600], changes: [(-500, 1), (0, 2), (10, 2), (20, 0), (30, 1), (40, 3)], footer: "\nCET-1CEST,M3.5.0,M10.5.0/3\n")
        let zone = try TimeZoneRules(tzif: image.bytes)
        let expected: [(Int64, Int64)] = [(-501, 100), (-500, 3600), (-1, 3600), (0, 7200), (19, 7200), (20, 100), (29, 100), (30, 3600), (40, 3600)]
        for (second, offset) in expected {
            #expect(zone.offsetSeconds(at: Timestamp(seconds: second)) == offset, "\(second)")
        }
        let july = try time("2026-07-01T00:00:00Z")
        #expect(zone.offsetSeconds(at: july) == 7200)
        #expect(zone.period(at: 5) == TimeZoneRules.Period(offsetSeconds: 7200, start: 0, end: 20))
        #expect(zone.period(at: 35) == TimeZoneRules.Period(offsetSeconds: 3600, start: 30, end: 40))
        #expect(zone.period(at: 40).start == 40)
        image.footer = "\n\n"
        let endless = try TimeZoneRules(tzif: image.bytes)
        #expect(endless.offsetSeconds(at: july) == 3600 && endless.period(at: july.seconds).end == .max)
        #expect(try TimeZoneRules(tzif: ZoneImage(offsets: [-60], footer: "\n\n").bytes).offsetSeconds(at: july) == -60)
    }

    @Test func theEndsOfTimeHaveAnOffsetToo() throws {
        for zone in [.utc, try TimeZoneRules(posix: "CET-1CEST,M3.5.0,M10.5.0/3"), try TimeZoneRules(tzif: zoneFile("Europe/Berlin"))] {
            for microseconds in [Int64.min, .max] {
                let time = Timestamp(microseconds: microseconds)
                #expect([0, 3208, 3600, 7200].contains(zone.offsetSeconds(at: time)))
            }
            for local in [Int64.min, .max] { #expect(zone.instants(ofLocal: local).all.count == 1) }
        }
        let beijing = TimeZoneRules(fixed: .beijing)
        #expect(beijing.instants(ofLocal: 28_800) == .once(Timestamp(seconds: 0)) && beijing.offsetSeconds(at: Timestamp(seconds: 0)) == 28_800)
    }

    @Test func aBrokenFileIsRefusedForWhatIsWrong() throws {
        func image(_ change: (inout ZoneImage) -> Void) -> [UInt8] {
            var image = ZoneImage()
            change(&image)
            return image.bytes
        }
        func corrupt(_ index: Int, _ byte: UInt8) -> [UInt8] {
            var bytes = ZoneImage().bytes
            bytes[index] = byte
            return bytes
        }
        let second = 44 + 7
        let cases: [(bytes: [UInt8], fault: TimeZoneFault)] = [
            ([], .notTZif), (Array("TZi".utf8), .notTZif), (Array("PNG!".utf8), .notTZif), (Array("TZif2".utf8), .truncated),
            (image { $0.version = 0 }, .tooOld), (image { $0.version = UInt8(ascii: "1") }, .tooOld), (corrupt(second, 0), .notTZif),
            (image { $0.offsets = [] }, .badCounts), (image { $0.characters = 0 }, .badCounts), (corrupt(second + 23, 2), .badCounts),
            (corrupt(second + 27, 2), .badCounts), (image { $0.leapSeconds = 1 }, .countsLeapSeconds), (image { $0.offsets = [93_600] }, .badOffset),
            (image { $0.offsets = [0, -90_000] }, .badOffset), (image { $0.offsets = [.min] }, .badOffset),
            (image { $0.changes = [(0, 1)] }, .badChange(0)), (image { $0.changes = [(5, 0), (5, 0)] }, .badChange(1)),
            (image { $0.changes = [(5, 0), (4, 0)] }, .badChange(1)), (image { $0.changes = [(.min, 0)] }, .badChange(0)),
            (image { $0.changes = [(.max, 0)] }, .badChange(0)), (image { $0.footer = "" }, .truncated), (image { $0.footer = "\nUTC0" }, .truncated),
            (image { $0.footer = "UTC0\n" }, .truncated), (image { $0.footer = "\nUTC\n" }, .badRule("UTC")),
            // Counts that claim more than there is make room for nothing.
            (corrupt(32, 0xFF), .truncated), (corrupt(second + 32, 0xFF), .truncated), (corrupt(second + 40, 0xFF), .truncated),
        ]
        for (index, (bytes, expected)) in cases.enumerated() {
            #expect(fault(bytes) == expected, "case \(index)")
            #expect(!expected.description.isEmpty)
        }
        let berlin = try zoneFile("Europe/Berlin")
        #expect(fault(berlin) == nil)
        for end in stride(from: 0, to: berlin.count, by: 7) { #expect(fault(Array(berlin[..<end])) != nil, "\(end)") }
        #expect(fault(try zoneFile("right/Europe/Berlin")) == .countsLeapSeconds)
    }

    @Test func noBytesBringTheReaderDown() throws {
        var random = Seeded(12)
        let berlin = try zoneFile("Europe/Berlin")
        let image = ZoneImage(
            offsets: [0, 3600, -3600], changes: (0..<8).map { (Int64($0) * 1000, UInt8($0 % 3)) }, footer: "\nCET-1CEST,M3.5.0,M10.5.0/3\n"
        ).bytes
        var taken = 0
        func feed(_ bytes: [UInt8]) {
            guard let zone = try? TimeZoneRules(tzif: bytes) else { return }  // ok: most are refused
            taken += 1
            for _ in 0..<4 {
                let second = Int64.random(in: -3_000_000_000...6_000_000_000, using: &random)
                let period = zone.period(at: second)
                #expect(period.start <= second && second < period.end)
                let all = zone.instants(ofLocal: second + period.offsetSeconds).all
                #expect(!all.isEmpty && all == all.sorted())
            }
        }
        for round in 0..<6000 {
            feed(Array("TZif2".utf8) + random.bytes(Int.random(in: 0..<120, using: &random)))
            var bytes = round % 20 == 0 ? berlin : image
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8(truncatingIfNeeded: random.next())
            }
            feed(bytes)
        }
        // The changes must reach the part behind the reader, or this proves little.
        #expect(taken > 500)
        let alphabet = Array("ABC<>+-0123456789:,./JM".utf8)
        for _ in 0..<20_000 {
            let tail = (0..<Int.random(in: 0..<16, using: &random)).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &random)] }
            let zone = try? TimeZoneRules(posix: "AAA1BBB," + String(decoding: tail, as: UTF8.self))  // ok: most are refused
            if let zone { #expect([-3600, 0].contains(zone.offsetSeconds(at: Timestamp(seconds: 0)))) }
        }
    }

    @Test(arguments: [
        ("Europe/Berlin", true), ("America/Argentina/Buenos_Aires", true), ("Etc/GMT+8", true), ("Etc/GMT-14", true), ("UTC", true), ("EST5EDT", true),
        ("America/Port-au-Prince", true), (String(repeating: "a", count: 64), true), (String(repeating: "a", count: 65), false), ("", false), ("/", false),
        ("/etc/passwd", false), ("Europe/", false), ("Europe//Berlin", false), ("..", false), ("../etc/passwd", false), ("Europe/../UTC", false),
        (".", false), ("tzdata.zi", false), ("Europe/Berlin\0", false), ("Europe Berlin", false), ("Europe\\Berlin", false), ("Zürich", false),
    ]) func aZonesNameCannotLeaveItsDirectory(_ name: String, _ isName: Bool) {
        #expect(TimeZoneRules.isName(name) == isName)
    }
}
