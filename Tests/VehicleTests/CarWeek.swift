import Bytes
import Protocol

@testable import Workers

/// A car that lives, a service that fails now and then, and the machine that looks: what it asks and when is the machine's own plan.
struct CarWeek {
    struct Car {
        enum Mode { case parked, driving, charging, asleep }
        var mode = Mode.parked
        var until = CarScript.start
        var odometerKm = CarWeek.odometerAtStart
        var rangeKm = 300.0
        /// Since it was plugged in.
        var addedKwh = 0.0
        var latitude = 30.27
        var sentry = false
        /// In a garage.
        var isAway = false
        var level: Int { min(100, Int(rangeKm / 4)) }
    }

    static let odometerAtStart = 20_000.0
    static let kwhPerKm = 0.15

    var machine: VehicleMachine
    var car = Car()
    var book = LogbookModel()
    var faults: [String] = []
    var positions = 0
    var drives = 0
    var charges = 0
    var energyKwh = 0.0
    var hints = 0
    var lookedWhileSuspended = 0.0
    var suspendedHours = 0.0
    private var random: Seeded
    private let isCalm: Bool
    private var now = CarScript.start
    private var quietUntil = CarScript.start
    private var shown: (VehicleStateName, Timestamp)?
    private var lastFrame: StreamFrame?
    private var isConnected = false

    init(seed: UInt64, isCalm: Bool, isStreaming: Bool) {
        var rules = VehicleRules()
        rules.drivingSeconds = 15
        rules.onlineSeconds = 60
        rules.chargingSeconds = 120
        rules.asleepSeconds = 120
        rules.usesStream = isStreaming
        machine = VehicleMachine(car: Int64(seed) + 1, rules: rules)
        random = Seeded(state: seed)
        self.isCalm = isCalm
    }

    private mutating func chance(_ percent: Double) -> Bool { Double.random(in: 0..<100, using: &random) < percent }

    mutating func run(days: Int) {
        let end = CarScript.start.adding(seconds: Int64(days) * 86_400)
        while now < end {
            let plan = machine.plan
            follow(plan)
            var next = max(plan.at, now.adding(seconds: 1))
            let isFrameDue = isConnected && car.mode == .driving && !car.isAway
            if isFrameDue { next = min(next, now.adding(seconds: .random(in: 3...8, using: &random))) }
            next = min(next, now.adding(seconds: 600))
            pass(to: next)
            if isFrameDue { sendFrame() }
            if machine.plan.at <= now { answer(machine.plan.question) } else if !isFrameDue { take(.tick) }
            if !isCalm, chance(0.5) { disturb() }
        }
    }

    // MARK: The car

    private mutating func pass(to time: Timestamp) {
        let seconds = time.seconds(since: now)
        now = time
        switch car.mode {
        case .driving:
            let km = seconds * .random(in: 0.005...0.03, using: &random)
            car.odometerKm += km
            car.rangeKm = max(5, car.rangeKm - km)
            car.latitude += km / 200
        case .charging:
            let kwh = min(seconds / 3600 * 11, max(0, 390 - car.rangeKm) * Self.kwhPerKm)
            car.addedKwh += kwh
            energyKwh += kwh
            car.rangeKm += kwh / Self.kwhPerKm
        case .asleep: car.rangeKm = max(5, car.rangeKm - seconds / 86_400)
        case .parked: car.rangeKm = max(5, car.rangeKm - seconds / 20_000 * (car.sentry ? 5 : 1))
        }
        if now >= car.until { change() }
        if machine.view.state == .suspended { suspendedHours += seconds / 3600 }
    }

    private mutating func change() {
        let was = car.mode
        car.isAway = false
        switch was {
        case .parked, .asleep:
            let choice = Int.random(in: 0..<10, using: &random)
            if was == .parked, choice < 4 {
                car.mode = .asleep
            } else if choice < 7, car.rangeKm > 40 {
                car.mode = .driving
                drives += 1
            } else if car.rangeKm < 350 {
                car.mode = .charging
                car.addedKwh = 0
                charges += 1
            } else {
                car.mode = .parked
            }
        case .driving, .charging: car.mode = .parked
        }
        if isConnected, car.mode == .charging { sendFrame(power: -11, shift: nil) }
        car.sentry = car.mode == .parked && chance(20)
        let minutes: ClosedRange<Int64> =
            switch car.mode {
            case .parked: 10...90
            case .asleep: 60...600
            case .driving: 5...60
            case .charging: 20...180
            }
        car.until = now.adding(seconds: .random(in: minutes, using: &random) * 60)
    }

