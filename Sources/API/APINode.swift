import Bytes
import HTTP
import Postgres
import Protocol
import Reactor
import Secrets
import ZeroMQ

/// The API on one loop: its own listeners, connections to PostgreSQL, bus client and hub. Nothing is shared with other loops.
final class APINode {
    let server: HTTPServer
    let pool: PostgresPool
    let bus: BusClient
    let hub: WebSocketHub
    let topics: TopicBridge
    /// All nodes of the process, this one too; set once they are there.
    var siblings: [LoopBound<APINode>] = []
    private let port: BusPort
    private let audience: AlertAudience
    private let devices: DeviceGuard
    private let vehicles: VehicleNode

    init(_ config: APIConfig, _ context: ZMQContext, _ share: NodeShare, number: Int, on loop: isolated EventLoop) throws {
        pool = PostgresPool(config.postgres, size: config.postgresConnections, name: "api \(number)", on: loop)
        bus = try BusClient(
            context, endpoints: config.endpoints, hello: Hello(role: .api, name: "\(config.name)-\(number)"), keys: config.busKeys, on: loop)
        port = BusPort(bus, on: loop)
        let charging = ChargingDialect(offset: config.chargingOffset)
        let router = Router(fallback: charging)
        server = HTTPServer(router, config.server, on: loop)
        hub = WebSocketHub(server, defaultTopics: [TopicPattern("charging.*")].compactMap { $0 })
        audience = AlertAudience(hub, pool, on: loop)
        topics = TopicBridge(hub, audience)
        devices = DeviceGuard(pool, config.postgres, share.rates, on: loop)
        vehicles = VehicleNode(config, pool, port, server, on: loop)
        for prefix in ["/api/v1", "/api/ingest", "/api/ws", "/console", "/metrics"] { router.dialect(prefix, PlainDialect()) }
        for prefix in ["/api/v1/auth", "/api/v1/users", "/api/v1/devices", "/api/v1/battery", "/api/v1/alerts", "/api/v1/compat"] {
            router.dialect(prefix, EnvelopeDialect())
        }
        for prefix in VehicleNode.prefixes { router.dialect(prefix, VehicleDialect()) }
        router.translate = Self.translate
        let accounts = AccountGuard(pool)
        try addRoutes(router, config, charging, share.hasher, accounts, on: loop)
        addAccounts(router, config, share, accounts, on: loop)
        vehicles.add(router.group(VehicleDialect()), share.seal) { [unowned self] in await vehicleClients() }
        for stream in TopicBridge.streams {
            try bus.subscribe(stream, on: loop) { [topics, vehicles] event in
                topics.take(event)
                if stream == .vehicles { vehicles.take(event) }
            }
        }
    }

    private func addRoutes(
        _ router: Router, _ config: APIConfig, _ charging: ChargingDialect, _ hasher: PasswordHasher, _ accounts: AccountGuard, on loop: isolated EventLoop
    ) throws {
        let tokens = TokenGuard(pool)
        let open = router.group(charging)
        let plain = router.group(PlainDialect())
        func guarded(_ group: RouteGroup, _ scope: Scope?) -> GuardedRoutes { GuardedRoutes(group: group, tokens: tokens, scope: scope) }

        let dataScope: Scope? = config.isProduction ? .ingest : nil
        ChargingRoutes(pool, offset: config.chargingOffset).add(open: open, data: guarded(open, dataScope))
        IntakeRoutes(port, timeoutMs: config.ingestTimeoutMs, offset: config.chargingOffset).add(to: guarded(plain, .ingest))
        LoginRoute(AccountStore(pool, hasher)).add(to: plain)
        let operators = guarded(plain, .admin)
        JobRoutes(pool).add(to: operators)
        QueueRoutes(pool).add(to: operators)
        ScheduleRoutes(pool).add(to: operators)
        ReplayRoutes(pool).add(to: operators)
        FleetRoutes(pool, port).add(to: operators)
        guarded(plain, config.isProduction ? .admin : nil).on(.get, "/metrics") { [unowned self] _ in await metrics() }
        let sockets = GuardedSockets(hub, tokens, accounts, audience, isOpen: !config.isProduction, on: loop)
        plain.webSocket("/api/ws", sockets)
        if let console = config.console { try ConsoleFiles(directory: console).add(to: plain) }
    }

    /// What people and their devices use: accounts, devices, battery data, alerts.
    private func addAccounts(_ router: Router, _ config: APIConfig, _ share: NodeShare, _ accounts: AccountGuard, on loop: isolated EventLoop) {
        let group = router.group(EnvelopeDialect())
        let people = AccountRoutes(group: group, accounts: accounts)
        let services = AccountServices(config.accounts, pool, accounts, share.seal, share.hasher, share.recaptcha, on: loop)
        SecurityRoutes(services).add(to: group)
        UserRoutes(services).add(open: group, own: people)
        UserAdminRoutes(services).add(to: AccountRoutes(group: group, accounts: accounts, needsAdmin: true))
        DeviceRoutes(pool).add(to: people)
        BatteryRoutes(pool).add(to: people)
        AlertRoutes(pool).add(to: people)
        ReportRoutes(devices, port, pool, timeoutMs: config.ingestTimeoutMs, on: loop).add(to: group)
    }

    /// Stops in order: clients first, then what their requests waited for.
    func stop(withinMs: Int64, on loop: isolated EventLoop) async {
        await server.stop(withinMs: withinMs)
        bus.close(on: loop)
        await devices.close()
        vehicles.close()
        await pool.close(on: loop)
        siblings = []
    }

    /// WebSockets of the vehicle API on all loops.
    private func vehicleClients() async -> Int {
        var count = 0
        for sibling in siblings { count += await sibling.loop.run { loop in sibling.value(on: loop).vehicles.clients } }
        return count
    }

    // MARK: Metrics

    var sample: NodeSample {
        let gauges = port.gauges()
        return NodeSample(
            http: server.counters, pool: pool.gauges, busPending: gauges.pending, busIsUp: gauges.isUp, busGaps: gauges.gaps, topics: topics.count)
    }

    private func metrics() async -> Reply {
        var all: NodeSample?
        for sibling in siblings {
            let one = await sibling.loop.run { loop in sibling.value(on: loop).sample }
            all = all.map { $0 + one } ?? one
        }
        let text = MetricsText(all ?? sample, loops: siblings.count)
        return Reply(contentType: MetricsText.contentType, .bytes(text.bytes))
    }

    // MARK: Errors

    /// What handlers throw besides `APIError`. The database's own words go to the log only.
    private static func translate(_ error: any Error) -> APIError? {
        if let refusal = error as? OperationError { return APIError(refusal) }
        guard let error = error as? PostgresError else {
            Log.error("a handler failed", ["error": "\(error)"])
            return nil
        }
        switch error.kind {
        case .connectionLost, .commitUnknown, .unavailable, .queueFull, .closed: return .databaseUnavailable
        case .cancelled: return .unavailable("cancelled", retryAfterSeconds: 1)
        default:
            Log.error("a query failed", ["error": error.description])
            return .internalError
        }
    }
}
