import Bytes
import Testing

@testable import Protocol

@Suite struct CronTests {
    private func error(_ text: String) -> CronError? {
        do throws(CronError) {
            _ = try CronExpression(text)
            return nil
        } catch {
            return error
        }
    }

    private func numbers(_ bits: UInt64) -> [Int] { (0..<64).filter { bits >> UInt64($0) & 1 == 1 } }

    @Test(
        arguments: [
            (.minute, "*", Array(0...59)), (.minute, "0", [0]), (.minute, "59", [59]), (.minute, "007", [7]),
            (.minute, "*/7", [0, 7, 14, 21, 28, 35, 42, 49, 56]),
            (.minute, "*/59", [0, 59]), (.minute, "*/1", Array(0...59)), (.minute, "5/15", [5, 20, 35, 50]), (.minute, "59/2", [59]),
            (.minute, "10-20/5", [10, 15, 20]), (.minute, "10-19/5", [10, 15]), (.minute, "10-10", [10]), (.minute, "0-59", Array(0...59)),
            (.minute, "30,1,1-3,*/30", [0, 1, 2, 3, 30]), (.hour, "*", Array(0...23)), (.hour, "8-18/2", [8, 10, 12, 14, 16, 18]), (.hour, "*/23", [0, 23]),
            (.dayOfMonth, "*", Array(1...31)), (.dayOfMonth, "*/10", [1, 11, 21, 31]), (.dayOfMonth, "31", [31]), (.month, "*", Array(1...12)),
            (.month, "*/5", [1, 6, 11]), (.month, "JAN", [1]), (.month, "dec", [12]), (.month, "Jan-mAr,oct-DEC/2", [1, 2, 3, 10, 12]),
            (.month, "FEB-4", [2, 3, 4]),
            (.month, "SEP/2", [9, 11]), (.dayOfWeek, "*", Array(0...6)), (.dayOfWeek, "0", [0]), (.dayOfWeek, "7", [0]), (.dayOfWeek, "0,7", [0]),
            (.dayOfWeek, "0-7", Array(0...6)), (.dayOfWeek, "5-7", [0, 5, 6]), (.dayOfWeek, "MON-FRI", Array(1...5)), (.dayOfWeek, "fri-sun", [0, 5, 6]),
            (.dayOfWeek, "SUN-TUE", [0, 1, 2]), (.dayOfWeek, "SUN-SUN", [0]), (.dayOfWeek, "*/2", [0, 2, 4, 6]), (.dayOfWeek, "*/7", [0]),
            (.dayOfWeek, "1/2", [1, 3, 5]), (.dayOfWeek, "7/3", [0, 3, 6]), (.dayOfWeek, "SAT,SUN", [0, 6]),
        ] as [(CronField, String, [Int])])
    func aFieldChoosesItsNumbers(_ field: CronField, _ text: String, _ expected: [Int]) throws {
        #expect(numbers(try field.parse(Array(text.utf8)[...])) == expected)
    }

