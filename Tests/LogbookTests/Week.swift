import Bytes
import Protocol

@testable import Workers

/// A car's week as its service would tell it: drives with polls and frames, one of them over midnight, charges, one of them over midnight, sleep, a
/// drive that is none, an update, failures, a command.
struct Week {
    private(set) var inputs: [JournalInput] = []
    private var odometer = 7_671.2
    private var level = 80
    private var latitude = 30.2741
    private var version = "2024.26.9 abc"

    init(days: Int = 7) {
        for day in 0..<Int64(days) {
            let start = day * 86_400
            add(start + 25_200, .summary(.online), #"{"response":{"state":"online"}}"#)
            park(start + 25_260, minutes: 5)
            drive(start + 26_000, minutes: 20, withFrames: day % 2 == 0)
            park(start + 27_300, minutes: 30, isUnlocked: true)
            charge(start + (day == 4 ? 85_000 : 36_000), minutes: 40)
            if day == 2 { add(start + 60_000, .failure(.limited(retryAfter: 60)), "") }
            if day == 3 { update(start + 61_000) }
            if day == 5 { data(start + 61_000, shift: "D") }
            park(start + 61_030, minutes: 10)
            if day == 1 { add(start + 61_700, .command(.suspend), "") }
            drive(start + (day == 6 ? 70_000 : 85_500 + (day == 4 ? 3_000 : 0)), minutes: 25, withFrames: day == 3)
            if day != 4 { park(start + 87_100, minutes: 3) }
            add(start + 90_000, .summary(.asleep), #"{"response":{"state":"asleep"}}"#)
        }
        inputs.sort { $0.at < $1.at }
    }

    private mutating func add(_ seconds: Int64, _ input: VehicleInput, _ raw: String) {
        inputs.append(JournalInput(at: LogbookWorld.at(seconds), input: input, raw: Array(raw.utf8)))
    }

    private mutating func park(_ seconds: Int64, minutes: Int64, isUnlocked: Bool = false) {
        for minute in 0..<minutes { data(seconds + minute * 60, isLocked: !(isUnlocked && minute % 10 < 5)) }
    }

    private mutating func drive(_ seconds: Int64, minutes: Int64, withFrames: Bool) {
        for step in 0..<(minutes * 4) {
            odometer += 0.15
            latitude += 0.002
            if step % 20 == 19 { level -= 1 }
            data(seconds + step * 15, shift: "D", speed: 36, power: Int(step % 40) - 5)
            if withFrames { frame(seconds + step * 15 + 5) }
        }
        data(seconds + minutes * 60, shift: "P")
    }

    private mutating func charge(_ seconds: Int64, minutes: Int64) {
        for minute in 0..<minutes {
            if minute % 4 == 3 { level = min(100, level + 1) }
            data(seconds + minute * 60, charging: "Charging", added: Double(minute) * 0.18, power: -11)
        }
        data(seconds + minutes * 60, charging: "Complete", added: Double(minutes) * 0.18)
    }

    private mutating func update(_ seconds: Int64) {
        data(seconds, update: "installing")
        data(seconds + 600, update: "installing")
        version = "2024.32.1 def"
        data(seconds + 1_200)
    }

    private mutating func frame(_ seconds: Int64) {
        let ms = LogbookWorld.at(seconds).microseconds / 1_000
        let text = "\(ms),36,\(odometer),\(level),8,0,\(latitude),120.1551,12,D,205,187,0"
        guard let frame = StreamFrame(value: text, receivedAt: LogbookWorld.at(seconds).adding(microseconds: 200_000)) else { return }
        add(seconds, .frame(frame), text)
    }

    private mutating func data(
        _ seconds: Int64, shift: String? = nil, speed: Int? = nil, charging: String = "Disconnected", added: Double = 0, power: Int = 0,
        isLocked: Bool = true, update: String = ""
    ) {
        let at = LogbookWorld.at(seconds)
        let ms = at.microseconds / 1_000 - 300
        let shift = shift.map { "\"\($0)\"" } ?? "null"
        var text = "{\"response\":{\"id\":1,\"vehicle_id\":2,\"vin\":\"LRW3E7EK1NC000001\",\"state\":\"online\",\"drive_state\":{\"latitude\":\(latitude),"
        text += "\"longitude\":120.1551,\"heading\":0,\"speed\":\(speed.map { "\($0)" } ?? "null"),\"power\":\(power),\"shift_state\":\(shift),"
        text += "\"timestamp\":\(ms)},\"charge_state\":{\"charging_state\":\"\(charging)\",\"battery_level\":\(level),\"usable_battery_level\":\(level),"
        text += "\"battery_range\":\(Double(level) * 3),\"ideal_battery_range\":\(Double(level) * 3),\"charge_energy_added\":\(added),"
        text += "\"charger_power\":\(charging == "Charging" ? 11 : 0),\"charger_voltage\":230,\"charger_actual_current\":16,\"charger_phases\":3,"
        text += "\"charge_limit_soc\":90,\"timestamp\":\(ms)},\"climate_state\":{\"inside_temp\":21.5,\"outside_temp\":9.0,\"is_climate_on\":false,"
        text += "\"timestamp\":\(ms)},\"vehicle_state\":{\"odometer\":\(odometer),\"car_version\":\"\(version)\",\"locked\":\(isLocked),"
        text += "\"sentry_mode\":false,\"is_user_present\":false,\"df\":0,\"dr\":0,\"pf\":0,\"pr\":0,\"ft\":0,\"rt\":0,\"tpms_pressure_fl\":2.9,"
        text += "\"software_update\":{\"status\":\"\(update)\",\"version\":\"2024.32.1\"},\"timestamp\":\(ms)},"
        text += "\"vehicle_config\":{\"car_type\":\"model3\",\"trim_badging\":\"74d\",\"timestamp\":\(ms)}}}"
        guard let reading = VehicleReading.parse(Array(text.utf8), receivedAt: at) else { return }
        add(seconds, .data(reading), text)
    }
}
