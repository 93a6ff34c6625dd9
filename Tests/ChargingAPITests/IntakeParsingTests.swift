import Bytes
import Protocol
import TestSupport
import Testing

@testable import API

/// What bodies become, without a server.
@Suite struct IntakeParsingTests {
    static let now = Timestamp(seconds: 1_800_000_000)  // 2027-01-15T08:00:00Z

    struct Row: Hashable {
        var meter: String
        var facility: String?
        var time: String
        var current: Double
    }

    private func read(_ body: [UInt8]) throws -> (rows: [Row], report: IntakeReport) {
        var intake = ReadingIntake(offset: .beijing, now: Self.now)
        try IntakeDocuments.read(body, into: &intake)
        var rows: [Row] = []
        let isWhole = intake.batch.bytes.withUnsafeBufferPointer { bytes in
            ReadingBatch.read(bytes) { row in
                rows.append(
                    Row(
                        meter: String(decoding: row.meter, as: UTF8.self), facility: row.facility.map { String(decoding: $0, as: UTF8.self) },
                        time: RFC3339.string(row.timestamp), current: row.current))
            }
        }
        #expect(isWhole)
        #expect(rows.count == intake.report.accepted)
        return (rows, intake.report)
    }

    private func read(_ body: String) throws -> (rows: [Row], report: IntakeReport) { try read(Array(body.utf8)) }

    static let a = #"{"meter_id":"A","timestamp":"2026-01-01T08:00:00Z","i":15.5,"dev_fac_id":"F"}"#
    static let rowA = Row(meter: "A", facility: "F", time: "2026-01-01T08:00:00Z", current: 15.5)

    @Test(arguments: [
        a, " \n" + a + "\n", "[\(a)]", "\t[ \(a) ]\r\n",
        "{\n\"meter_id\":\"A\",\n\"timestamp\":\"2026-01-01T08:00:00Z\",\n\"i\":15.5,\n\"dev_fac_id\":\"F\"\n}",
    ])
    func `one row comes as an object or as an array of one`(body: String) throws {
        let (rows, report) = try read(body)
        #expect(rows == [Self.rowA])
        #expect(report.rejected.isEmpty)
    }

    @Test(arguments: ["[\(a),\(a)]", "\(a)\n\(a)", "\(a)\r\n\(a)\r\n", "\n\(a)\n\n  \n\(a)\n\n"])
    func `several rows come as an array or as lines`(body: String) throws {
        let (rows, report) = try read(body)
        #expect(rows == [Self.rowA, Self.rowA])
        #expect(report.rows == 2)
    }

