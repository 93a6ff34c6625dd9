import Bytes
import Protocol

@testable import Workers

/// A car's machine, played by a script with a clock of its own. Steps are separated by ";": seconds that pass, an input, and what has changed
/// since the last answer, which stays so:
///
///     data; 15 data shift=D speed=60 odo=7671.3; 3 frame shift=D speed=31; 3 offline; 3 e429=60; 3 suspend; restart
///
/// Answers and frames are made as the service writes them, and read by the machine's own readers. After every step the machine goes through its
/// memory and has to be the same.
struct CarScript {
    struct BadStep: Error { var text: String }

    static let start = Timestamp(seconds: 1_767_225_600)

    var machine: VehicleMachine
    var now = CarScript.start
    var book = LogbookModel()
    var effects: [VehicleEffect] = []
    /// Shown states in their order, with their `since`.
    var shown: [(state: VehicleStateName, since: Timestamp)] = []
    var refusals: [String] = []
    var faults: [String] = []
    var answer = CarScript.parked
    /// How far the car's clock is ahead, s.
    var carAhead: Double = 0

    init(_ script: String = "", rules: VehicleRules = CarScript.rules) throws {
        machine = VehicleMachine(car: 7, rules: rules)
        try play(script)
    }

    static let rules: VehicleRules = {
        var rules = VehicleRules()
        rules.usesStream = false
        return rules
    }()
    static let streaming = VehicleRules()

    var states: [String] { shown.map(\.state.rawValue) }
    var view: VehicleView { machine.view }
    /// Seconds from now to the next question.
    var wait: Double { max(0, machine.plan.at.seconds(since: now)) }
    var question: PollPlan.Question { machine.plan.question }
    /// All that was found wrong.
    var wrong: [String] { faults + book.faults }

    mutating func play(_ script: String) throws {
        for step in script.split(separator: ";") {
            var words = step.split(whereSeparator: \.isWhitespace).map(String.init)
            if let first = words.first, let seconds = Double(first) {
                now = now.adding(microseconds: Int64(seconds * 1_000_000))
                words.removeFirst()
            }
            guard let name = words.first else { continue }
            try self.step(name, Array(words.dropFirst()))
        }
    }

    /// Plays a script so many times.
    mutating func play(_ count: Int, _ script: String) throws {
        for _ in 0..<count { try play(script) }
    }

    private mutating func step(_ name: String, _ changes: [String]) throws {
        let halves = name.split(separator: "=", maxSplits: 1).map(String.init)
        switch halves[0] {
        case "data":
            try change(changes)
            take(VehicleInput.ofData(try JSONValue.parse(stamped(changes).bytes), receivedAt: now))
        case "frame": if let frame = StreamFrame(value: try frameText(changes), receivedAt: now) { take(.frame(frame)) } else { throw BadStep(text: name) }
        case "online", "asleep", "offline", "unknown", "service":
            let state = name == "service" ? "online" : name
            let text = "{\"response\":{\"id\":1,\"vin\":\"X\",\"state\":\"\(state)\",\"in_service\":\(name == "service")}}"
            guard let summary = VehicleInput.Summary(answer: try JSONValue.parse(Array(text.utf8))) else { throw BadStep(text: name) }
            take(.summary(summary))
        case "connected", "disconnected", "inactive":
            guard let event = StreamEvent(rawValue: name) else { throw BadStep(text: name) }
            take(.stream(event))
        case "vehicle_offline": take(.stream(.vehicleOffline))
        case "suspend", "resume":
            guard let command = VehicleCommand(rawValue: name) else { throw BadStep(text: name) }
            switch machine.obey(command, at: now) {
            case .success(let rows): took(rows)
            case .failure(let refusal): refusals.append(refusal.message)
            }
        case "tick": take(.tick)
        case "restart": restart()
        case "wait": break
        default: take(.failure(try Self.failure(name, halves)))
        }
    }

