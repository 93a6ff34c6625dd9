import Bytes
import Fetch
import Glibc
import Postgres
import Reactor
import Secrets
import Simulation
import TestSupport

@testable import Workers

/// A database, a simulated vehicle service with one account, and pollers. Everything lives on the test's loop, except pollers that are to die.
final class PollerWorld {
    static let home = VehiclePlace("home", 30.2741, 120.1551)
    static let office = VehiclePlace("office", 30.2672, 120.1330)
    static let key = [UInt8](repeating: 7, count: Seal.keyBytes)

    let config: PostgresConfig
    let pool: PostgresPool
    let cloud: VehicleCloud
    let account: Int
    let grant: CloudTokens.Grant
    var options = VehicleOptions()
    /// What was published last, by topic.
    private(set) var views: [String: JSONValue] = [:]
    private(set) var published = 0
    private var pollers: [VehiclePoller] = []

    private init(_ config: PostgresConfig, _ pool: PostgresPool, speed: Double, on loop: isolated EventLoop) throws {
        self.config = config
        self.pool = pool
        cloud = VehicleCloud(CloudClock(Clock.wall, .running(speed: speed), on: loop), on: loop)
        (account, grant) = cloud.addAccount()
        let port = try cloud.listen()
        options = Self.options(port: port, speed: speed)
    }

    /// Quick beats; the spec's intervals by the service's clock.
    static func options(port: UInt16, speed: Double) -> VehicleOptions {
        var options = VehicleOptions()
        options.apiURL = "http://127.0.0.1:\(port)"
        options.authURL = options.apiURL
        options.streamURL = "ws://127.0.0.1:\(port)/streaming/"
        options.usesStream = false
        options.clockSpeed = speed
        options.beatMs = 50
        options.deadMs = 2_000
        options.trustMs = 1_600
        options.spreadSeconds = 0.1
        return options
    }

    /// - Parameter speed: of the service's clock.
    static func run(speed: Double = 1, _ body: @Sendable (PollerWorld, isolated EventLoop) async throws -> Void) async throws {
        try await onLoop { loop in
            let config = try await ScratchServer.database(on: loop)
            _ = try await Migrations.apply(from: projectRoot + "/Migrations", to: config, on: loop)
            let pool = PostgresPool(config, size: 2, name: "test", on: loop)
            let world = try PollerWorld(config, pool, speed: speed, on: loop)
            let result: Result<Void, any Error>
            do {
                result = .success(try await body(world, loop))
            } catch {
                result = .failure(error)
            }
            for poller in world.pollers { await poller.stop(on: loop) }
            await world.cloud.stop()
            await pool.close(on: loop)
            try result.get()
        }
    }

    var seal: Seal { Seal(key: Self.key)! }
    var store: TokenStore { TokenStore(pool, seal) }

    /// Signs the account in at ours.
    @discardableResult
    func login(_ name: String = "mine", _ pair: TokenPair? = nil) async throws -> Int64 {
        let tokens = pair ?? TokenPair(access: grant.access, refresh: grant.refresh)
        let number = try await store.login(name, tokens.json)
        guard let number else { throw Overdue(what: "an account") }
        // The service's token has a life that it does not say itself.
        try await run("UPDATE heliograph.vehicle_account SET access_expires_at = now() + interval '300 hours', tokens_at = now() WHERE number = \(number)")
        return number
    }

    @discardableResult
    func car(_ life: CarLife = PollerWorld.still, level: Double = 0.6) -> CloudCar {
        cloud.add(Timeline(.model3, life, start: cloud.clock.now, place: Self.home, level: level), to: account)
    }

    static let still = CarLife.phases([.park(seconds: 1e8, ParkingPlan())])
    static let driving = CarLife.driving([home, office])

    /// A poller on the test's loop, by the service's clock.
    func poller(nowNs: @escaping () -> Int64 = { Clock.monotonicNs }, on loop: isolated EventLoop) throws -> VehiclePoller {
        let clock = cloud.clock
        let poller = try VehiclePoller(
            config, options, seal: seal, now: { clock.now }, nowNs: nowNs,
            publish: { [weak self] topic, view in
                self?.published += 1
                self?.views[topic] = try? JSONValue.parse(view)  // ok: a view that is no JSON is missed by the test
            }, on: loop)
        pollers.append(poller)
        poller.start(on: loop)
        return poller
    }

    /// A poller that ends now, and no more at the test's end.
    func stop(_ poller: VehiclePoller, on loop: isolated EventLoop) async {
        pollers.removeAll { $0 === poller }
        await poller.stop(on: loop)
    }

    @discardableResult
    func run(_ sql: String) async throws -> PostgresRows { try await pool.query(Statement(sql)) }
    func int(_ sql: String) async throws -> Int { try await run(sql).int(0, 0) }
    func text(_ sql: String) async throws -> String? { try await run(sql).stringIfPresent(0, 0) }

    func view(_ car: Int64) -> JSONValue? { views["vehicles.\(car)"] }

    /// Our number of a car of the service.
    func number(_ car: CloudCar) async throws -> Int64? {
        let rows = try await run("SELECT number FROM heliograph.car WHERE tesla_vehicle_id = \(car.vehicleID)")
        return rows.isEmpty ? nil : try rows.int64(0, 0)
    }
}

/// Makes a file.
func write(_ bytes: [UInt8], to path: String) throws {
    let fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    guard fd >= 0, Glibc.write(fd, bytes, bytes.count) == bytes.count else { throw Overdue(what: "cannot write \(path)") }
    close(fd)
}
