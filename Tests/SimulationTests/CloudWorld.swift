import Bytes
import Reactor

@testable import Simulation

/// Runs a test's body on a loop of its own.
func onLoop(_ body: @Sendable (isolated EventLoop) async throws -> Void) async throws {
    let loop = EventLoop(name: "test")
    defer { loop.stop() }
    try await loop.run { loop in try await body(loop) }
}

/// A vehicle cloud whose clock the test moves, with one account signed in.
final class CloudWorld {
    /// 2026-01-01T00:00:00Z: eight in the morning in Beijing.
    static let start = Timestamp(seconds: 1_767_225_600)
    static let home = VehiclePlace("home", 30.2741, 120.1551)
    static let office = VehiclePlace("office", 30.2672, 120.1330)

    let cloud: VehicleCloud
    let account: Int
    var grant: CloudTokens.Grant
    let http: HTTPClient
    private let after: (Int64, @escaping () -> Void) -> Void

    init(on loop: isolated EventLoop) throws {
        cloud = VehicleCloud(CloudClock(Self.start, .byHand, on: loop), on: loop)
        (account, grant) = cloud.addAccount()
        let port = try cloud.listen()
        http = HTTPClient(HTTPAddress(host: "127.0.0.1", port: port)!, deadlineMs: 10_000, on: loop)
        after = { _ = loop.after(ns: $0, $1) }
    }

    func stop() async {
        http.close()
        await cloud.stop()
    }

    @discardableResult
    func car(_ life: CarLife, model: CarModel = .model3, level: Double = 0.6, place: VehiclePlace = CloudWorld.home) -> CloudCar {
        cloud.add(Timeline(model, life, start: Self.start, place: place, level: level), to: account)
    }

    /// Parked for good, nobody near it.
    static let still = CarLife.phases([.park(seconds: 1e8, ParkingPlan())])

    /// Leaves home after ten minutes, is at the office for an hour and drives home.
    static let errand = CarLife.phases([
        .park(seconds: 600, .usual(seconds: 600, begins: false)), .drive(to: office), .stop(seconds: 3_600, sentry: true), .drive(to: home),
    ])

    // MARK: Asking

    func ask(_ method: String, _ path: String, body: [UInt8]? = nil) async throws -> (status: Int, body: [UInt8]) {
        try await http.send(method, path, headers: [("Authorization", "Bearer \(grant.access)")], body: body)
    }

    func get(_ path: String) async throws -> (status: Int, json: JSONValue) {
        let answer = try await ask("GET", path)
        return (answer.status, try JSONValue.parse(answer.body))
    }

    static let everything = "charge_state;climate_state;closures_state;drive_state;gui_settings;location_data;vehicle_config;vehicle_state"

    func data(_ car: CloudCar, parts: String = everything) async throws -> (status: Int, json: JSONValue) {
        let list = parts.split(separator: ";").joined(separator: "%3B")
        return try await get("/api/1/vehicles/\(car.id)/vehicle_data?endpoints=\(list)")
    }

    func state(_ car: CloudCar) async throws -> String? { try await get("/api/1/vehicles/\(car.id)").json["response"]?["state"]?.string }

    func refresh(_ token: String) async throws -> (status: Int, json: JSONValue) {
        var w = JSONWriter()
        w.object { w in
            w.member("grant_type", "refresh_token")
            w.member("scope", "openid email offline_access")
            w.member("client_id", "ownerapi")
            w.member("refresh_token", token)
        }
        let answer = try await http.post("/oauth2/v3/token", headers: [("Content-Type", "application/json")], body: w.bytes)
        return (answer.status, try JSONValue.parse(answer.body))
    }

    /// Waits until something holds; gives up after some seconds.
    func eventually(_ holds: () -> Bool) async -> Bool {
        for _ in 0..<5_000 {
            if holds() { return true }
            await withUnsafeContinuation { c in after(1_000_000) { c.resume() } }
        }
        return false
    }

    // MARK: The stream

    func stream(on loop: isolated EventLoop) async throws -> WireClient {
        let client = WireClient(port: cloud.port, on: loop)
        _ = try await client.upgrade("/streaming/")
        return client
    }

    func subscription(_ car: CloudCar, token: String? = nil, order: String = FrameText.order) -> String {
        var w = JSONWriter()
        w.object { w in
            w.member("msg_type", "data:subscribe_oauth")
            w.member("token", token ?? grant.access)
            w.member("value", order)
            w.member("tag", String(car.vehicleID))
        }
        return w.string
    }
}