    @Test(
        arguments: [
            ("60 * * * *", .minute, "\"60\" is not in 0-59"), ("-1 * * * *", .minute, "\"\" is not in 0-59"), ("* 24 * * *", .hour, "\"24\" is not in 0-23"),
            ("* * 0 * *", .dayOfMonth, "\"0\" is not in 1-31"), ("* * 32 * *", .dayOfMonth, "\"32\" is not in 1-31"),
            ("* * * 0 *", .month, "\"0\" is not in 1-12"), ("* * * 13 *", .month, "\"13\" is not in 1-12"), ("* * * * 8", .dayOfWeek, "\"8\" is not in 0-7"),
            ("99999999999999999999999999 * * * *", .minute, "\"999999999999999999999999…\" is not in 0-59"),
            ("0-99999999999999999999 * * * *", .minute, "\"99999999999999999999\" is not in 0-59"),
            ("* * 1-100000 * *", .dayOfMonth, "\"100000\" is not in 1-31"),
            ("*/99999999999999999999 * * * *", .minute, "the step \"99999999999999999999\" is not in 1-59"),
            ("*/0 * * * *", .minute, "the step \"0\" is not in 1-59"), ("*/60 * * * *", .minute, "the step \"60\" is not in 1-59"),
            ("* */24 * * *", .hour, "the step \"24\" is not in 1-23"), ("*/ * * * *", .minute, "the step \"\" is not in 1-59"),
            ("*/-5 * * * *", .minute, "the step \"-5\" is not in 1-59"), ("*/1/2 * * * *", .minute, "\"*/1/2\" has more than one step"),
            ("* 22-2 * * *", .hour, "the range \"22-2\" runs backwards; write 22-23,0-2"),
            ("* * * * 5-1", .dayOfWeek, "the range \"5-1\" runs backwards; write 5-7,0-1"),
            ("* * * * FRI-MON", .dayOfWeek, "the range \"FRI-MON\" runs backwards; write 5-7,0-1"),
            ("* * * * 5-0", .dayOfWeek, "the range \"5-0\" runs backwards; write 5-7,0-0"),
            ("1-2-3 * * * *", .minute, "\"1-2-3\" is not a number, a range or *"),
            ("*-5 * * * *", .minute, "\"*\" is not in 0-59"), ("** * * * *", .minute, "\"**\" is not in 0-59"),
            ("1, * * * *", .minute, "an empty item in the list \"1,\""),
            (",1 * * * *", .minute, "an empty item in the list \",1\""), ("1,,2 * * * *", .minute, "an empty item in the list \"1,,2\""),
            ("1- * * * *", .minute, "\"\" is not in 0-59"), ("1-/2 * * * *", .minute, "\"\" is not in 0-59"), ("/5 * * * *", .minute, "\"\" is not in 0-59"),
            ("ONE * * * *", .minute, "\"ONE\" is not in 0-59"), ("JAN * * * *", .minute, "\"JAN\" is not in 0-59"),
            ("* * * MON *", .month, "\"MON\" is not in 1-12 or JAN-DEC"),
            ("* * * JANUARY *", .month, "\"JANUARY\" is not in 1-12 or JAN-DEC"), ("* * * * JAN", .dayOfWeek, "\"JAN\" is not in 0-7 or SUN-SAT"),
            ("* * * * MO", .dayOfWeek, "\"MO\" is not in 0-7 or SUN-SAT"), ("0 0 L * *", .dayOfMonth, "\"L\" is not in 1-31"),
            ("0 0 15W * *", .dayOfMonth, "\"15W\" is not in 1-31"),
            ("0 0 ? * *", .dayOfMonth, "\"?\" is not in 1-31"), ("0 0 * * 5#3", .dayOfWeek, "\"5#3\" is not in 0-7 or SUN-SAT"),
            ("1.5 * * * *", .minute, "\"1.5\" is not in 0-59"),
            ("+1 * * * *", .minute, "\"+1\" is not in 0-59"), ("0x1 * * * *", .minute, "\"0x1\" is not in 0-59"),
            ("* * * *\n *", .month, "\"*?\" is not in 1-12 or JAN-DEC"),
            ("１ * * * *", .minute, "\"???\" is not in 0-59"), ("*\0 * * * *", .minute, "\"*?\" is not in 0-59"),
            ("*,60 * * * *", .minute, "\"60\" is not in 0-59"),
            ("", nil, "0 fields instead of 5: minute, hour, day-of-month, month, day-of-week"),
            (" \t ", nil, "0 fields instead of 5: minute, hour, day-of-month, month, day-of-week"),
            ("*", nil, "1 fields instead of 5: minute, hour, day-of-month, month, day-of-week"),
            ("* * * *", nil, "4 fields instead of 5: minute, hour, day-of-month, month, day-of-week"),
            ("0 * * * * *", nil, "6 fields instead of 5: minute, hour, day-of-month, month, day-of-week"),
            ("@reboot", nil, "\"@reboot\" is none of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually"),
            ("@", nil, "\"@\" is none of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually"),
            ("@daily x", nil, "nothing may follow \"@daily\""),
        ] as [(String, CronField?, String)])
    func aBrokenExpressionIsRefusedForItsField(_ text: String, _ field: CronField?, _ reason: String) {
        #expect(error(text) == CronError(field, reason))
        #expect(error(text)?.description == (field.map { "\($0.rawValue): " } ?? "") + reason)
    }

    @Test func lengthIsBounded() {
        let longest = String(repeating: "0,", count: 251) + "00 * * * *"
        #expect(longest.utf8.count == 512 && error(longest) == nil)
        #expect(error("0" + longest) == CronError(nil, "513 bytes, at most 512"))
        #expect(error(String(repeating: " ", count: 513)) == CronError(nil, "513 bytes, at most 512"))
    }

