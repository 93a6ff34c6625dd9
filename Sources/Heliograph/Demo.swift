import API
import Bytes
import Postgres
import Reactor
import Simulation

/// What `up --demo` adds: a known login, an ingest token, meters that live a day.
enum Demo {
    static let user = "admin"
    static let password = "heliograph"
    static let meters = 40
    static let devices = 200
    static let reportSeconds = 60
    static let stepSeconds = 10
    /// History played in at start, so that windows and predictions have something to show.
    static let historySeconds: Int64 = 26 * 3600

    /// Keeps an ingest token in the data directory; a kept one that the database does not know is replaced.
    static func prepare(_ data: DataDirectory, _ database: Database) async throws -> String {
        let loop = EventLoop(name: "demo")
        defer { loop.stop() }
        let path = data.keys("ingest-token")
        let kept = FileText.read(path).map { String($0.prefix { $0 != "\n" }) }
        let hasher = await PasswordHasher()
        defer { hasher.stop() }
        let token = try await database.withPool(on: loop) { pool, _ in
            if let kept, try await pool.query(known, Parameters(kept)).count == 1 { return kept }
            return try await AccountStore(pool, hasher).createToken(.ingest, label: "demo").text
        }
        try FileText.write(token + "\n", to: path)
        return token
    }

    /// Battery devices of the demo's user, with a day behind them.
    static func playDevices(_ data: DataDirectory, port: Int) async {
        guard let address = HTTPAddress(host: "127.0.0.1", port: UInt16(port)) else { return }
        let scenario = DeviceScenario(
            address: address, user: user, password: password, keysPath: data.keys("devices"), count: devices, seed: 7, stepSeconds: reportSeconds)
        let loop = EventLoop(name: "devices")
        defer { loop.stop() }
        do {
            let now = Clock.wall
            UpCommand.step("playing \(devices) battery devices")
            _ = try await scenario.play(from: now.adding(seconds: -86_400), liveFrom: now, until: nil, speed: 1, on: loop)
        } catch {
            Log.error("the demo's devices ended", ["error": String(describing: error)])
        }
    }

    private static let known = Statement("SELECT FROM heliograph.token WHERE hash = sha256(convert_to($1, 'UTF8')) AND scope = 'ingest'")

    /// Plays the scenario until the process stops. Whenever it is started, the stations are busy: nobody looks at an empty garage.
    static func play(_ home: Home, _ settings: Settings, port: Int, token: String) async {
        do {
            let now = Clock.wall
            let scenario = try ChargingScenario(file: nil, home: home, meters: meters, seed: 7, offset: settings.offset, busyAt: now)
            UpCommand.step("playing \(scenario.sites.sites.count) meters from \(scenario.origin)")
            guard let address = HTTPAddress(host: "127.0.0.1", port: UInt16(port)) else { return }
            let start = Timestamp(seconds: (now.seconds - historySeconds) / Int64(stepSeconds) * Int64(stepSeconds))
            let simulation = ChargingSimulation(
                series: scenario.series, sessions: scenario.sessions, start: start, speed: 1, stepSeconds: stepSeconds)
            let loop = EventLoop(name: "simulation")
            defer { loop.stop() }
            let shown = LastShown()
            _ = try await SimulateCommand.play(
                simulation, scenario.sites, address, token: token, liveFrom: now, until: nil, on: loop,
                progress: { time, rows in shown.show(time, rows, from: start, to: now) })
        } catch {
            Log.error("the demo's simulation ended", ["error": String(describing: error)])
        }
    }
}
