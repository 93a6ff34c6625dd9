import Bytes
import Protocol
import Testing

@testable import Workers

/// Answers and frames as they may come: whatever a member is, it spoils nothing but itself.
@Suite struct ReadingTests {
    /// Paths of all members of an answer's parts.
    private static func members(_ value: JSONValue, _ path: [String] = ["response"]) -> [[String]] {
        guard let object = value.object else { return [path] }
        return (path.count > 1 ? [path] : []) + object.flatMap { members($0.value, path + [$0.key]) }
    }

    static let odd: [JSONValue] = [
        .null, true, false, 0, 1, -1, 3, "x", "", "1", "D", "\u{0}", [], [1], .object([]), .object([("a", 1)]), 1.5, -1.5, 1e300, -1e300, 9_007_199_254_740_993,
        .int(.max), .int(.min), .string(String(repeating: "z", count: 10_000)),
    ]

    @Test func `any member may be anything: the others are read as before, and the machine goes on`() throws {
        let whole = try #require(CarScript.parked["response"])
        let good = try #require(VehicleReading(answer: CarScript.parked, receivedAt: CarScript.start))
        let drive = CarScript.parked.with(["response", "drive_state", "shift_state"], "D")
        var count = 0
        for path in Self.members(whole) where path != ["response", "state"] {
            let variants = [CarScript.parked.without(path)] + Self.odd.map { CarScript.parked.with(path, $0) }
            for variant in variants {
                let reading = try #require(VehicleReading(answer: variant, receivedAt: CarScript.start))
                // Another part is the same.
                let isSame = path[1] == "climate_state" ? reading.body == good.body : reading.climate == good.climate
                #expect(isSame, "\(path)")
                var machine = VehicleMachine(car: 1, rules: VehicleRules())
                var book = LogbookModel()
                let inputs = [CarScript.parked, variant, drive, variant, CarScript.parked]
                for (i, answer) in inputs.enumerated() {
                    book.take(
                        machine.on(
                            .ofData(answer, receivedAt: CarScript.start.adding(seconds: Int64(i) * 15)), at: CarScript.start.adding(seconds: Int64(i) * 15)))
                }
                let json = try #require(CarScript.parsed(machine.memory))
                #expect(VehicleMachine(memory: json, rules: VehicleRules()) == machine)
                #expect(book.faults == [], "\(path)")
                count += 1
            }
        }
        #expect(count > 1500)
    }

    @Test func `numbers as flags, and flags as numbers`() throws {
        var answer = CarScript.parked
        for name in ["locked", "sentry_mode", "is_user_present"] { answer = answer.with(["response", "vehicle_state", name], 1) }
        for name in ["pf", "ft", "fd_window"] { answer = answer.with(["response", "vehicle_state", name], true) }
        answer = answer.with(["response", "climate_state", "is_climate_on"], 0).with(["response", "charge_state", "charger_power"], 11.0)
        let reading = try #require(VehicleReading(answer: answer, receivedAt: CarScript.start))
        let body = try #require(reading.body)
        #expect([body.isLocked, body.sentryMode, body.isUserPresent, body.doorsOpen, body.frunkOpen, body.windowsOpen] == Array(repeating: true, count: 6))
        #expect(body.trunkOpen == false)
        #expect(reading.climate?.isOn == false)
        #expect(reading.charge?.power == 11)
    }

    @Test func `a whole answer in our units`() throws {
        let reading = try #require(VehicleReading(answer: CarScript.parked, receivedAt: CarScript.start))
        #expect(reading.drive?.at == Timestamp(microseconds: 1_767_225_600_123_000))
        #expect(reading.drive?.shift == nil)
        #expect(reading.charge?.rangeKm == 330.08)
        #expect(reading.charge?.estimatedRangeKm == 301.59)
        #expect(reading.body?.odometerKm == 12345.599693)
        #expect(reading.body?.carVersion == "2024.26.9")
        #expect(reading.body?.tpms.fl == 2.9)
        #expect(reading.config?.model == "model3")
    }