    @Test(arguments: [
        ("0 0 30 2 *", "no chosen month has a day 30"), ("0 0 30-31 FEB *", "no chosen month has a day 30"),
        ("0 0 31 2,4,6,9,11 *", "no chosen month has a day 31"),
        ("0 0 31 4 */2", "no chosen month has a day 31"), ("0 0 31 APR *", "no chosen month has a day 31"),
    ]) func aDateThatNeverComesIsRefused(_ text: String, _ reason: String) {
        #expect(error(text) == CronError(.dayOfMonth, reason))
    }

    @Test(arguments: ["0 0 29 2 *", "0 0 31 2,3 *", "0 0 30 2 MON", "0 0 31 4 1-5", "0 0 28-31 2 *", "0 0 */30 4 *"])
    func aDateThatSometimesComesIsTaken(_ text: String) throws {
        #expect(try CronExpression(text).next(after: time("2026-01-01T00:00:00"), in: .utc) != nil)
    }

    @Test(
        arguments: [
            ("* * * * *", "2026-01-01T00:00:00", ["2026-01-01T00:01:00", "2026-01-01T00:02:00"]),
            ("* * * * *", "2026-01-01T00:00:59.999999", ["2026-01-01T00:01:00"]), ("* * * * *", "2025-12-31T23:59:59.999999", ["2026-01-01T00:00:00"]),
            ("* * * * *", "1969-12-31T23:58:00.000001", ["1969-12-31T23:59:00", "1970-01-01T00:00:00"]),
            ("*/7 * * * *", "2026-01-01T00:50:00", ["2026-01-01T00:56:00", "2026-01-01T01:00:00", "2026-01-01T01:07:00"]),
            ("0 0 29 2 *", "2024-02-29T00:00:00", ["2028-02-29T00:00:00", "2032-02-29T00:00:00"]),
            ("0 0 29 2 *", "2096-02-29T00:00:00", ["2104-02-29T00:00:00"]),
            ("0 0 29 2 */7", "1880-02-29T00:00:00", ["1920-02-29T00:00:00", "1948-02-29T00:00:00"]),
            ("0 12 31 * *", "2026-01-31T12:00:00", ["2026-03-31T12:00:00", "2026-05-31T12:00:00", "2026-07-31T12:00:00", "2026-08-31T12:00:00"]),
            ("59 23 28-31 2 *", "2026-01-01T00:00:00", ["2026-02-28T23:59:00", "2027-02-28T23:59:00", "2028-02-28T23:59:00", "2028-02-29T23:59:00"]),
            ("30 8 * * MON-FRI", "2026-11-20T08:30:00", ["2026-11-23T08:30:00", "2026-11-24T08:30:00"]),
            ("0 0 * * 7", "2026-11-21T00:00:00", ["2026-11-22T00:00:00", "2026-11-29T00:00:00"]),
            // Either day field, if neither begins with a star.
            (
                "0 0 13 * FRI", "2026-11-12T00:00:00",
                ["2026-11-13T00:00:00", "2026-11-20T00:00:00", "2026-11-27T00:00:00", "2026-12-04T00:00:00", "2026-12-11T00:00:00", "2026-12-13T00:00:00"]
            ),
            ("0 0 1-31 * 1", "2026-11-20T00:00:00", ["2026-11-21T00:00:00", "2026-11-22T00:00:00"]),
            ("0 0 30 2 MON", "2026-02-01T00:00:00", ["2026-02-02T00:00:00", "2026-02-09T00:00:00"]),
            // Both, if one does: odd days that are Mondays, the 13th if it is one of every second weekday.
            ("0 0 */2 * 1", "2026-11-01T00:00:00", ["2026-11-09T00:00:00", "2026-11-23T00:00:00"]),
            ("0 0 13 * */2", "2026-11-13T00:00:00", ["2026-12-13T00:00:00", "2027-02-13T00:00:00"]),
            ("@hourly", "2026-01-01T00:30:00", ["2026-01-01T01:00:00"]), ("@daily", "2026-01-01T00:00:00", ["2026-01-02T00:00:00"]),
            ("@MIDNIGHT", "2026-01-01T00:00:00", ["2026-01-02T00:00:00"]), ("@weekly", "2026-11-21T12:00:00", ["2026-11-22T00:00:00"]),
            ("@monthly", "2026-01-01T00:00:00", ["2026-02-01T00:00:00"]), ("@yearly", "2026-01-01T00:00:00", ["2027-01-01T00:00:00"]),
            (" \t@annually ", "2026-01-01T00:00:00", ["2027-01-01T00:00:00"]), ("\t0   0\t1 1  * ", "2026-01-01T00:00:00", ["2027-01-01T00:00:00"]),
        ] as [(String, String, [String])])
    func slotsFollowEachOther(_ text: String, _ after: String, _ expected: [String]) throws {
        try expectSlots(text, "UTC", after, expected)
    }

