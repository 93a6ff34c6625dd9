import Broker
import Postgres
import Protocol
import Reactor
import Workers
import ZeroMQ

/// A broker and a worker of this process, each on its own loop.
struct Fleet {
    let endpoint: BusEndpoint
    private let broker: OnLoop<BrokerServer>
    private let worker: OnLoop<WorkerRuntime>

    /// - Parameters:
    ///   - endpoint: loopback TCP goes without CURVE where `keys` is nil.
    ///   - register: gives the worker its handlers.
    static func start(
        _ postgres: PostgresConfig, endpoint: BusEndpoint, keys: BusBench.Keys? = nil, slots: Int = 16, prefetch: Int = 16,
        register: @escaping @Sendable (WorkerRuntime, isolated EventLoop) -> Void
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
            let server = try await BrokerServer.start(config, context: ZMQContext(), on: loop)
            return (OnLoop(server, on: loop), server.boundEndpoints[0])
        }
        let workerLoop = EventLoop(name: "bench-worker")
        let worker = try await workerLoop.run { loop in
            let client = try BusClient(
                ZMQContext(), endpoints: [bound], hello: Hello(role: .worker, name: "bench worker"), keys: keys?.worker, on: loop)
            var options = WorkerOptions(name: "bench worker")
            options.slots = slots
            options.prefetch = prefetch
            options.requests = 2 * BusBench.inFlight
            let runtime = WorkerRuntime(client, options: options)
            register(runtime, loop)
            runtime.start(on: loop)
            return OnLoop(runtime, on: loop)
        }
        return Fleet(endpoint: bound, broker: broker, worker: worker)
    }

    func stop() async {
        await worker.loop.run { loop in await self.worker.value(on: loop).stop(on: loop) }
        await broker.loop.run { loop in await self.broker.value(on: loop).stop(on: loop) }
        worker.loop.stop()
        broker.loop.stop()
    }
}
