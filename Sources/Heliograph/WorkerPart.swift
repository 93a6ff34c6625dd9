import Fetch
import Postgres
import Protocol
import Reactor
import Workers
import ZeroMQ

/// Workers on one loop: the named ones share a bus client and a pool.
final class WorkerPart {
    static let names = ["telemetry", "battery", "prediction", "upkeep", "mail", "geocode", "vehicles", "probe"]

    let runtime: WorkerRuntime
    private let pool: PostgresPool
    private var closers: [() -> Void] = []
    private var upkeep: UpkeepWorker?
    private var sender: (any MailSender)?
    private var poller: VehiclePoller?

    private init(_ runtime: WorkerRuntime, _ pool: PostgresPool) {
        self.runtime = runtime
        self.pool = pool
    }

    static func start(
        _ names: [String], bus: Bus, postgres: PostgresConfig, settings: PredictionSettings, upkeep: UpkeepOptions = UpkeepOptions(), mail: MailSetup,
        geocoding: GeocodingSettings = GeocodingSettings(), vehicles: VehicleOptions = VehicleOptions(), slots: Int? = nil, on loop: EventLoop
    ) async throws -> LoopBound<WorkerPart> {
        try await loop.run { loop in
            let title = names.joined(separator: "+")
            let client = try BusClient(
                bus.context, endpoints: bus.endpoints, hello: Hello(role: .worker, name: "worker \(title)"), keys: bus.keys, on: loop)
            let pool = PostgresPool(postgres, size: 4, name: "worker \(title)", on: loop)
            var options = WorkerOptions(name: "worker \(title)")
            // Each running job of these kinds holds a connection: more slots than connections would only wait.
            options.slots = slots ?? 2
            options.prefetch = 2
            let runtime = WorkerRuntime(client, options: options)
            let part = WorkerPart(runtime, pool)
            for name in names {
                switch name {
                case "telemetry":
                    let telemetry = ChargingTelemetry(pool, client: client)
                    telemetry.register(runtime, on: loop)
                    part.closers.append { telemetry.close() }
                case "battery": BatteryTelemetry(pool, client: client).register(runtime, on: loop)
                case "prediction":
                    let predictor = ChargingPredictor(pool, client: client, settings: settings)
                    predictor.register(runtime, on: loop)
                    part.closers.append { predictor.close() }
                case "upkeep":
                    // It takes no work from the bus, and its slow tasks no connection of the handlers.
                    let worker = UpkeepWorker(
                        postgres, options: upkeep, publish: { client.publish($0, $1, isState: false, on: loop) }, on: loop)
                    worker.start(on: loop)
                    part.upkeep = worker
                case "mail":
                    let sender = await mail.sender()
                    MailWorker(pool, sender: sender, from: mail.from, seal: mail.seal, offset: mail.offset).register(runtime, on: loop)
                    part.sender = sender
                case "geocode":
                    let fetcher = try Fetcher(on: loop)
                    GeocodeWorker(pool, geocoding, get: GeocodeWorker.get(fetcher, on: loop)).register(runtime, on: loop)
                    part.closers.append { fetcher.close() }
                case "vehicles":
                    // It has connections of its own, as its leases cannot wait for anybody.
                    let poller = try VehiclePoller(
                        postgres, vehicles, seal: mail.seal, publish: { client.publish($0, $1, isState: true, on: loop) }, on: loop)
                    poller.register(runtime, on: loop)
                    poller.start(on: loop)
                    part.poller = poller
                case "probe": ProbeWorker.register(runtime, pool: pool, on: loop)
                default: throw UsageError("no worker is called '\(name)'; there are \(Self.names.joined(separator: ", "))")
                }
            }
            runtime.start(on: loop)
            return LoopBound(part, on: loop)
        }
    }

    func stop(on loop: isolated EventLoop) async {
        await poller?.stop(on: loop)
        for close in closers { close() }
        await upkeep?.stop(on: loop)
        await runtime.stop(on: loop)
        await sender?.stop()
        await pool.close(on: loop)
    }
}

extension LoopBound<WorkerPart> {
    func stop() async {
        await loop.run { loop in await self.value(on: loop).stop(on: loop) }
        loop.stop()
    }
}