    @Test(
        arguments: [
            ("0 9 * * *", "Europe/Berlin", "2026-03-28T09:00:00+01:00", ["2026-03-29T07:00:00", "2026-03-30T07:00:00"]),
            ("0 9 * * *", "Asia/Shanghai", "2026-03-28T00:00:00", ["2026-03-28T01:00:00", "2026-03-29T01:00:00"]),
            // A skipped time runs at the jump, once.
            ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00", ["2026-03-29T01:00:00", "2026-03-30T00:30:00"]),
            ("10,30,50 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00", ["2026-03-29T01:00:00", "2026-03-30T00:10:00"]),
            ("30 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00:00", ["2026-03-29T01:00:00", "2026-03-29T01:30:00", "2026-03-30T00:30:00"]),
            // The jump is a slot of its own as well: still one.
            ("0 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00:00", ["2026-03-29T01:00:00", "2026-03-30T00:00:00", "2026-03-30T01:00:00"]),
            ("*/20 * * * *", "Europe/Berlin", "2026-03-29T00:40:00", ["2026-03-29T01:00:00", "2026-03-29T01:20:00"]),
            ("30 2 29 3 *", "Europe/Berlin", "2026-01-01T00:00:00", ["2026-03-29T01:00:00", "2027-03-29T00:30:00"]),
            ("30 2 * * *", "America/New_York", "2040-03-10T12:00:00", ["2040-03-11T07:00:00", "2040-03-12T06:30:00"]),
            ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00", ["2026-10-03T15:30:00", "2026-10-04T15:15:00"]),
            ("30 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00", ["2026-10-03T15:30:00", "2026-10-04T15:30:00"]),
            // Samoa left out 30 December 2011.
            ("0 9 * * *", "Pacific/Apia", "2011-12-29T19:00:00", ["2011-12-30T10:00:00", "2011-12-30T19:00:00", "2011-12-31T19:00:00"]),
            ("0 9 30 12 *", "Pacific/Apia", "2011-01-01T00:00:00", ["2011-12-30T10:00:00", "2012-12-29T19:00:00"]),
            // A time that comes twice runs at the first.
            ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00", ["2026-10-25T00:30:00", "2026-10-26T01:30:00"]),
            ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00", ["2026-10-26T01:30:00"]),
            (
                "*/30 1-3 * * *", "Europe/Berlin", "2026-10-24T23:30:00",
                ["2026-10-25T00:00:00", "2026-10-25T00:30:00", "2026-10-25T02:00:00", "2026-10-25T02:30:00"]
            ),
            ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00", ["2026-04-04T14:45:00", "2026-04-05T15:15:00"]),
            ("30 1 * * *", "America/New_York", "2040-11-04T00:00:00", ["2040-11-04T05:30:00", "2040-11-05T06:30:00"]),
            // Unless the hour begins with a star: then a distance in time is meant.
            ("30 * * * *", "Europe/Berlin", "2026-10-24T23:30:00", ["2026-10-25T00:30:00", "2026-10-25T01:30:00", "2026-10-25T02:30:00"]),
            ("0 */2 * * *", "Europe/Berlin", "2026-10-24T22:00:00", ["2026-10-25T00:00:00", "2026-10-25T01:00:00", "2026-10-25T03:00:00"]),
            ("45 * * * *", "Australia/Lord_Howe", "2026-04-04T14:00:00", ["2026-04-04T14:45:00", "2026-04-04T15:15:00", "2026-04-04T16:15:00"]),
        ] as [(String, String, String, [String])])
    func slotsFollowTheClocksOfTheirZone(_ text: String, _ zone: String, _ after: String, _ expected: [String]) throws {
        try expectSlots(text, zone, after, expected)
    }