    @Test func `what is no car, or one that is not online, is not read as one`() throws {
        let cases: [(String, Bool, VehicleInput.Summary?)] = [
            ("{}", false, nil), ("{\"response\":null}", false, nil), ("{\"response\":[]}", false, nil), ("{\"response\":{}}", false, .unknown),
            ("{\"response\":{\"state\":\"asleep\"}}", false, .asleep),
            ("{\"response\":{\"state\":\"offline\",\"drive_state\":{\"power\":0}}}", false, .offline),
            ("{\"response\":{\"state\":\"online\",\"in_service\":true}}", false, .inService), ("{\"response\":{\"state\":5}}", false, .unknown),
            ("{\"response\":{\"state\":\"online\",\"id\":18446744073709551616}}", false, .online),
            ("{\"response\":{\"drive_state\":{\"power\":0}}}", true, .unknown),
        ]
        for (text, isReading, summary) in cases {
            let json = try JSONValue.parse(Array(text.utf8))
            #expect((VehicleReading(answer: json, receivedAt: CarScript.start) != nil) == isReading, "\(text)")
            #expect(VehicleInput.Summary(answer: json) == summary, "\(text)")
        }
        #expect(VehicleReading.parse(Array("{\"response\":{\"drive_state\":{\"pow".utf8), receivedAt: CarScript.start) == nil)
    }

    @Test func `a frame's 13 fields`() throws {
        let text = "1767225601123,31,7671.3,67,8,181,30.27412,120.15512,12,D,205,187,180"
        let frame = try #require(StreamFrame(value: text, receivedAt: CarScript.start))
        #expect(
            frame
                == StreamFrame(
                    at: Timestamp(microseconds: 1_767_225_601_123_000), receivedAt: CarScript.start, speed: 50, odometerKm: 12345.760627, batteryLevel: 67,
                    elevation: 8, heading: 181, latitude: 30.27412, longitude: 120.15512, power: 12, shift: .drive, rangeKm: 329.92, estimatedRangeKm: 300.95))
        let empty = try #require(StreamFrame(value: ",,,,,,,,,,,,", receivedAt: CarScript.start))
        #expect(empty == StreamFrame(at: CarScript.start, receivedAt: CarScript.start))
        let bytes = StreamFrame(value: Array(text.utf8), receivedAt: CarScript.start)
        #expect(bytes == frame)
        for text in ["", "1,2,3", ",,,,,,,,,,,,,"] { #expect(StreamFrame(value: text, receivedAt: CarScript.start) == nil) }
    }

    @Test func `any field of a frame may be anything`() throws {
        let good = "1767225601123,31,7671.3,67,8,181,30.27412,120.15512,12,D,205,187,180".split(separator: ",").map(String.init)
        for i in 0..<13 {
            for odd in ["", "x", "-1", "1e400", "nan", "inf", "-inf", "99999999999999999999", "0x10", " 5", "é", "\u{0}"] {
                var fields = good
                fields[i] = odd
                let frame = try #require(StreamFrame(value: fields.joined(separator: ","), receivedAt: CarScript.start))
                #expect(i == 8 || frame.power == 12)
                #expect(i == 9 || frame.shift == .drive)
                var machine = VehicleMachine(car: 1, rules: VehicleRules())
                _ = machine.on(.ofData(CarScript.parked, receivedAt: CarScript.start), at: CarScript.start)
                _ = machine.on(.frame(frame), at: CarScript.start.adding(seconds: 1))
                let json = try #require(CarScript.parsed(machine.memory))
                #expect(VehicleMachine(memory: json, rules: VehicleRules()) == machine)
            }
        }
    }

    @Test func `a memory that is none makes no machine`() throws {
        let s = try CarScript("data; 15 data shift=D speed=50")
        let good = try #require(CarScript.parsed(s.machine.memory))
        #expect(VehicleMachine(memory: good, rules: CarScript.rules) == s.machine)
        let bad: [JSONValue] = [
            .null, [], .object([]), good.with(["version"], 2), good.without(["version"]), good.with(["state", "phase"], "flying"), good.with(["car"], "7"),
            good.with(["state", "drive"], 5), good.with(["state", "drive", "samples"], "many"), good.with(["state", "service", "errors"], [true]),
        ]
        for json in bad { #expect(VehicleMachine(memory: json, rules: CarScript.rules) == nil) }
    }
}
