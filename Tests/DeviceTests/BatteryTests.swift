import Bytes
import Postgres
import Reactor
import TestSupport
import Testing

@testable import API

@Suite struct BatteryTests {
    /// Charging, by hand: reports of minutes after 2026-01-11T22:00:00Z, and the minutes of charging in the window.
    private struct Hand {
        let name: String
        let reports: [(minute: Int, isCharging: Bool)]
        var intervalSeconds = 60
        let minutes: Double
    }

    private static let hands = [
        Hand(name: "nothing", reports: [], minutes: 0), Hand(name: "one report has no interval", reports: [(5, true)], minutes: 0),
        Hand(name: "the earlier one counts", reports: [(0, true), (5, false)], minutes: 5),
        Hand(name: "not the later one", reports: [(0, false), (5, true)], minutes: 0),
        Hand(name: "a run", reports: [(0, true), (5, true), (10, true), (15, false), (20, false)], minutes: 15),
        Hand(name: "two runs", reports: [(0, true), (3, false), (6, true), (8, true), (10, false)], minutes: 7),
        Hand(name: "ten minutes count", reports: [(0, true), (10, true), (20, false)], minutes: 20),
        Hand(name: "a longer gap does not", reports: [(0, true), (11, true), (20, false)], minutes: 9),
        Hand(name: "gaps go by the interval", reports: [(0, true), (11, true), (20, false)], intervalSeconds: 180, minutes: 20),
        Hand(name: "five intervals count", reports: [(0, true), (15, false)], intervalSeconds: 180, minutes: 15),
        Hand(name: "more do not", reports: [(0, true), (16, false)], intervalSeconds: 180, minutes: 0),
    ]

    @Test func `minutes of charging are those between reports`() async throws {
        try await withCast { cast, loop in
            for hand in Self.hands {
                try await cast.sql("TRUNCATE heliograph.battery_report; UPDATE heliograph.device SET report_interval_s = \(hand.intervalSeconds)", on: loop)
                for (minute, isCharging) in hand.reports {
                    try await cast.report(RFC3339.string(Timestamp(seconds: 1_768_168_800 + Int64(minute) * 60)), 50, charging: isCharging, on: loop)
                }
                let stats = try await cast.call(
                    "GET", "/battery/stats/\(Cast.device)?start_time=2026-01-11T00:00:00Z&end_time=2026-01-13T00:00:00Z", on: loop)
                #expect(stats.data["charging_duration_minutes"]?.double == hand.minutes, "\(hand.name): \(stats.answer.text)")
                #expect(stats.data["total_records"]?.int == hand.reports.count)
            }
        }
    }

    @Test func `intervals across the ends of windows are shared between them`() async throws {
        try await withCast { cast, loop in
            // Charging from 23:50 to 00:14 UTC, reported every 4 minutes; the day's end lies within an interval.
            for minute in stride(from: 110, through: 134, by: 4) {
                try await cast.report(RFC3339.string(Timestamp(seconds: 1_768_168_800 + Int64(minute) * 60 + 60)), 50, charging: minute < 134, on: loop)
            }
            let windows: [(start: String, end: String, minutes: Double, records: Int)] = [
                ("2026-01-11T00:00:00Z", "2026-01-12T00:00:00Z", 9, 3), ("2026-01-12T00:00:00Z", "2026-01-13T00:00:00Z", 15, 4),
                ("2026-01-11T00:00:00Z", "2026-01-13T00:00:00Z", 24, 7), ("2026-01-11T23:56:00Z", "2026-01-11T23:57:30Z", 1.5, 0),
                ("2026-01-11T23:00:00Z", "2026-01-11T23:51:00Z", 0, 1), ("2026-01-12T00:15:00Z", "2026-01-12T00:16:00Z", 0, 1),
                ("2026-01-12T07:30:00+08:00", "2026-01-12T08:00:00+08:00", 9, 3), ("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z", 0, 0),
            ]
            for (start, end, minutes, records) in windows {
                let query = "start_time=\(start)&end_time=\(end)".replacing("+", with: "%2B")
                let stats = try await cast.call("GET", "/battery/stats/\(Cast.device)?\(query)", on: loop).data
                #expect(stats["charging_duration_minutes"]?.double == minutes && stats["total_records"]?.int == records, "\(start) \(end): \(stats)")
            }
        }
    }

