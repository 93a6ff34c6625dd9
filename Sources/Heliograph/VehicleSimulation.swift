import Bytes
import Edge
import Reactor
import Simulation

/// A vehicle cloud on a loop of its own: of `simulate vehicles` and of the demo.
struct VehicleSimulation: Sendable {
    /// What the cars do: a day in half an hour, random lives, or driving without a rest.
    enum Lives: String, Sendable, CaseIterable {
        case day, random, driving
    }

    let cloud: LoopBound<VehicleCloud>
    let port: UInt16
    /// The account's first tokens.
    let grant: CloudTokens.Grant

    /// Where a poller finds it: what the settings of these names want.
    var api: String { "http://127.0.0.1:\(port)" }
    var auth: String { api }
    var streaming: String { "ws://127.0.0.1:\(port)/streaming/" }

    static func start(
        _ lives: Lives, cars: Int, speed: Double, address: ListenAddress = ListenAddress(host: "127.0.0.1", port: 0), seed: UInt64
    ) async throws -> VehicleSimulation {
        let loop = EventLoop(name: "vehicle cloud")
        return try await loop.run { loop in
            // A seed of this start's: tokens of an earlier one mean nothing here.
            let own = seed ^ UInt64(bitPattern: Clock.wall.microseconds)
            let cloud = VehicleCloud(CloudClock(Clock.wall, .running(speed: speed), on: loop), seed: own, on: loop)
            let (account, grant) = cloud.addAccount()
            switch lives {
            case .day: VehicleCast.three(cloud, account: account, seed: seed)
            case .random: VehicleCast.crowd(cloud, account: account, count: cars, seed: seed)
            case .driving: VehicleCast.driving(cloud, account: account, count: cars, seed: seed)
            }
            let port = try cloud.listen(address)
            return VehicleSimulation(cloud: LoopBound(cloud, on: loop), port: port, grant: grant)
        }
    }

    func stop() async {
        await cloud.loop.run { loop in await cloud.value(on: loop).stop() }
        cloud.loop.stop()
    }

    /// `heliograph simulate vehicles`: until a stop signal comes.
    static func run(_ arguments: Arguments) async throws {
        try arguments.allow("port", "host", "cars", "lives", "speed", "seed")
        let count = try arguments.int("cars", 1...100_000)
        let name = arguments.value("lives") ?? (count.map { $0 == 3 } ?? true ? Lives.day : .random).rawValue
        guard let lives = Lives(rawValue: name) else {
            throw UsageError("--lives must be \(Lives.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        if lives == .day, let count, count != 3 { throw UsageError("--lives day has three cars") }
        let speed = try arguments.double("speed", 0.01...100_000) ?? 1
        let address = ListenAddress(host: arguments.value("host") ?? "127.0.0.1", port: UInt16(try arguments.int("port", 0...65_535) ?? 0))
        let own = try await start(lives, cars: count ?? 3, speed: speed, address: address, seed: UInt64(try arguments.int("seed", 0...Int.max) ?? 1))
        print("vehicle cloud with \(count ?? 3) cars at \(own.api), \(speed) x; point a poller at it:")
        print("  HELIOGRAPH_VEHICLE_API=\(own.api)")
        print("  HELIOGRAPH_VEHICLE_AUTH=\(own.auth)")
        print("  STREAMING_HOST=\(own.streaming)")
        print("and sign it in: POST /api/auth/token with")
        print("  {\"access_token\":\"\(own.grant.access)\",\"refresh_token\":\"\(own.grant.refresh)\"}")
        if speed != 1 { print("its time leaves ours: a logger that compares the cars' clocks with its own will not believe them") }
        await StopSignal.wait()
        await own.stop()
    }
}
