import Bytes
import HTTP
import Postgres
import Protocol
import Reactor
import Secrets

/// The vehicle API of one loop: live states, `/ws`, routes.
final class VehicleNode {
    /// Where its dialect is spoken.
    static let prefixes = ["/api/cars", "/api/drives", "/api/charges", "/api/parkings", "/api/geofences", "/api/auth", "/health", "/ws"]
    /// How often is looked whether a broker has come or gone, ns.
    private static let lookNs: Int64 = 500_000_000
    /// From the first notice of changed cars until they are read; the others within are the same news, ns.
    private static let noticeNs: Int64 = 100_000_000

    private let states: LiveStates
    private let sockets: VehicleSockets
    private let tokens: TokenGuard
    private let pool: PostgresPool
    private let bus: BusPort
    private let port: LoopPort
    /// What a token needs to see and to command; nil where nobody needs one.
    private let scope: Scope?
    private var listener: PostgresListener?
    private var epochs: [Int64?] = []
    private var isNoticed = false

    init(_ config: APIConfig, _ pool: PostgresPool, _ bus: BusPort, _ server: HTTPServer, on loop: isolated EventLoop) {
        self.pool = pool
        self.bus = bus
        port = LoopPort(on: loop)
        scope = config.isProduction ? .ingest : nil
        tokens = TokenGuard(pool)
        states = LiveStates(pool, on: loop)
        sockets = VehicleSockets(states, server, tokens, scope: scope, config.vehiclePushes, on: loop)
        listener = PostgresListener(
            config.postgres, channels: [VehicleNames.channel], on: loop, onReconnect: { [weak self] in self?.states.load() },
            onNotify: { [weak self] _, table in if table == "car" { self?.notice() } })
        port.every(Self.lookNs) { [weak self] in
            guard let self, self.listener != nil else { return false }
            self.look()
            return true
        }
    }

    /// What was published while no broker could be reached is in the database only.
    private func look() {
        let now = bus.epochs()
        if now != epochs { states.load() }
        epochs = now
    }

    private func notice() {
        guard !isNoticed else { return }
        isNoticed = true
        port.after(Self.noticeNs) { [weak self] in
            self?.isNoticed = false
            self?.states.load()
        }
    }

    /// WebSockets of this loop.
    var clients: Int { sockets.count }

    func take(_ event: Event) { states.take(event) }

    /// - Parameter clients: counts the WebSockets of the whole process.
    func add(_ group: RouteGroup, _ seal: Seal, clients: @escaping () async -> Int) {
        let admins = GuardedRoutes(group: group, tokens: tokens, scope: .admin)
        let everybody = GuardedRoutes(group: group, tokens: tokens, scope: scope)
        VehicleRoutes(pool, bus, states).add(to: everybody)
        GeofenceRoutes(pool).add(reading: everybody, writing: scope == nil ? everybody : admins)
        VehicleAccountRoutes(pool, seal).add(to: admins)
        group.webSocket("/ws", sockets)
        group.onAsync(.get, "/health") { [pool] request in
            let count = await clients()
            let isUp = pool.isConnected
            return .json(capacity: 128) { w in
                w.object { w in
                    w.member("status", "healthy")
                    w.member("ws_clients", count)
                    w.member("database", isUp ? "connected" : "disconnected")
                    w.member("timestamp", request.receivedAt, .utc)
                }
            }
        }
    }

    func close() {
        listener?.close()
        listener = nil
        states.close()
    }
}