    @Test func `low is what lies below the device's own threshold`() async throws {
        try await withCast { cast, loop in
            let query = "start_time=2026-01-11T00:00:00Z&end_time=2026-01-12T00:00:00Z"
            let empty = try await cast.call("GET", "/battery/stats/\(Cast.device)?\(query)", on: loop).data
            for name in ["avg_battery_level", "min_battery_level", "max_battery_level", "total_records", "charging_duration_minutes", "low_battery_count"] {
                #expect(empty[name] == 0, "\(name)")
            }
            for (i, level) in [9.9, 10, 19.9, 20, 37.6, 60].enumerated() { try await cast.report("2026-01-11T0\(i):00:00Z", level, on: loop) }
            // Not in the window; its ends are.
            try await cast.report("2026-01-10T23:59:59.999999Z", 1, on: loop)
            try await cast.report("2026-01-12T00:00:00Z", 5, on: loop)
            for (low, critical, count) in [(20.0, 10.0, 4), (19.9, 10, 3), (60, 10, 6), (60.5, 10, 7), (0, 0, 0)] {
                _ = try await cast.call(
                    "PUT", "/devices/\(Cast.device)/config", #"{"low_battery_threshold":\#(low),"critical_battery_threshold":\#(critical)}"#, on: loop)
                let stats = try await cast.call("GET", "/battery/stats/\(Cast.device)?\(query)", on: loop).data
                #expect(stats["low_battery_count"]?.int == count && stats["total_records"] == 7, "\(low): \(stats)")
                #expect(stats["min_battery_level"] == 5 && stats["max_battery_level"] == 60 && stats["avg_battery_level"] == 23.2)
            }
        }
    }

    @Test func `the newest report is judged by the device's own thresholds`() async throws {
        try await withCast { cast, loop in
            let none = try await cast.call("GET", "/battery/latest/\(Cast.device)", on: loop)
            #expect(none.status == 404 && none.message == "暂无电量数据")
            try await cast.sql(
                "INSERT INTO heliograph.battery_latest (device, recorded_at, level, is_charging) SELECT number, '2026-01-11T00:00:00.25Z', 0, true FROM heliograph.device",
                on: loop)
            for (level, isLow, isCritical) in [(20.0, false, false), (19.9, true, false), (10, true, false), (9.9, true, true), (0, true, true)] {
                try await cast.sql("UPDATE heliograph.battery_latest SET level = \(level)", on: loop)
                let latest = try await cast.call("GET", "/battery/latest/\(Cast.device)", as: .read, on: loop).data
                #expect(latest["battery_level"]?.double == level && latest["is_low_battery"]?.bool == isLow && latest["is_critical"]?.bool == isCritical)
                #expect(latest["temperature"] == nil && latest["voltage"] == nil && latest["power_saving_mode"] == "off" && latest["is_charging"] == true)
                #expect(latest["recorded_at"] == "2026-01-11T00:00:00.250000Z")
            }
        }
    }

    @Test func `history has pages, the newest first, and both ends of its window`() async throws {
        try await withCast { cast, loop in
            try await cast.sql(
                """
                INSERT INTO heliograph.battery_report (device, recorded_at, level, temperature, voltage, is_charging, power_saving)
                SELECT number, '2026-10-31T00:00:00Z'::timestamptz + n * interval '1 minute', n % 101, CASE WHEN n % 2 = 0 THEN -39.9 + n * 0.001 END,
                    CASE WHEN n % 3 = 0 THEN 3.7 END, n % 2 = 1, n % 5
                FROM heliograph.device, generate_series(0, 9999) AS n
                """, on: loop)
            let path = "/battery/history/\(Cast.device)?start_time=2026-10-31T00:00:00Z&end_time="
            let times = { (list: JSONValue) in (list[0]?["recorded_at"]?.string, list.array?.count) }
            let cases: [(query: String, first: String?, count: Int)] = [
                ("2026-12-01T00:00:00Z", "2026-11-06T22:39:00Z", 100), ("2026-12-01T00:00:00Z&limit=3&offset=9998", "2026-10-31T00:01:00Z", 2),
                ("2026-12-01T00:00:00Z&limit=3&offset=10000", nil, 0), ("2026-11-01T00:00:00Z&limit=10000", "2026-11-01T00:00:00Z", 1441),
                ("2026-10-31T00:00:00.000001Z", "2026-10-31T00:00:00Z", 1),
            ]
            for (query, first, count) in cases {
                let (time, found) = times(try await cast.call("GET", path + query, on: loop).data)
                #expect(time == first && found == count, "\(query)")
            }
            let all = try await cast.call("GET", path + "2026-12-01T00:00:00Z&limit=10000", on: loop)
            let rows = all.data.array ?? []
            #expect(rows.count == 10_000)
            let faults = Set(rows.flatMap { Shape.data.faults($0) })
            #expect(faults == [])
            var ids: Set<String> = []
            for (i, row) in rows.enumerated() {
                let n = 9999 - i
                ids.insert(row["id"]?.string ?? "")
                let time = RFC3339.string(Timestamp(seconds: 1_793_404_800 + Int64(n) * 60))
                // As a real has it, in its shortest form.
                let temperature = n % 2 == 0 ? BatteryText.shortest(Double(Float(-39.9 + Double(n) * 0.001))) : nil
                guard row["recorded_at"]?.string == time, row["battery_level"]?.int ?? row["battery_level"]?.double.map({ Int($0) }) == n % 101,
                    row["temperature"]?.double == temperature, row["voltage"]?.double == (n % 3 == 0 ? 3.7 : nil), row["is_charging"]?.bool == (n % 2 == 1),
                    row["power_saving_mode"]?.string == BatteryText.modes[n % 5]
                else {
                    Issue.record("row \(n): \(row)")
                    break
                }
            }
            #expect(ids.count == 10_000)
        }
    }

    @Test func `aggregates are by minutes, hours and days of UTC`() async throws {
        try await withCast { cast, loop in
            for (time, level) in [
                ("2026-01-10T23:59:59.999999Z", 10.0), ("2026-01-11T00:00:00Z", 20), ("2026-01-11T00:00:59Z", 30), ("2026-01-11T00:59:59Z", 37.6),
                ("2026-01-11T01:00:00Z", 40), ("2026-01-12T00:00:00Z", 50),
            ] { try await cast.report(time, level, on: loop) }
            let path = "/battery/aggregated/\(Cast.device)?start_time=2026-01-10T00:00:00Z&end_time=2026-01-12T00:00:00Z"
            let cases: [(query: String, buckets: [String])] = [
                (
                    "&interval=minute",
                    [
                        "2026-01-12T00:00:00Z 50.0 50.0 50.0 1", "2026-01-11T01:00:00Z 40.0 40.0 40.0 1", "2026-01-11T00:59:00Z 37.6 37.6 37.6 1",
                        "2026-01-11T00:00:00Z 25.0 20.0 30.0 2", "2026-01-10T23:59:00Z 10.0 10.0 10.0 1",
                    ]
                ),
                (
                    "",
                    [
                        "2026-01-12T00:00:00Z 50.0 50.0 50.0 1", "2026-01-11T01:00:00Z 40.0 40.0 40.0 1", "2026-01-11T00:00:00Z 29.2 20.0 37.6 3",
                        "2026-01-10T23:00:00Z 10.0 10.0 10.0 1",
                    ]
                ),
                ("&interval=day", ["2026-01-12T00:00:00Z 50.0 50.0 50.0 1", "2026-01-11T00:00:00Z 31.9 20.0 40.0 4", "2026-01-10T00:00:00Z 10.0 10.0 10.0 1"]),
            ]
            for (query, buckets) in cases {
                let list = try await cast.call("GET", path + query, on: loop).data.array ?? []
                let found = list.map { bucket in
                    let levels = ["avg_level", "min_level", "max_level"].map { "\(bucket[$0]?.double ?? -1)" }
                    return "\(bucket["bucket"]?.string ?? "") \(levels.joined(separator: " ")) \(bucket["count"]?.int ?? -1)"
                }
                #expect(found == buckets, "\(query)")
            }
            let none = try await cast.call(
                "GET", "/battery/aggregated/\(Cast.device)?start_time=2020-01-10T00:00:00Z&end_time=2020-01-12T00:00:00Z", on: loop)
            #expect(none.status == 200 && none.data == [])
        }
    }

    @Test(arguments: [37.6, 0.1, -39.9, 85, 100, 3.7, 0, 20.123, 33.3333, 99.99999, 1e-7, -0.0])
    func `a real is written with the digits that it was given`(value: Double) {
        let kept = Double(Float(value))
        #expect(Float(BatteryText.shortest(kept)) == Float(value))
        #expect("\(BatteryText.shortest(kept))".count <= "\(Float(value))".count)
    }

    @Test func `times are written as RFC 3339 writes them, whatever came before`() {
        var text = DayText()
        for micros in [0, 1, 999_999, 86_399_999_999, 86_400_000_000, -1, -62_135_596_800_000_000, 1_768_168_800_000_000, 1_768_168_800_250_000] as [Int64] {
            var out: [UInt8] = []
            text.append(Timestamp(microseconds: micros), to: &out)
            #expect(String(decoding: out, as: UTF8.self) == RFC3339.string(Timestamp(microseconds: micros)))
        }
    }
}
