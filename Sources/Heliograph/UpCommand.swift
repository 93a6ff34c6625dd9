import Broker
import Bytes
import CLinux
import Postgres
import Reactor
import Simulation
import ZeroMQ

/// `heliograph up`: the whole system in one process, over inproc, with its own PostgreSQL.
enum UpCommand {
    static func run(_ arguments: Arguments, _ settings: Settings) async throws {
        try arguments.allow("demo", "port", "vehicle-port", "workers")
        let isDemo = arguments.has("demo")
        if isDemo, settings.isProduction { throw UsageError("--demo makes a login that everybody knows; APP_ENV=production refuses it") }
        let data = try DataDirectory(settings["HELIOGRAPH_DATA"])
        if let taken = data.lock("up") { throw UsageError(taken) }
        let home = try Home(settings)

        step("database")
        let setup = EventLoop(name: "setup")
        let database = try await Database.own(settings, data, on: setup)
        do {
            let applied = try await database.migrate(home, on: setup)
            if !applied.isEmpty { step("migrated: \(applied.map(\.name).joined(separator: ", "))") }
            try await serve(arguments, settings, data, home, database, isDemo: isDemo)
        } catch {
            await database.stop(on: setup)
            throw error
        }
        step("stopping the database")
        await database.stop(on: setup)
    }

    private static func serve(
        _ arguments: Arguments, _ given: Settings, _ data: DataDirectory, _ home: Home, _ database: Database, isDemo: Bool
    ) async throws {
        let secretKey = try SecretKey.find(given, data)
        let token = isDemo ? try await Demo.prepare(data, database) : nil
        // Before any worker: the tokens of the last start are worth nothing.
        let vehicles = isDemo && DemoVehicles.isWanted(given) ? try await DemoVehicles.start(database, key: secretKey) : nil
        let settings = vehicles.map { DemoVehicles.point(given, to: $0) } ?? given
        let context = ZMQContext()
        // inproc for the parts in here, ipc for workers and tools beside.
        let inside = BusEndpoint(work: "inproc://work", topics: "inproc://topics")
        let broker = try await BrokerPart.start(
            BrokerConfig(name: "broker", endpoints: [inside, try data.endpoint(broker: "broker")], postgres: database.config), context: context)
        let bus = Bus(context: context, endpoints: [inside])
        let mail = try MailSetup(settings, data)
        var workers: [LoopBound<WorkerPart>] = []
        let names = arguments.value("workers")?.split(separator: ",").map(String.init) ?? WorkerPart.names
        for name in names {
            workers.append(
                try await WorkerPart.start(
                    [name], bus: bus, postgres: database.config, settings: settings.prediction, upkeep: settings.upkeep, mail: mail,
                    geocoding: try settings.geocoding(), vehicles: try settings.vehicles(), on: EventLoop(name: name)))
        }
        let api = try await APIPart.start(arguments, settings, bus: bus, postgres: database.config, home: home, secretKey: secretKey, isDemo: isDemo)
        announce(api, mail, isDemo: isDemo)
        let demo = token.map { token in
            [
                Task { await Demo.play(home, settings, port: api.port, token: token) },
                Task { await Demo.playDevices(data, port: api.port) },
            ]
        }
        await StopSignal.wait()
        step("stopping: no new requests, running work finishes")
        for task in demo ?? [] { await task.value }
        await api.stop()
        for worker in workers { await worker.stop() }
        await broker.stop()
        await vehicles?.stop()
    }

    private static func announce(_ api: APIPart, _ mail: MailSetup, isDemo: Bool) {
        print("Heliograph is ready.")
        print("  address   \(api.address)")
        print("  vehicles  \(api.vehicleAddress)")
        print("  console   \(api.address)/console/")
        print("  mail      \(mail.words)")
        if isDemo { print("  login     \(Demo.user) / \(Demo.password)") }
    }

    static func step(_ text: String) {
        print("· \(text)")
    }
}
