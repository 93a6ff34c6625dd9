import Bytes
public import Edge
import HTTP
public import Reactor

/// The makers' vehicle service, simulated: token service, REST API and stream on one port, with cars that live timelines.
///
/// Lives on one loop. Texts, shapes and units are those of the real service (reference: wire shapes); what happens follows from the cars' timelines,
/// from what is asked, and from the faults that are ordered.
public final class VehicleCloud {
    public let clock: CloudClock
    /// In the order they were added.
    public private(set) var cars: [CloudCar] = []
    public var tokens: CloudTokens
    public var faults = FaultPlan<CloudFault>()
    public var streamFaults = FaultPlan<StreamFault>()
    public internal(set) var counters = CloudCounters()
    /// Between two frames of a car that drives, cloud seconds.
    public var frameSeconds = 0.25
    public private(set) var port: UInt16 = 0

    private let server: HTTPServer
    private var byID: [Int64: CloudCar] = [:]
    private var byVehicleID: [Int64: CloudCar] = [:]
    private var accounts = 0
    private var stream: CloudStream?

    /// Bytes queued for a socket while a clock that stands is moved far.
    private static let socketBytes = 64 << 20

    public init(_ clock: CloudClock, seed: UInt64 = 1, on loop: isolated EventLoop) {
        self.clock = clock
        tokens = CloudTokens(seed: seed)
        let router = Router(fallback: CloudDialect())
        var configuration = ServerConfiguration()
        configuration.cors.origins = []
        configuration.webSocketQueue = Self.socketBytes
        server = HTTPServer(router, configuration, on: loop)
        let stream = CloudStream(self)
        self.stream = stream
        let group = router.group(CloudDialect())
        group.onAsync(.post, "/oauth2/v3/token") { [unowned self] (request: Request) async throws -> Reply in await token(request) }
        group.onAsync(.get, "/api/1/products") { [unowned self] (request: Request) async throws -> Reply in
            try await answer(request, .products, idParam: nil)
        }
        group.onAsync(.get, "/api/1/vehicles") { [unowned self] (request: Request) async throws -> Reply in
            try await answer(request, .vehicles, idParam: nil)
        }
        group.onAsync(.get, "/api/1/vehicles/:id") { [unowned self] (request: Request) async throws -> Reply in
            try await answer(request, .vehicle, idParam: "id")
        }
        group.onAsync(.get, "/api/1/vehicles/:id/vehicle_data") { [unowned self] (request: Request) async throws -> Reply in
            try await answer(request, .vehicleData, idParam: "id")
        }
        group.onAsync(.post, "/api/1/vehicles/:id/wake_up") { [unowned self] (request: Request) async throws -> Reply in
            try await answer(request, .wakeUp, idParam: "id")
        }
        group.webSocket("/streaming/", stream)
    }

    // MARK: Life

    /// Serves on an address; returns the port.
    @discardableResult
    public func listen(_ address: ListenAddress = ListenAddress(host: "127.0.0.1", port: 0)) throws(ListenError) -> UInt16 {
        port = try server.listen([address])[0]
        return port
    }

    public func stop() async {
        clock.stop()
        await server.stop(withinMs: 0)
    }

    // MARK: Accounts and cars

    /// Signs an account in: its number and its first tokens.
    public func addAccount() -> (account: Int, grant: CloudTokens.Grant) {
        accounts += 1
        return (accounts, tokens.issue(accounts, at: clock.now))
    }

    /// Adds a car to an account. Ids follow from its place in the list unless they are given.
    @discardableResult
    public func add(
        _ timeline: Timeline, to account: Int, name: String? = nil, id: Int64? = nil, vehicleID: Int64? = nil, vin: String? = nil
    ) -> CloudCar {
        let n = cars.count + 1
        let digits = String(n)
        let car = CloudCar(
            timeline, id: id ?? 1_492_931_000_000_000 + Int64(n), vehicleID: vehicleID ?? 1_126_341_070_917_907 + Int64(n),
            vin: vin ?? "LRW3E7EK1NC" + String(repeating: "0", count: max(0, 6 - digits.utf8.count)) + digits, name: name ?? "car\(n)")
        car.account = account
        precondition(byID[car.id] == nil && byVehicleID[car.vehicleID] == nil, "two cars with one id")
        cars.append(car)
        byID[car.id] = car
        byVehicleID[car.vehicleID] = car
        return car
    }

    /// Gives a car another id, as the service does now and then: the old one is answered 404.
    public func renumber(_ car: CloudCar, id: Int64) {
        precondition(byID[id] == nil, "two cars with one id")
        byID[car.id] = nil
        car.id = id
        byID[id] = car
    }

    /// Takes a car out of its account's list.
    public func remove(_ car: CloudCar) {
        cars.removeAll { $0 === car }
        byID[car.id] = nil
        byVehicleID[car.vehicleID] = nil
    }

    public func car(_ id: Int64) -> CloudCar? { byID[id] }
    func car(vehicleID: Int64) -> CloudCar? { byVehicleID[vehicleID] }

    /// Subscriptions to the stream that are open.
    public var subscriptions: Int { stream?.count ?? 0 }

    /// What really happened to a car until now.
    public func truth(for car: CloudCar) -> VehicleTruth { car.timeline.truth(until: clock.now) }

    /// Sets all counters to zero; `keeps` entries are kept from now on.
    public func resetCounters(keeps: Int = 0) {
        counters.reset()
        counters.keeps = keeps
    }

    /// Ends an account's access tokens, or its sign-in altogether.
    public func revoke(_ account: Int, refreshToo: Bool = false) { tokens.revoke(account, refreshToo: refreshToo) }
}
