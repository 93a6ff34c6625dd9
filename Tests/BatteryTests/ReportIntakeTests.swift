import Bytes
import Protocol
import TestSupport
import Testing

@testable import API

@Suite struct ReportIntakeTests {
    static let now = Timestamp(seconds: 1_770_000_000)

    private static func row(_ json: String) -> Result<BatteryReport, APIError> {
        var intake = ReportIntake(device: 7, now: now)
        do throws(APIError) {
            try intake.readOne(Array(json.utf8))
            let rows = ReportBatch.read(intake.batch.bytes) ?? []
            return rows.count == 1 ? .success(rows[0]) : .failure(.badRequest("\(rows.count) rows"))
        } catch {
            return .failure(error)
        }
    }

    @Test(arguments: [
        ("battery_level", ["0", "100", "0.5", "75", "1e1", "-0"], ["-0.001", "100.001", "\"50\"", "null", "true", "[]", "1e999", "{}"]),
        ("temperature", ["-40", "85", "28.5", "null"], ["-40.001", "85.001", "\"20\"", "false", "1e999"]),
        ("voltage", ["0", "10", "3.9", "null"], ["-0.001", "10.001", "\"3\"", "{}"]),
        ("is_charging", ["true", "false", "null"], ["0", "1", "\"true\"", "[]"]),
        ("power_saving_mode", ["\"off\"", "\"low\"", "\"medium\"", "\"high\"", "\"extreme\"", "null"], ["\"OFF\"", "\"\"", "\"max\"", "1", "{}"]),
        (
            "recorded_at",
            ["\"2026-01-12T10:30:00Z\"", "\"2000-01-01T00:00:00Z\"", "\"2026-02-02T02:41:00Z\"", "\"2026-01-12T10:30:00.123456+08:00\"", "null"],
            ["\"1999-12-31T23:59:59Z\"", "\"2026-02-02T02:41:01Z\"", "\"yesterday\"", "1768213800", "\"\"", "\"2026-02-30T00:00:00Z\""]
        ),
    ])
    func `every field has its type and its range`(field: String, good: [String], bad: [String]) {
        for value in good {
            let level = field == "battery_level" ? "" : #""battery_level":50,"#
            let result = Self.row("{\(level)\"\(field)\":\(value)}")
            #expect((try? result.get()) != nil, "\(field) \(value)")
        }
        for value in bad {
            let level = field == "battery_level" ? "" : #""battery_level":50,"#
            guard case .failure(let error) = Self.row("{\(level)\"\(field)\":\(value)}") else {
                Issue.record("\(field) \(value) was taken")
                continue
            }
            #expect(error.status == 400)
            #expect(error.message.contains(field), "\(error.message)")
        }
    }

    @Test func `what is left out has its default, what is unknown is ignored`() throws {
        #expect(try Self.row(#"{"battery_level":50,"x":[1]}"#).get() == BatteryReport(device: 7, recordedAt: Self.now, level: 50))
        let full = #"{"battery_level":75,"is_charging":true,"power_saving_mode":"low","temperature":28.5,"voltage":3.9,"recorded_at":"2026-01-12T10:30:00Z"}"#
        let report = BatteryReport(
            device: 7, recordedAt: Timestamp(seconds: 1_768_213_800), level: 75, temperature: 28.5, voltage: 3.9, isCharging: true, mode: .low)
        #expect(try Self.row(full).get() == report)
        for body in ["", "[]", "1", "{}", "{\"battery_level\":50}x", "null", "{\"battery_level\":50"] {
            let isTaken = (try? Self.row(body).get()) != nil
            #expect(!isTaken, "\(body)")
        }
    }

