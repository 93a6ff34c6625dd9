import Bytes
import CLinux
import Reactor
import Simulation

/// `heliograph simulate charging|devices`: plays stations or battery devices through the public intake of a running API; `vehicles` serves a vehicle cloud.
enum SimulateCommand {
    static func run(_ arguments: Arguments, _ settings: Settings) async throws {
        switch arguments.words {
        case ["charging"]: try await charging(arguments, settings)
        case ["devices"]: try await devices(arguments, settings)
        case ["vehicles"]: try await VehicleSimulation.run(arguments)
        default: throw UsageError("usage: heliograph simulate charging|devices|vehicles [options]")
        }
    }

    private static func address(_ arguments: Arguments, _ settings: Settings) throws -> HTTPAddress {
        let url = arguments.value("url") ?? "http://127.0.0.1:\(settings["PORT"])"
        guard let address = HTTPAddress(url) else { throw UsageError("--url must be like http://127.0.0.1:8000, not '\(url)'") }
        return address
    }

    private static func devices(_ arguments: Arguments, _ settings: Settings) async throws {
        try arguments.allow("speed", "url", "devices", "step", "seed", "for", "login", "password")
        let data = try DataDirectory(settings["HELIOGRAPH_DATA"])
        let scenario = DeviceScenario(
            address: try address(arguments, settings), user: arguments.value("login") ?? Demo.user, password: arguments.value("password") ?? Demo.password,
            keysPath: data.keys("devices"), count: try arguments.int("devices", 1...10_000) ?? Demo.devices,
            seed: UInt64(try arguments.int("seed", 0...Int.max) ?? 1), stepSeconds: try arguments.int("step", 1...3600) ?? Demo.reportSeconds)
        let speed = try arguments.double("speed", 0.01...1_000_000) ?? 1
        let start = Clock.wall
        let until = try arguments.double("for", 1...1e9).map { start.adding(microseconds: Int64($0 * 1e6)) }
        print("\(scenario.count) devices to \(scenario.address), \(speed) x")
        let loop = EventLoop(name: "simulation")
        defer { loop.stop() }
        let reports = try await scenario.play(from: start, liveFrom: start, until: until, speed: speed, on: loop)
        print("\(reports) reports accepted")
    }

    private static func charging(_ arguments: Arguments, _ settings: Settings) async throws {
        try arguments.allow("speed", "url", "file", "meters", "step", "seed", "start", "for", "token")
        let data = try DataDirectory(settings["HELIOGRAPH_DATA"])
        let address = try address(arguments, settings)
        let token = arguments.value("token") ?? FileText.read(data.keys("ingest-token")).map { String($0.prefix { $0 != "\n" }) }
        guard let token else { throw UsageError("no ingest token: give --token, or make one with 'heliograph token new --scope ingest'") }
        let speed = try arguments.double("speed", 0.01...1_000_000) ?? 1
        let step = try arguments.int("step", 1...3600) ?? 10
        let seed = UInt64(try arguments.int("seed", 0...Int.max) ?? 1)
        let scenario = try ChargingScenario(
            file: arguments.value("file"), home: try Home(settings), meters: try arguments.int("meters", 1...10_000) ?? 40, seed: seed,
            offset: settings.offset)
        var start = Clock.wall
        if let text = arguments.value("start") {
            guard let time = RFC3339.parse(text, defaultOffset: settings.offset) else { throw UsageError("--start must be a time like 2026-01-01T08:00:00Z") }
            start = time
        }
        let until = try arguments.double("for", 1...1e9).map { start.adding(microseconds: Int64($0 * 1e6)) }
        print("\(scenario.sites.sites.count) meters from \(scenario.origin) to \(address), \(speed) x")
        let loop = EventLoop(name: "simulation")
        let simulation = ChargingSimulation(series: scenario.series, sessions: scenario.sessions, start: start, speed: speed, stepSeconds: step)
        let rows = try await play(simulation, scenario.sites, address, token: token, liveFrom: start, until: until, on: loop)
        print("\(rows.accepted) readings accepted, \(rows.rejected) rejected")
    }

    /// Plays until it is over or a stop signal comes.
    static func play(
        _ simulation: ChargingSimulation, _ sites: SiteCatalogue, _ address: HTTPAddress, token: String, liveFrom: Timestamp, until: Timestamp?,
        on loop: EventLoop, progress: @escaping @Sendable (Timestamp, Int) -> Void = { _, _ in }
    ) async throws -> (accepted: Int, rejected: Int) {
        let feeder = await loop.run { loop in LoopBound(IntakeFeeder(HTTPClient(address, on: loop), token: token), on: loop) }
        let stopper = Task {
            await StopSignal.wait()
            await loop.run { loop in feeder.value(on: loop).stop() }
        }
        defer { stopper.cancel() }
        return try await loop.run { loop in
            let own = feeder.value(on: loop)
            try await own.run(simulation, sites: sites, liveFrom: liveFrom, until: until, on: loop, progress: progress)
            return (own.accepted, own.rejected)
        }
    }
}
