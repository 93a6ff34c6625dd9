import Bytes
import Testing

@testable import Workers

/// The rules by tables: a series of reports, and the events that follow.
@Suite struct AlertMachineTests {
    static let start = Timestamp(seconds: 1_770_000_000)

    /// Rules for all types, with a cooldown in minutes.
    static func settings(cooldown: Int64 = 30, only: [AlertType] = AlertType.allCases) -> AlertSettings {
        var settings = AlertSettings()
        for type in only { settings.rules[type] = AlertRule(id: "r-\(type)", level: "warning", cooldownMinutes: cooldown, wantsMail: false) }
        return settings
    }

    /// `"19 c 45.1@3"`: level, charging, temperature, and the minute; by default the next one.
    static func reports(_ text: String) throws -> [AlertReport] {
        var minute: Double = -1
        return try text.split(separator: ",").map { item in
            minute += 1
            let halves = item.split(separator: "@")
            if halves.count > 1 { minute = try number(halves[1].filter { $0 != " " }) }
            let words = halves[0].split(separator: " ").map(String.init)
            let level = try number(words[0])
            return AlertReport(
                at: start.adding(microseconds: Int64(minute * 60_000_000)), level: AlertReport.thousandths(level),
                temperature: words.dropFirst().first { $0 != "c" }.flatMap { Double($0) }.map(AlertReport.thousandths), isCharging: words.contains("c"))
        }
    }

    private static func number(_ text: String) throws -> Double {
        let value = Double(text)
        return try #require(value)
    }

    /// `"low 19@1-3"`: type, value, minutes of begin and end.
    static func text(_ episodes: [AlertEpisode]) -> String {
        let names: [AlertType: String] = [
            .lowBattery: "low", .criticalBattery: "critical", .highTemperature: "hot", .rapidDrain: "drain", .deviceOffline: "offline",
        ]
        func minute(_ time: Timestamp) -> String { AlertText.number((time.microseconds - start.microseconds) / 60_000) }
        return episodes.sorted { ($0.triggered, $0.type.slot) < ($1.triggered, $1.type.slot) }
            .map { "\(names[$0.type] ?? "") \(AlertText.number($0.value))@\(minute($0.triggered))-\($0.ended.map(minute) ?? "")" }.joined(separator: ", ")
    }

    static func events(_ series: String, _ settings: AlertSettings = settings()) throws -> String {
        var world = AlertWorld(settings)
        for report in try reports(series) { world.take([report]) }
        return text(world.events)
    }

