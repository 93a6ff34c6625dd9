import API
import Postgres
import Reactor

/// The API nodes of a process.
struct APIPart {
    private let nodes: APINodes
    private let loops: [EventLoop]

    var port: Int { Int(nodes.ports[0]) }
    var address: String { "http://localhost:\(port)" }
    var vehicleAddress: String { "http://localhost:\(nodes.ports.last ?? 0)" }

    static func start(
        _ arguments: Arguments, _ settings: Settings, bus: Bus, postgres: PostgresConfig, home: Home, secretKey: [UInt8], isDemo: Bool
    ) async throws -> APIPart {
        var config = APIConfig(postgres: postgres, endpoints: bus.endpoints)
        config.busKeys = bus.keys
        let port = try arguments.int("port", 0...65535) ?? settings.int("PORT")
        // Where the first port is any free one, so is the second: several instances may run side by side.
        let second = try arguments.int("vehicle-port", 0...65535) ?? (port == 0 ? 0 : settings.int("VEHICLE_PORT"))
        let host = settings["HELIOGRAPH_HOST"]
        config.addresses = [ListenAddress(host: host, port: UInt16(port)), ListenAddress(host: host, port: UInt16(second))]
        config.console = home.console
        config.chargingOffset = settings.offset
        config.isProduction = settings.isProduction
        config.isDemo = isDemo
        config.accounts = settings.accounts
        config.sealKey = secretKey
        config.server.cors.origins = settings["CORS_ORIGINS"].split(separator: ",").map { String($0.filter { $0 != " " }) }
        if settings["HELIOGRAPH_ACCESS_LOG"] == "on" { config.server.accessLog = .standardError }
        let loops = (0..<settings.int("HELIOGRAPH_API_LOOPS")).map { EventLoop(name: "api \($0)") }
        return APIPart(nodes: try await APINodes.start(config, context: bus.context, on: loops), loops: loops)
    }

    func stop() async {
        await nodes.stop()
        for loop in loops { loop.stop() }
    }
}