    @Test(arguments: [
        (#""timestamp":"2026-01-01T08:00:00+08:00""#, "2026-01-01T00:00:00Z"), (#""timestamp":"2026-01-01T08:00:00""#, "2026-01-01T00:00:00Z"),
        (#""timestamp":"2026-01-01 08:00:00.25""#, "2026-01-01T00:00:00.250000Z"), (#""timestamp":"1970-01-01T00:00:00Z""#, "1970-01-01T00:00:00Z"),
        (#""timestamp":"2027-01-16T08:00:00Z""#, "2027-01-16T08:00:00Z"),
        (#""timestamp":"2026-01-01T08:00:00Z","timestamp":"2026-01-01T09:00:00Z""#, "2026-01-01T09:00:00Z"),
        (#""timestamp":1,"timestamp":"2026-01-01T09:00:00\u005a""#, "2026-01-01T09:00:00Z"),
    ])
    func `timestamps without a zone are local, and the last of two counts`(member: String, time: String) throws {
        let (rows, report) = try read(#"{"meter_id":"A","i":1,\#(member)}"#)
        #expect(rows == [Row(meter: "A", facility: nil, time: time, current: 1)], "\(report.rejected)")
    }

    @Test(arguments: [
        #"{"meter_id":"A","timestamp":"2026-01-01T08:00:00Z","i":15.5,"dev_fac_id":"F","x":[1,{"y":null}],"z":"\ud83d\ude00"}"#,
        #"{"\u006deter_id":"\u0041","timestamp":"2026-01-01T08:00:00Z","\u0069":155e-1,"dev_fac_id":"\u0046"}"#,
        #"{"dev_fac_id":3,"i":null,"meter_id":"B","meter_id":"A","timestamp":"2026-01-01T08:00:00Z","i":15.5,"dev_fac_id":"F"}"#,
    ])
    func `unknown members are ignored, escapes are undone, the last of two members counts`(body: String) throws {
        #expect(try read(body).rows == [Self.rowA])
    }

    @Test(arguments: [#""dev_fac_id":null,"#, "", #""dev_fac_id":"","#])
    func `the facility may be missing`(member: String) throws {
        let (rows, _) = try read(#"{"meter_id":"A",\#(member)"timestamp":"2026-01-01T08:00:00Z","i":-0.0}"#)
        #expect(rows == [Row(meter: "A", facility: nil, time: "2026-01-01T08:00:00Z", current: 0)])
    }

    private static let long = String(repeating: "m", count: 65)

    @Test(arguments: [
        ("1", "must be an object"), ("null", "must be an object"), ("[]", "must be an object"), (#""x""#, "must be an object"),
        ("{}", "meter_id is missing"), (#"{"timestamp":"2026-01-01T08:00:00Z","i":1}"#, "meter_id is missing"),
        (#"{"meter_id":1,"timestamp":"2026-01-01T08:00:00Z","i":1}"#, "meter_id must be a string"),
        (#"{"meter_id":"","timestamp":"2026-01-01T08:00:00Z","i":1}"#, "meter_id must have 1 to 64 bytes and no control characters"),
        (#"{"meter_id":"\#(long)","timestamp":"2026-01-01T08:00:00Z","i":1}"#, "meter_id must have 1 to 64 bytes and no control characters"),
        (#"{"meter_id":"a\u0000","timestamp":"2026-01-01T08:00:00Z","i":1}"#, "meter_id must have 1 to 64 bytes and no control characters"),
        (#"{"meter_id":"a\u0085","timestamp":"2026-01-01T08:00:00Z","i":1}"#, "meter_id must have 1 to 64 bytes and no control characters"),
        ("{\"meter_id\":\"a\u{7f}\",\"timestamp\":\"2026-01-01T08:00:00Z\",\"i\":1}", "meter_id must have 1 to 64 bytes and no control characters"),
        (#"{"meter_id":"A","i":1}"#, "timestamp is missing"),
        (#"{"meter_id":"A","timestamp":1767254400,"i":1}"#, "timestamp must be a string"),
        (#"{"meter_id":"A","timestamp":"yesterday","i":1}"#, "timestamp must be a date and time as RFC 3339 has it"),
        (#"{"meter_id":"A","timestamp":"2026-02-30T08:00:00Z","i":1}"#, "timestamp must be a date and time as RFC 3339 has it"),
        (#"{"meter_id":"A","timestamp":"2026-01-01","i":1}"#, "timestamp must be a date and time as RFC 3339 has it"),
        (#"{"meter_id":"A","timestamp":"1969-12-31T23:59:59Z","i":1}"#, "timestamp must be from 1970 to 2100"),
        (#"{"meter_id":"A","timestamp":"2101-01-01T00:00:00Z","i":1}"#, "timestamp must be from 1970 to 2100"),
        (#"{"meter_id":"A","timestamp":"2027-01-16T08:00:00.000001Z","i":1}"#, "timestamp is more than a day ahead"),
        (#"{"meter_id":"A","timestamp":"2026-01-01T08:00:00Z"}"#, "i is missing"),
        (#"{"meter_id":"A","timestamp":"2026-01-01T08:00:00Z","i":"1"}"#, "i must be a number"),
        (#"{"meter_id":"A","timestamp":"2026-01-01T08:00:00Z","i":null}"#, "i must be a number"),
        (#"{"meter_id":"A","timestamp":"2026-01-01T08:00:00Z","i":true}"#, "i must be a number"),
        (#"{"meter_id":"A","timestamp":"2026-01-01T08:00:00Z","i":1000000.1}"#, "i must be from -1000000 to 1000000"),
        (#"{"meter_id":"A","timestamp":"2026-01-01T08:00:00Z","i":-1e7}"#, "i must be from -1000000 to 1000000"),
        (#"{"meter_id":"A","timestamp":"2026-01-01T08:00:00Z","i":1e999}"#, "i must be from -1000000 to 1000000"),
        (#"{"meter_id":"A","timestamp":"2026-01-01T08:00:00Z","i":1,"dev_fac_id":7}"#, "dev_fac_id must be a string or null"),
        (
            #"{"meter_id":"A","timestamp":"2026-01-01T08:00:00Z","i":1,"dev_fac_id":"\#(long)"}"#,
            "dev_fac_id must have at most 64 bytes and no control characters"
        ),
        (#"{"meter_id":"A","timestamp":"2026-01-01T08:00:00Z","i":1,"dev_fac_id":"\n"}"#, "dev_fac_id must have at most 64 bytes and no control characters"),
    ])
    func `a bad row is named and the good ones are kept`(row: String, reason: String) throws {
        for body in ["[\(Self.a),\(row),\(Self.a)]", "\(Self.a)\n\(row)\n\(Self.a)"] {
            let (rows, report) = try read(body)
            #expect(rows == [Self.rowA, Self.rowA])
            #expect(report.rejected == [IntakeReport.Rejection(index: 1, reason: reason)])
        }
    }

    @Test func `a broken line is named and the others are kept`() throws {
        let (rows, report) = try read("\(Self.a)\n{\"meter_id\":\n\(Self.a) 1\n\(Self.a)")
        #expect(rows == [Self.rowA, Self.rowA])
        #expect(report.rejected.map(\.index) == [1, 2])
        let at = Self.a.utf8.count + 1 + 12
        #expect(report.rejected[0].reason == "JSON: ends in the middle at byte \(at)")
        #expect(report.rejected[1].reason == "JSON: data after the document at byte \(at + 1 + Self.a.utf8.count + 1)")
    }

    @Test(arguments: [
        ("", "ends in the middle", 0), ("  ", "ends in the middle", 2), ("nonsense", "unexpected character", 1), ("{", "ends in the middle", 1),
        ("[1,", "ends in the middle", 3),
        (#"[{"meter_id":"A"]"#, "unexpected character", 16), ("[\(a)", "ends in the middle", 1 + a.utf8.count),
        ("[\(a)]x", "data after the document", 2 + a.utf8.count),
        ("\(a) \(a)", "data after the document", a.utf8.count + 1), ("{'meter_id':1}", "wrong type", 1), ("[1}\n]", "unexpected character", 2),
        ("{\"a\":\n1 2\n}", "ends in the middle", 5), (#"[{"i":01}]"#, "malformed number", 6),
    ])
    func `a body that is no JSON is refused with the place`(body: String, reason: String, offset: Int) {
        #expect(throws: (any Error).self) { try read(body) }
        do {
            _ = try read(body)
        } catch let error as JSONError {
            #expect(error.reason.rawValue == reason, "\(body)")
            #expect(error.offset == offset, "\(body)")
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test func `invalid UTF-8 is refused`() {
        let body = Array(#"{"meter_id":""#.utf8) + [0xFF] + Array(#"","i":1}"#.utf8)
        #expect(throws: JSONError(.badUTF8, at: 13)) { try read(body) }
    }

    @Test func `every byte is looked at wherever it stands in a text`() {
        var wrong: [String] = []
        for place in 0..<12 {
            for byte in UInt8.min...UInt8.max {
                var text = [UInt8](repeating: UInt8(ascii: "m"), count: 14)
                text[place] = byte
                let body = Array(#"{"meter_id":""#.utf8) + text + Array(#"","timestamp":"2026-01-01T08:00:00Z","i":1}"#.utf8)
                let outcome = Result { try read(body) }
                let isRight: Bool
                switch (byte, outcome) {
                case (0..<0x20, .failure), (0x22, .failure), (0x5C, .failure), (0x80..., .failure): isRight = true
                case (0x7F, .success(let read)): isRight = read.report.rejectedCount == 1
                case (_, .success(let read)): isRight = byte >= 0x20 && byte < 0x80 && read.rows.first.map { Array($0.meter.utf8) } == text
                default: isRight = false
                }
                if !isRight { wrong.append("\(byte) at \(place)") }
            }
        }
        #expect(wrong.isEmpty)
    }

    @Test func `at most a hundred rejections are named, and all are counted`() throws {
        let (rows, report) = try read("[" + Array(repeating: "1", count: 250).joined(separator: ",") + "," + Self.a + "]")
        #expect(rows.count == 1)
        #expect(report.rejected.count == 100)
        #expect(report.rejectedCount == 250)
        #expect(report.rows == 251)
    }

    @Test func `random and cut bytes are refused or read, never worse`() throws {
        var random = SplitMix(state: 7)
        let seed = Array("[\(Self.a),\(Self.a)]".utf8)
        for _ in 0..<20_000 {
            var body = seed
            for _ in 0..<Int(random.next() % 4) { body[Int(random.next() % UInt64(body.count))] = UInt8(truncatingIfNeeded: random.next()) }
            body.removeLast(Int(random.next() % 3))
            do {
                _ = try read(body)
            } catch is JSONError {
                continue
            }
        }
    }

    // MARK: Sites

    private func sites(_ body: String) throws -> (JSONValue, IntakeReport) {
        var intake = SiteIntake()
        try IntakeDocuments.read(Array(body.utf8), into: &intake)
        return (try JSONValue.parse(intake.payload), intake.report)
    }

    @Test func `sites keep their fields, and the last of a meter counts`() throws {
        let (json, report) = try sites(
            #"[{"meter_id":"A","longitude":1,"latitude":2},{"meter_id":"B","longitude":-180,"latitude":90,"dev_fac_id":"F","rated_power":60,"max_input_current":250.5,"max_output_current":0,"more":1},{"meter_id":"A","longitude":3.5,"latitude":-90}]"#
        )
        #expect(report.accepted == 3)
        let a: JSONValue = [
            "meter_id": "A", "longitude": 3.5, "latitude": -90, "dev_fac_id": nil, "rated_power": nil, "max_input_current": nil, "max_output_current": nil,
        ]
        let b: JSONValue = [
            "meter_id": "B", "longitude": -180, "latitude": 90, "dev_fac_id": "F", "rated_power": 60, "max_input_current": 250.5, "max_output_current": 0,
        ]
        #expect(json == .array([a, b]))
    }

    @Test(arguments: [
        ("7", "must be an object"), (#"{"longitude":1,"latitude":2}"#, "meter_id is missing"),
        (#"{"meter_id":"","longitude":1,"latitude":2}"#, "meter_id is missing"),
        (#"{"meter_id":"\u0007","longitude":1,"latitude":2}"#, "meter_id must have 1 to 64 bytes and no control characters"),
        (#"{"meter_id":"A","latitude":2}"#, "longitude is missing"),
        (#"{"meter_id":"A","longitude":180.1,"latitude":2}"#, "longitude must be a number from -180 to 180"),
        (#"{"meter_id":"A","longitude":"1","latitude":2}"#, "longitude must be a number from -180 to 180"),
        (#"{"meter_id":"A","longitude":1,"latitude":-91}"#, "latitude must be a number from -90 to 90"),
        (#"{"meter_id":"A","longitude":1,"latitude":2,"rated_power":-1}"#, "rated_power must be a number, 0 or more"),
        (#"{"meter_id":"A","longitude":1,"latitude":2,"max_input_current":"x"}"#, "max_input_current must be a number, 0 or more"),
        (#"{"meter_id":"A","longitude":1,"latitude":2,"dev_fac_id":1}"#, "dev_fac_id must be a string"),
    ])
    func `a bad site is named`(row: String, reason: String) throws {
        let (json, report) = try sites("[\(row)]")
        #expect(json == .array([]))
        #expect(report.rejected == [IntakeReport.Rejection(index: 0, reason: reason)])
    }
}