    @Test(arguments: [
        // Low and critical: strictly below, not while charging, an end two above or by charging.
        ("20", ""), ("19.999", "low 19.999@0-"), ("19 c", ""), ("19, 21.999", "low 19@0-"), ("19, 22", "low 19@0-1"), ("19, 19 c", "low 19@0-1"),
        ("10", "low 10@0-"), ("9.999", "critical 9.999@0-"), ("9, 11.9", "critical 9@0-"), ("9, 12", "critical 9@0-1, low 12@1-"),
        // Critical shadows low; a low that was there stays and is not made again.
        ("19, 9, 13, 19", "low 19@0-, critical 9@1-2"), ("5 c", ""), ("9, 9 c", "critical 9@0-1"),
        // Around the threshold nothing flaps.
        ("19, 20, 19, 21, 19", "low 19@0-"),
        // Temperature: strictly above; none says nothing; the end one below, charging or not.
        ("50 45", ""), ("50 45.001", "hot 45.001@0-"), ("50 46, 50, 50 44.001", "hot 46@0-"), ("50 46, 50 44", "hot 46@0-1"), ("50 c 46", "hot 46@0-"),
        // Drain: both ends of the ten minutes and of the fifteen percent count; charging begins anew.
        ("80, 65@10", "drain 15@10-"), ("80, 65@10.001", ""), ("80, 65.001@10", ""), ("80, 70, 65", "drain 15@2-"), ("80, 70 c, 60", ""),
        ("80, 65, 65@12", "drain 15@1-12"), ("80, 65, 66 c", "drain 15@1-2"), ("80 c, 65", ""), ("80, 65, 72.4, 72.5", "drain 15@1-3"),
    ])
    func `each type begins and ends where the table says`(series: String, expected: String) throws { #expect(try Self.events(series) == expected) }

    @Test(arguments: [
        // Exactly as old as the cooldown is allowed; an episode that began within it makes its event once it may.
        ("19, 30, 19@29.999", "low 19@0-1"), ("19, 30, 19@30", "low 19@0-1, low 19@30-"), ("19, 30, 19@10, 18@20, 17@30, 16@40", "low 19@0-1, low 17@30-"),
        // Within the margin it does not begin by itself.
        ("19, 30, 19@10, 21@31, 18@40", "low 19@0-1, low 18@40-"),
        // Once an episode.
        ("19, 18@60, 17@120", "low 19@0-"),
    ])
    func `the cooldown counts from the last event, whatever became of it`(series: String, expected: String) throws {
        #expect(try Self.events(series) == expected)
    }

    @Test func `without a rule there is no event, and critical shadows low all the same`() throws {
        #expect(try Self.events("19, 9, 50 50", Self.settings(only: [])) == "")
        #expect(try Self.events("9", Self.settings(only: [.lowBattery])) == "")
    }

    @Test func `changed settings apply from then on`() throws {
        var world = AlertWorld(Self.settings(only: []))
        let reports = try Self.reports("19, 18, 17, 16@0.5")
        world.take([reports[0]])
        world.settings = Self.settings()
        world.take([reports[1]])
        #expect(Self.text(world.events) == "low 18@1-")
        world.settings.low = 10_000
        // Ten and two: the condition has ended by the new threshold.
        world.take([reports[2]])
        #expect(Self.text(world.events) == "low 18@1-2")
        // What was decided by other settings stays.
        world.take([reports[3]])
        #expect(Self.text(world.events) == "low 18@1-2")
        #expect(world.timeline.tooLate == 1)
    }

    @Test func `silence is three intervals, at least two minutes, and not before rule, settings and cooldown allow`() {
        let seen = Self.start
        func at(_ seconds: Int64) -> Timestamp { seen.adding(seconds: seconds) }
        let cases: [(interval: Int64, since: Int64, last: Int64?, now: Int64, AlertMachine.Silence)] = [
            (60, -100, nil, 179, .wait(until: at(180))), (60, -100, nil, 180, .offline(at: at(180))), (10, -100, nil, 119, .wait(until: at(120))),
            (10, -100, nil, 500, .offline(at: at(120))), (40, -100, nil, 120, .offline(at: at(120))), (41, -100, nil, 120, .wait(until: at(123))),
            (60, 300, nil, 400, .offline(at: at(300))), (60, -100, -100, 200, .wait(until: at(1_700))), (60, -100, -100, 1_700, .offline(at: at(1_700))),
        ]
        for (interval, since, last, now, expected) in cases {
            let found = AlertMachine.silence(
                seen: seen, reportInterval: interval, since: at(since), last: last.map(at), cooldownMinutes: 30, now: at(now))
            #expect(found == expected, "\(interval) \(since) \(now)")
        }
    }

    @Test func `messages have whole numbers where they are whole`() {
        #expect(AlertText.message(.lowBattery, value: 19_000, minutes: 10) == "设备电量低: 19%")
        #expect(AlertText.message(.criticalBattery, value: 9_500, minutes: 10) == "设备电量临界: 9.5%")
        #expect(AlertText.message(.highTemperature, value: 46_050, minutes: 10) == "设备温度过高: 46.1°C")
        #expect(AlertText.message(.highTemperature, value: -40, minutes: 10) == "设备温度过高: 0.0°C")
        #expect(AlertText.message(.deviceOffline, value: 180_000, minutes: 10) == "设备已离线")
        #expect(AlertText.message(.rapidDrain, value: 15_250, minutes: 10) == "设备电量快速下降: 15.25%/10分钟")
    }

    @Test func `peaks are bounded and a fall is still seen`() throws {
        var settings = Self.settings()
        settings.drainMinutes = 1_440
        var world = AlertWorld(settings)
        for i in 0..<800 {
            world.take([AlertReport(at: Self.start.adding(seconds: Int64(i) * 60), level: 100_000 - Int64(i) * 20, temperature: nil, isCharging: false)])
        }
        #expect(world.timeline.head.peaks.count <= AlertMachine.maxPeaks)
        #expect(Self.text(world.events) == "drain 15@750-")
    }
}
