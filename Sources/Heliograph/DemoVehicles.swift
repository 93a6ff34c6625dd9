import Postgres
import Reactor
import Secrets
import Simulation
import Workers

/// The demo's cars: a vehicle cloud in this process, and its account in the database.
enum DemoVehicles {
    static let account = "demo"
    private static let host = "HELIOGRAPH_VEHICLE_API"

    /// Who has said where the vehicle service is gets no other.
    static func isWanted(_ settings: Settings) -> Bool { settings.origin(host) == "default" }

    /// The settings with the demo's cloud as the vehicle service.
    static func point(_ settings: Settings, to cloud: VehicleSimulation) -> Settings {
        var settings = settings
        for (name, value) in [(host, cloud.api), ("HELIOGRAPH_VEHICLE_AUTH", cloud.auth), ("STREAMING_HOST", cloud.streaming)] {
            settings.values[name] = (value, "--demo")
        }
        return settings
    }

    /// Starts the cloud and signs the demo's account in.
    static func start(_ database: Database, key: [UInt8]) async throws -> VehicleSimulation {
        guard let seal = Seal(key: key) else { throw UsageError("the secret key must have \(Seal.keyBytes) bytes") }
        let cloud = try await VehicleSimulation.start(.day, cars: 3, speed: 1, seed: 7)
        try await signIn(cloud, database, seal)
        UpCommand.step("three cars live a short day in a vehicle cloud at \(cloud.api)")
        return cloud
    }

    /// The cloud is new with each start: the tokens of the last one are replaced, and the account is well again.
    private static func signIn(_ cloud: VehicleSimulation, _ database: Database, _ seal: Seal) async throws {
        let tokens = cloud.tokens
        let loop = EventLoop(name: "demo vehicles")
        defer { loop.stop() }
        let number = try await database.withPool(on: loop) { pool, _ in try await TokenStore(pool, seal).login(account, tokens) }
        guard number != nil else { throw UsageError("the demo's vehicle cloud gave no tokens") }
    }
}