    @Test func `bad rows of a batch are named and the good ones kept`() throws {
        var intake = ReportIntake(device: 7, now: Self.now)
        try intake.readMany(
            Array(
                #"{"x":1,"data":[{"battery_level":1},5,{"battery_level":101},{"battery_level":2,"recorded_at":"2099-01-01T00:00:00Z"},{"battery_level":3}]}"#
                    .utf8))
        #expect(intake.report.accepted == 2)
        #expect(intake.report.rejected.map(\.index) == [1, 2, 3])
        #expect(ReportBatch.read(intake.batch.bytes)?.map(\.level) == [1, 3])
        for body in [#"{}"#, #"{"data":{}}"#, #"{"data":[}"#, #""x""#, ""] {
            var intake = ReportIntake(device: 7, now: Self.now)
            #expect(throws: APIError.self) { try intake.readMany(Array(body.utf8)) }
        }
    }

    @Test func `the codec keeps every report, and refuses what is none`() {
        var random = SplitMix(state: 3)
        var batch = ReportBatch()
        var reports: [BatteryReport] = []
        for _ in 0..<500 {
            let report = BatteryReport(
                device: .random(in: 1...9_999, using: &random), recordedAt: Timestamp(microseconds: .random(in: 0...4_000_000_000_000_000, using: &random)),
                level: .random(in: 0...100, using: &random), temperature: Bool.random(using: &random) ? .random(in: -40...85, using: &random) : nil,
                voltage: Bool.random(using: &random) ? .random(in: 0...10, using: &random) : nil, isCharging: .random(using: &random),
                mode: PowerSavingMode.allCases.randomElement(using: &random) ?? .off)
            reports.append(report)
            batch.append(report)
        }
        #expect(ReportBatch.read(batch.bytes) == reports)
        #expect(ReportBatch.read([]) == [])
        #expect(ReportBatch.read(Array(batch.bytes.dropLast())) == nil)
        for length in 0..<200 { _ = ReportBatch.read((0..<length).map { _ in .random(in: 0...255, using: &random) }) }
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("192.0.2.0/24", "192.0.2.255", true), ("192.0.2.0/24", "192.0.3.0", false),
        ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "2001:db8::1", false), ("::/0", "2001:db8::1", true), ("2001:db8::/33", "2001:db8:7fff::1", true),
        ("2001:db8::/33", "2001:db8:8000::1", false), ("::ffff:192.0.2.1", "192.0.2.1", true), ("192.0.2.128/25", "192.0.2.127", false),
    ])
    func `addresses lie within their networks`(range: String, address: String, expected: Bool) throws {
        let one = try #require(AddressRange(range))
        let octets = try #require(Self.octets(address))
        #expect(one.contains(octets) == expected)
    }

    @Test func `what is no address is no range`() {
        for text in ["", "x", "192.0.2.1/33", "192.0.2.1/", "192.0.2.1/-1", "192.0.2", "::/129", "192.0.2.1/24/1", "192.0.2.1/+4"] {
            let isNone = AddressRange(text) == nil
            #expect(isNone, "\(text)")
        }
    }

    private static func octets(_ text: String) -> [UInt8]? {
        guard text.contains(":") else { return AddressRange.mapped + text.split(separator: ".").compactMap { UInt8($0) } }
        var groups: [[UInt16]] = [[], []]
        let halves = text.split(separator: "::", omittingEmptySubsequences: false)
        for (i, half) in halves.enumerated() { groups[i] = half.split(separator: ":").compactMap { UInt16($0, radix: 16) } }
        let all = groups[0] + [UInt16](repeating: 0, count: 8 - groups[0].count - groups[1].count) + groups[1]
        return all.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
    }

    @Test func `a token's rate is a bucket that fills up evenly`() {
        let rates = DeviceRates()
        let left = (0..<4).map { _ in rates.take("t", perMinute: 3, nowNs: 0) }
        #expect(left == [nil, nil, nil, 20])
        #expect(rates.take("t", perMinute: 3, nowNs: 19_500_000_000) == 1)
        #expect(rates.take("t", perMinute: 3, nowNs: 20_000_000_001) == nil)
        #expect(rates.take("u", perMinute: 1, nowNs: 0) == nil)
        #expect(rates.take("u", perMinute: 1, nowNs: 0) == 60)
    }
}