    private mutating func disturb() {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: car.isAway.toggle()
        case 1:
            // A poller that is down for a while.
            let end = now.adding(seconds: .random(in: 10...7200, using: &random))
            while now < end { pass(to: min(end, now.adding(seconds: 60))) }
            isConnected = false
            throughMemory()
            take(.stream(.disconnected))
        case 2: take(.stream([.inactive, .vehicleOffline, .disconnected].randomElement(using: &random) ?? .inactive))
        default:
            let command: VehicleCommand = chance(50) ? .suspend : .resume
            if case .success(let rows) = machine.obey(command, at: now) { took(rows) }
        }
    }

    private mutating func throughMemory() {
        guard let json = CarScript.parsed(machine.memory), let again = VehicleMachine(memory: json, rules: machine.rules), again == machine else {
            faults.append("the memory makes another machine")
            return
        }
        machine = again
    }

    // MARK: The service

    private mutating func follow(_ plan: PollPlan) {
        if plan.wantsStream != isConnected {
            isConnected = plan.wantsStream
            take(.stream(isConnected ? .connected : .disconnected))
        }
    }

    private mutating func answer(_ question: PollPlan.Question) {
        if now < quietUntil { faults.append("asked while Retry-After runs") }
        if question == .data, machine.view.state == .suspended { lookedWhileSuspended += 1 }
        if !isCalm, chance(4) {
            fail()
            return
        }
        let isAsleep = car.mode == .asleep
        switch question {
        case .data:
            if isAsleep || car.isAway { take(.failure(.unavailable)) } else { sendData() }
        case .summary, .list: take(.summary(car.isAway ? .offline : isAsleep ? .asleep : .online))
        }
    }

    private mutating func fail() {
        let failures: [PollFailure] = [
            .timeout, .server, .connection, .unauthorized, .notFound, .forbidden(isLimit: false), .limited(retryAfter: .random(in: 1...900, using: &random)),
            .unavailable,
        ]
        let failure = failures.randomElement(using: &random) ?? .server
        if case .limited(let seconds) = failure { quietUntil = now.adding(seconds: Int64(seconds)) }
        take(.failure(failure))
    }

    private mutating func sendData() {
        var reading = VehicleReading(receivedAt: now)
        let isDriving = car.mode == .driving
        reading.drive = .init(
            at: now.adding(microseconds: -200_000), latitude: car.latitude, longitude: 120, heading: 90, speed: isDriving ? 60 : nil,
            power: isDriving ? .random(in: -20...60, using: &random) : 0, shift: isDriving ? .drive : nil)
        reading.charge = .init(
            at: now.adding(microseconds: -200_000), state: car.mode == .charging ? "Charging" : "Disconnected", batteryLevel: car.level,
            rangeKm: CarUnits.round(car.rangeKm, 100), idealRangeKm: CarUnits.round(car.rangeKm, 100), energyAddedKwh: CarUnits.round(car.addedKwh, 100),
            power: car.mode == .charging ? 11 : 0, voltage: 230, current: 16, phases: car.mode == .charging ? 3 : nil)
        reading.climate = .init(insideTemp: 20, outsideTemp: 10, isOn: isDriving, isPreconditioning: false)
        var body = VehicleReading.Body()
        body.odometerKm = CarUnits.round(car.odometerKm, 1e6)
        body.carVersion = "2024.26.9"
        body.isLocked = !isDriving
        body.sentryMode = car.sentry
        body.isUserPresent = isDriving
        body.doorsOpen = false
        body.update = .init(status: "", version: "")
        reading.body = body
        if !isCalm { spoil(&reading) }
        take(.data(reading))
    }

    private mutating func spoil(_ reading: inout VehicleReading) {
        guard chance(5) else { return }
        switch Int.random(in: 0..<9, using: &random) {
        case 0: reading.drive = nil
        case 1: reading.charge = nil
        case 2: reading.body = nil
        case 3: reading.body?.odometerKm = nil
        case 4: reading.body?.odometerKm = .random(in: 0...1_000_000, using: &random)
        case 5: reading.charge?.rangeKm = nil
        case 6: reading.drive?.at = now.adding(seconds: .random(in: -90...10, using: &random))
        case 7: reading.drive?.at = now.adding(seconds: .random(in: -100_000...100_000, using: &random))
        default: reading.charge?.energyAddedKwh = nil
        }
    }

    private mutating func sendFrame(power: Int = 12, shift: Shift? = .drive) {
        if !isCalm, let lastFrame, chance(10) { take(.frame(lastFrame)) }
        let late: Double = !isCalm && chance(5) ? .random(in: 0...30, using: &random) : 0.1
        let frame = StreamFrame(
            at: now.adding(microseconds: -Int64(late * 1e6)), receivedAt: now, speed: 60,
            odometerKm: CarUnits.odometer((car.odometerKm / CarUnits.kmOfMile * 10).rounded() / 10), batteryLevel: car.level, elevation: 10, heading: 90,
            latitude: car.latitude, longitude: 120, power: power, shift: chance(90) || isCalm ? shift : nil)
        lastFrame = frame
        if machine.state.phase != .driving { hints += 1 }
        take(.frame(frame))
    }

    // MARK: The machine

    private mutating func take(_ input: VehicleInput) { took(machine.on(input, at: now)) }

    private mutating func took(_ rows: [VehicleEffect]) {
        for row in rows { if case .position = row { positions += 1 } }
        book.take(rows)
        let view = machine.view
        if let shown, shown.0 == view.state, shown.1 != view.since { faults.append("since moved without the state") }
        if let shown, shown.0 != view.state, view.since != now { faults.append("the state moved without since") }
        shown = (view.state, view.since)
        if machine.plan.at < quietUntil { faults.append("planned while Retry-After runs") }
        if chance(0.5) { throughMemory() }
    }
}