    private func expectSlots(_ text: String, _ zoneName: String, _ after: String, _ expected: [String]) throws {
        let cron = try CronExpression(text)
        let rules = try zone(zoneName)
        var at = try time(after)
        for expected in expected {
            at = try #require(cron.next(after: at, in: rules))
            #expect(RFC3339.string(at, .local(.utc)) == expected)
        }
    }

    @Test func theEndsOfTimeHaveNoTrap() throws {
        let berlin = try zone("Europe/Berlin")
        for text in ["* * * * *", "0 0 29 2 */7"] {
            let cron = try CronExpression(text)
            #expect(cron.next(after: Timestamp(microseconds: .max), in: berlin) == nil)
            #expect(try #require(cron.next(after: Timestamp(microseconds: .min), in: berlin)) > Timestamp(microseconds: .min))
        }
    }

    @Test func noTextBringsTheParserDown() throws {
        var random = Seeded(21)
        let alphabet = Array("0123456789*/-,@ \tLW?#JANFEBMONSUNhourly.\0".utf8)
        let start = try time("2026-02-27T23:59:30")
        var taken = 0
        for round in 0..<30_000 {
            var bytes = random.bytes(Int.random(in: 0..<20, using: &random))
            if round % 3 > 0 { bytes = bytes.map { alphabet[Int($0) % alphabet.count] } }
            if round % 3 > 1 {
                let byte = bytes.first ?? 0
                bytes = Array("*/5 0-3 1,2 JAN,4-9/2 MON-5".utf8)
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = byte
            }
            guard let cron = try? CronExpression(String(decoding: bytes, as: UTF8.self)) else { continue }  // ok: most are refused
            taken += 1
            #expect(try #require(cron.next(after: start, in: .utc)) > start)
        }
        #expect(taken > 500)
    }

    @Test func slotsAreThoseThatAMinuteByMinuteSearchFinds() throws {
        var random = Seeded(22)
        for _ in 0..<150 {
            let cron = RandomCron(using: &random)
            let expression = try CronExpression(cron.text)
            // From 1990 to 2110.
            let start = Timestamp(microseconds: Int64.random(in: 631_152_000_000_000...4_417_977_600_000_000, using: &random))
            var at = start
            for found in cron.slots(afterSecond: start.seconds, count: 5) {
                at = try #require(expression.next(after: at, in: .utc))
                #expect(at == Timestamp(seconds: found), "\(cron.text) after \(RFC3339.string(start))")
            }
        }
    }

    @Test func slotsAreTheInstantsOfAllLocalTimesThatMatch() throws {
        var random = Seeded(23)
        let changes: [(String, String)] = [
            ("Europe/Berlin", "2026-03-29T01:00:00"), ("Europe/Berlin", "2026-10-25T01:00:00"), ("America/New_York", "2050-11-06T06:00:00"),
            ("Australia/Lord_Howe", "2026-04-04T15:00:00"), ("Australia/Lord_Howe", "2026-10-03T15:30:00"), ("Pacific/Apia", "2011-12-30T10:00:00"),
            // A day that came twice.
            ("America/Juneau", "1867-10-18T23:29:41"),
        ]
        for (name, change) in changes {
            let rules = try zone(name)
            let start = try time(change).seconds - 100_000
            let end = start + 200_000
            for _ in 0..<12 {
                let cron = RandomCron(using: &random, dense: true)
                let expression = try CronExpression(cron.text)
                var expected: Set<Int64> = []
                for minute in (start / 60 - 1600)...(end / 60 + 1600) where cron.matches(localMinute: minute) {
                    let instants = rules.instants(ofLocal: minute * 60)
                    if case .skipped(let jump) = instants { expected.insert(jump.seconds) }
                    for instant in cron.hasStarHour ? instants.all : Array(instants.all.prefix(1)) { expected.insert(instant.seconds) }
                }
                var found: [Int64] = []
                var at = Timestamp(seconds: start)
                while let slot = expression.next(after: at, in: rules), slot.seconds <= end {
                    found.append(slot.seconds)
                    at = slot
                }
                #expect(found == expected.filter { $0 > start && $0 <= end }.sorted(), "\(cron.text) in \(name)")
            }
        }
    }
}
