import API
import Broker
import Postgres
import Reactor
import ZeroMQ

/// `heliograph broker | api | worker`: one part as a process of its own.
enum PartCommands {
    static func broker(_ arguments: Arguments, _ settings: Settings) async throws {
        try arguments.allow("name", "bind")
        let data = try DataDirectory(settings["HELIOGRAPH_DATA"])
        let name = arguments.value("name") ?? "broker"
        var endpoint = try data.endpoint(broker: name)
        if let bind = arguments.value("bind") {
            let parts = bind.split(separator: ",").map(String.init)
            guard parts.count == 2 else { throw UsageError("--bind takes two addresses: work,topics") }
            endpoint = BusEndpoint(work: parts[0], topics: parts[1])
        }
        let isOpen = BusEndpoint.isOpen(endpoint.work) || BusEndpoint.isOpen(endpoint.topics)
        let database = try Database.existing(settings, data, name: "broker \(name)")
        let setup = EventLoop(name: "setup")
        _ = try await database.migrate(try Home(settings), on: setup)
        setup.stop()
        let config = BrokerConfig(
            name: name, endpoints: [endpoint], postgres: database.config, security: isOpen ? try KeysCommand.security(data) : nil)
        let part = try await BrokerPart.start(config, context: ZMQContext())
        let bound = await part.loop.run { loop in part.value(on: loop).boundEndpoints }
        print("broker \(name) ready on \(bound.map { "\($0.work) \($0.topics)" }.joined(separator: ", "))")
        await StopSignal.wait()
        await part.stop()
    }

    static func worker(_ arguments: Arguments, _ settings: Settings) async throws {
        try arguments.allow("slots")
        let data = try DataDirectory(settings["HELIOGRAPH_DATA"])
        let names = arguments.words.isEmpty ? WorkerPart.names : arguments.words
        let bus = try Bus(settings, data, key: "worker")
        let database = try Database.existing(settings, data, name: "worker \(names.joined(separator: "+"))")
        let part = try await WorkerPart.start(
            names, bus: bus, postgres: database.config, settings: settings.prediction, upkeep: settings.upkeep, mail: try MailSetup(settings, data),
            geocoding: try settings.geocoding(), vehicles: try settings.vehicles(), slots: try arguments.int("slots", 1...10_000), on: EventLoop(name: "worker")
        )
        print("worker \(names.joined(separator: ", ")) ready")
        await StopSignal.wait()
        await part.stop()
    }

    static func api(_ arguments: Arguments, _ settings: Settings) async throws {
        try arguments.allow("port", "vehicle-port")
        let data = try DataDirectory(settings["HELIOGRAPH_DATA"])
        let bus = try Bus(settings, data, key: "api")
        let database = try Database.existing(settings, data, name: "api")
        let part = try await APIPart.start(
            arguments, settings, bus: bus, postgres: database.config, home: try Home(settings), secretKey: try SecretKey.find(settings, data), isDemo: false)
        print("api ready on \(part.address)")
        await StopSignal.wait()
        await part.stop()
    }
}