    /// 408u is "vehicle unavailable", 403l the limit.
    private static func failure(_ name: String, _ halves: [String]) throws -> PollFailure {
        guard name.hasPrefix("e"), let status = Int(halves[0].dropFirst().prefix { $0.isNumber }) else { throw BadStep(text: name) }
        let kind = halves[0].dropFirst().drop { $0.isNumber }
        let body =
            switch (status, kind) {
            case (408, "u"): "{\"response\":null,\"error\":\"vehicle unavailable: vehicle is offline or asleep\",\"error_description\":\"\"}"
            case (408, _): "{\"response\":null,\"error\":\"{\\\"error\\\": \\\"timeout\\\"}\",\"error_description\":\"\"}"
            case (403, "l"): "{\"error\":\"account disabled: EXCEEDED_LIMIT\"}"
            case (429, _): "Retry in \(halves.count > 1 ? halves[1] : "300") seconds\n"
            default: "{\"error\":\"something\"}"
            }
        return PollFailure.of(status: status, body: Array(body.utf8), retryAfter: nil)
    }

    mutating func take(_ input: VehicleInput) { took(machine.on(input, at: now)) }

    private mutating func took(_ rows: [VehicleEffect]) {
        effects += rows
        book.take(rows)
        let view = machine.view
        if let last = shown.last, last.state == view.state {
            if last.since != view.since { faults.append("since moved without the state") }
        } else {
            shown.append((view.state, view.since))
            if view.since != now { faults.append("the state moved without since") }
        }
        restart()
    }

    private mutating func restart() {
        guard let json = Self.parsed(machine.memory), let again = VehicleMachine(memory: json, rules: machine.rules) else {
            faults.append("the memory cannot be read")
            return
        }
        if again != machine { faults.append("the memory makes another machine") }
        machine = again
    }

    static func parsed(_ bytes: [UInt8]) -> JSONValue? {
        switch Result(catching: { () throws(JSONError) in try JSONValue.parse(bytes) }) {
        case .success(let json): json
        case .failure: nil
        }
    }

    // MARK: Answers

    /// Short names of an answer's members.
    static let paths: [String: [String]] = [
        "drive": ["drive_state"], "charge": ["charge_state"], "climate": ["climate_state"], "body": ["vehicle_state"], "config": ["vehicle_config"],
        "shift": ["drive_state", "shift_state"], "speed": ["drive_state", "speed"], "power": ["drive_state", "power"],
        "lat": ["drive_state", "latitude"], "lon": ["drive_state", "longitude"], "state": ["charge_state", "charging_state"],
        "level": ["charge_state", "battery_level"], "range": ["charge_state", "battery_range"], "est": ["charge_state", "est_battery_range"],
        "ideal": ["charge_state", "ideal_battery_range"],
        "added": ["charge_state", "charge_energy_added"], "kw": ["charge_state", "charger_power"], "volts": ["charge_state", "charger_voltage"],
        "amps": ["charge_state", "charger_actual_current"], "phases": ["charge_state", "charger_phases"], "inside": ["climate_state", "inside_temp"],
        "outside": ["climate_state", "outside_temp"], "ac": ["climate_state", "is_climate_on"], "precon": ["climate_state", "is_preconditioning"],
        "keeper": ["climate_state", "climate_keeper_mode"], "odo": ["vehicle_state", "odometer"], "version": ["vehicle_state", "car_version"],
        "locked": ["vehicle_state", "locked"], "sentry": ["vehicle_state", "sentry_mode"], "user": ["vehicle_state", "is_user_present"],
        "pf": ["vehicle_state", "pf"], "ft": ["vehicle_state", "ft"], "rt": ["vehicle_state", "rt"], "window": ["vehicle_state", "fd_window"],
        "update": ["vehicle_state", "software_update", "status"], "next": ["vehicle_state", "software_update", "version"],
        "loaded": ["vehicle_state", "software_update", "download_perc"], "vstate": ["state"],
    ]

    /// `t` is the age of the car's own time, s, and stays for one answer only.
    private mutating func change(_ changes: [String]) throws {
        for text in changes {
            let halves = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard halves.count == 2 else { throw BadStep(text: text) }
            if halves[0] == "t" { continue }
            guard let path = Self.paths[halves[0]] else { throw BadStep(text: text) }
            let value: JSONValue = path.count == 1 && halves[1] == "again" ? Self.parked["response"]?[path[0]] ?? .null : Self.value(halves[1])
            answer = answer.with(["response"] + path, value)
        }
    }

    static func value(_ text: String) -> JSONValue { parsed(Array(text.utf8)) ?? .string(text) }

