import Bytes
import Edge
import Glibc
import Postgres
import Reactor
import Simulation
import TestSupport
import Testing

/// Cars of a simulated service, polled by real processes and shown by a real API.
@Suite(.serialized, .timeLimit(.minutes(5))) struct VehicleTests {
    private static let places = [
        VehiclePlace("home", 30.2741, 120.1551), VehiclePlace("office", 30.3310, 120.0890), VehiclePlace("shop", 30.2102, 120.2310),
    ]

    @Test func aKilledPollersCarsMoveWithinTenSecondsAndTheirDrivesGoOn() async throws {
        try await ProcessFleet.with { fleet, loop in
            let cloud = VehicleCloud(CloudClock(Clock.wall, .running(speed: 1), on: loop), on: loop)
            let (account, grant) = cloud.addAccount()
            for n in 0..<6 {
                let life = CarLife.driving(Array(Self.places[(n % 3)...] + Self.places[..<(n % 3)]))
                cloud.add(
                    Timeline(.model3, life, start: cloud.clock.now.adding(seconds: -30), place: Self.places[n % 3], level: 0.8, seed: UInt64(n)), to: account)
            }
            let port = try cloud.listen()
            let result: Result<Void, any Error>
            do { result = .success(try await Self.kill(fleet, port, grant, on: loop)) } catch { result = .failure(error) }
            await cloud.stop()
            try result.get()
        }
    }

    private static func kill(_ fleet: ProcessFleet, _ port: UInt16, _ grant: CloudTokens.Grant, on loop: isolated EventLoop) async throws {
        fleet.settings = [
            "HELIOGRAPH_VEHICLE_API": "http://127.0.0.1:\(port)", "HELIOGRAPH_VEHICLE_AUTH": "http://127.0.0.1:\(port)",
            "STREAMING_HOST": "ws://127.0.0.1:\(port)/streaming/", "HELIOGRAPH_SECRET_KEY": String(repeating: "ab", count: 32),
        ]
        let api = try await Self.start(fleet, on: loop)
        let pollers = [
            try await fleet.start("worker", "vehicles", on: loop), try await fleet.start("worker", "vehicles", on: loop),
        ]
        let tokens = fleet.data + "/tokens.json"
        try Self.write((["access_token": .string(grant.access), "refresh_token": .string(grant.refresh)] as JSONValue).bytes, to: tokens)
        let login = try await fleet.run("vehicles", "login", "--name", "mine", "--token-file", tokens, on: loop)
        #expect(login.code == 0, "\(login.text)")

        try await eventually("six cars drive, shared by both pollers", seconds: 60, on: loop) {
            let driving = try await fleet.count("SELECT count(*) FROM heliograph.drive WHERE ended_at IS NULL")
            let pollers = try await fleet.count("SELECT count(DISTINCT poller) FROM heliograph.car_memory")
            return driving == 6 && pollers == 2
        }
        let client = HTTPClient(api, on: loop)
        defer { client.close() }
        let cars = try JSONValue.parse(try await client.get("/api/cars").body)["data"]?.array ?? []
        #expect(cars.count == 6)
        let socket = try await TestSocket(port: api.port, "/ws", on: loop)
        let hello = try JSONValue.parse(Array(try #require(try await socket.next()).utf8))
        #expect(hello["type"] == "init" && hello["data"]?["states"]?.object?.count == 6)

        let drives = "SELECT coalesce(sum(id), 0)::bigint FROM heliograph.drive WHERE ended_at IS NULL"
        let before = try await fleet.count(drives)
        let dead = pollers[0]
        let orphans = try await fleet.count("SELECT count(*) FROM heliograph.car_memory WHERE poller LIKE '%:\(dead.pid):%'")
        #expect(orphans > 0)
        try await dead.kill9(on: loop)
        let killed = Clock.monotonicNs
        try await fleet.pool.query("CREATE TABLE heliograph_before AS SELECT car, version FROM heliograph.car_memory")
        try await eventually("all cars are polled again", seconds: 30, on: loop) {
            try await fleet.count(
                """
                SELECT count(*) FROM heliograph.car_memory AS m JOIN heliograph_before AS b USING (car)
                WHERE m.version > b.version AND m.poller NOT LIKE '%:\(dead.pid):%'
                """) == 6
        }
        #expect(Clock.monotonicNs - killed < 10_000_000_000)
        // The same drives: none was lost, cut in two, or left behind open.
        #expect(try await fleet.count(drives) == before)
        #expect(try await fleet.count("SELECT count(*) FROM heliograph.drive WHERE ended_at IS NOT NULL") == 0)
        #expect(try await fleet.count("SELECT count(*) FROM (SELECT FROM heliograph.parking WHERE ended_at IS NULL) AS p") == 0)
        let state = try JSONValue.parse(try await client.get("/api/cars/\(cars[0]["id"]?.int ?? 0)/state").body)["data"]
        #expect(state?["state"] == "driving" && state?["speed"]?.int != nil)
        let pushed = try JSONValue.parse(Array(try #require(try await socket.next()).utf8))
        #expect(pushed["type"] == "state_update" && pushed["data"]?["state"] == "driving")
        socket.wire.end()
    }

    private static func start(_ fleet: ProcessFleet, on loop: isolated EventLoop) async throws -> HTTPAddress {
        try await fleet.start("broker", on: loop)
        let api = try await fleet.start("api", "--port", "0", on: loop)
        let url = api.text.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix("http://") }.map(String.init) ?? ""
        return try #require(HTTPAddress(url))
    }

    private static func write(_ bytes: [UInt8], to path: String) throws {
        let fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        defer { close(fd) }
        guard fd >= 0, Glibc.write(fd, bytes, bytes.count) == bytes.count else { throw Overdue(what: "cannot write \(path)") }
    }
}
