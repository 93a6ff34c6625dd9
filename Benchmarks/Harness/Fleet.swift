import Broker
import Postgres
import Protocol
import Reactor
import Workers
import ZeroMQ

/// A broker, a worker and the upkeep in this process, each on its own loop.
struct Fleet {
    let endpoint: BusEndpoint
    private let broker: OnLoop<BrokerServer>
    private let worker: OnLoop<Worker>
    private let upkeep: OnLoop<UpkeepWorker>

    private final class Worker {
        let runtime: WorkerRuntime
        let pool: PostgresPool
        init(_ runtime: WorkerRuntime, _ pool: PostgresPool) {
            self.runtime = runtime
            self.pool = pool
        }
    }

    static let tcp = BusEndpoint(work: "tcp://127.0.0.1:*", topics: "tcp://127.0.0.1:*")
    static let inproc = BusEndpoint(work: "inproc://work", topics: "inproc://topics")

    /// - Parameters:
    ///   - endpoint: loopback TCP goes without CURVE where `keys` is nil.
    ///   - context: shared by all for inproc; nil gives each its own, as processes have.
    ///   - register: gives the worker its handlers.
    static func start(
        _ postgres: PostgresConfig, endpoint: BusEndpoint = tcp, context: ZMQContext? = nil, keys: BusBench.Keys? = nil, slots: Int = 16, prefetch: Int = 16,
        register: @escaping @Sendable (WorkerRuntime, BusClient, PostgresPool, isolated EventLoop) -> Void
    ) async throws -> Fleet {
        var config = BrokerConfig(name: "bench", endpoints: [endpoint], postgres: postgres)
        if let keys {
            config.endpoints[0].serverKey = keys.server.publicKey
            config.security = BusSecurity(secretKey: keys.server.secretKey, clients: [keys.client.publicKey: .api, keys.worker.publicKey: .worker])
        } else {
            config.allowsPlainLoopback = true
        }
        let brokerLoop = EventLoop(name: "bench-broker")
        let (broker, bound) = try await brokerLoop.run { [config] loop in
            let server = try await BrokerServer.start(config, context: context ?? ZMQContext(), on: loop)
            return (OnLoop(server, on: loop), server.boundEndpoints[0])
        }
        let workerLoop = EventLoop(name: "bench-worker")
        let worker = try await workerLoop.run { loop in
            let client = try BusClient(
                context ?? ZMQContext(), endpoints: [bound], hello: Hello(role: .worker, name: "bench worker"), keys: keys?.worker, on: loop)
            let pool = PostgresPool(postgres, size: 4, name: "bench worker", on: loop)
            var options = WorkerOptions(name: "bench worker")
            options.slots = slots
            options.prefetch = prefetch
            options.requests = 2 * BusBench.inFlight
            let runtime = WorkerRuntime(client, options: options)
            register(runtime, client, pool, loop)
            runtime.start(on: loop)
            return OnLoop(Worker(runtime, pool), on: loop)
        }
        let upkeep = await EventLoop(name: "bench-upkeep").run { loop in
            let upkeep = UpkeepWorker(postgres, on: loop)
            upkeep.start(on: loop)
            return OnLoop(upkeep, on: loop)
        }
        return Fleet(endpoint: bound, broker: broker, worker: worker, upkeep: upkeep)
    }

    func stop() async {
        await upkeep.loop.run { loop in await self.upkeep.value(on: loop).stop(on: loop) }
        await worker.loop.run { loop in
            let worker = self.worker.value(on: loop)
            await worker.runtime.stop(on: loop)
            await worker.pool.close(on: loop)
        }
        await broker.loop.run { loop in await self.broker.value(on: loop).stop(on: loop) }
        upkeep.loop.stop()
        worker.loop.stop()
        broker.loop.stop()
    }
}