    private func age(_ changes: [String]) -> Double { changes.first { $0.hasPrefix("t=") }.flatMap { Double($0.dropFirst(2)) } ?? 0 }

    private func milliseconds(_ age: Double) -> Int { Int(now.microseconds / 1000) + Int((carAhead - age) * 1000) }

    /// The answer with the car's time in each of its parts.
    private func stamped(_ changes: [String]) -> JSONValue {
        var stamped = answer
        for part in ["drive_state", "charge_state", "climate_state", "vehicle_state"] where answer["response"]?[part]?.object != nil {
            stamped = stamped.with(["response", part, "timestamp"], .int(milliseconds(age(changes))))
        }
        return stamped
    }

    private func frameText(_ changes: [String]) throws -> String {
        var fields = [
            "speed": "", "odo": "", "soc": "", "elev": "", "head": "180", "lat": "30.27412", "lon": "120.15512", "power": "", "shift": "", "range": "",
        ]
        for text in changes {
            let halves = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard halves.count == 2, halves[0] == "t" || fields[halves[0]] != nil else { throw BadStep(text: text) }
            fields[halves[0]] = halves[1]
        }
        let names = ["speed", "odo", "soc", "elev", "head", "lat", "lon", "power", "shift", "range"]
        return ([String(milliseconds(age(changes)))] + names.map { fields[$0] ?? "" } + ["", ""]).joined(separator: ",")
    }

    /// A parked car's answer.
    static let parked: JSONValue = {
        let text = """
            {"response":{"id":1492931000000001,"vehicle_id":1126341070917908,"vin":"LRW3E7EK1NC000001","state":"online",
            "drive_state":{"latitude":30.2741,"longitude":120.1551,"heading":180,"speed":null,"power":0,"shift_state":null,
            "native_latitude":30.271771,"native_longitude":120.159794,"native_type":"gcj","gps_as_of":1767225600,"timestamp":1767225600123},
            "charge_state":{"charging_state":"Disconnected","battery_level":67,"usable_battery_level":65,"battery_range":205.1,"est_battery_range":187.4,
            "ideal_battery_range":205.1,"charge_energy_added":0.0,"charger_power":0,"charger_voltage":0,"charger_actual_current":0,"charger_phases":null,
            "charge_limit_soc":80,"time_to_full_charge":0.0,"fast_charger_present":false,"fast_charger_type":"<invalid>","timestamp":1767225600123},
            "climate_state":{"inside_temp":22.5,"outside_temp":15.0,"is_climate_on":false,"is_preconditioning":false,"climate_keeper_mode":"off",
            "timestamp":1767225600123},
            "vehicle_state":{"odometer":7671.2,"car_version":"2024.26.9 abc","locked":true,"sentry_mode":false,"is_user_present":false,
            "df":0,"dr":0,"pf":0,"pr":0,"ft":0,"rt":0,"fd_window":0,"fp_window":0,"rd_window":0,"rp_window":0,
            "tpms_pressure_fl":2.9,"tpms_pressure_fr":2.9,"tpms_pressure_rl":2.9,"tpms_pressure_rr":2.9,
            "software_update":{"status":"","version":"","download_perc":0,"install_perc":1,"expected_duration_sec":2700},"timestamp":1767225600123},
            "vehicle_config":{"car_type":"model3","trim_badging":"74d","exterior_color":"DeepBlue","wheel_type":"Pinwheel18","timestamp":1767225600123}}}
            """
        return parsed(Array(text.utf8)) ?? .null
    }()
}

extension JSONValue {
    /// The same with another value at a path of member names.
    func with(_ path: some Collection<String>, _ value: JSONValue) -> JSONValue {
        guard let name = path.first else { return value }
        var members = object ?? []
        let inner = (self[name] ?? .null).with(path.dropFirst(), value)
        if let i = members.firstIndex(where: { $0.key == name }) { members[i].value = inner } else { members.append((name, inner)) }
        return .object(members)
    }

    /// The same without what is at the path.
    func without(_ path: [String]) -> JSONValue {
        guard let name = path.first, var members = object, let i = members.firstIndex(where: { $0.key == name }) else { return self }
        if path.count == 1 { members.remove(at: i) } else { members[i].value = members[i].value.without(Array(path.dropFirst())) }
        return .object(members)
    }
}
