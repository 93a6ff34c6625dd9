import Bytes
import Postgres
import Reactor
import Secrets
import Simulation

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
            settings.give(name, value, origin: "--demo")
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
        var w = JSONWriter()
        w.object { w in
            w.member("access_token", cloud.grant.access)
            w.member("refresh_token", cloud.grant.refresh)
        }
        let tokens = w.bytes
        let expires = Clock.wall.adding(seconds: Int64(cloud.grant.expiresInSeconds))
        let loop = EventLoop(name: "demo vehicles")
        defer { loop.stop() }
        try await database.withPool(on: loop) { pool, _ in
            // The number comes first: the seal belongs to it.
            let number = try await pool.query(named, Parameters(account)).int(0, 0)
            let sealed = seal.close(tokens, context: "vehicle_account:\(number)")
            _ = try await pool.query(signedIn, Parameters(number, sealed, expires))
        }
    }

    private static let named = Statement(
        """
        INSERT INTO heliograph.vehicle_account (name, tokens, fault) VALUES ($1, '', 'not signed in')
        ON CONFLICT (name) DO UPDATE SET name = EXCLUDED.name RETURNING number
        """)
    private static let signedIn = Statement(
        """
        UPDATE heliograph.vehicle_account
        SET tokens = $2, access_expires_at = $3, rotation = rotation + 1, fault = NULL, tokens_at = now() WHERE number = $1
        """)
}
