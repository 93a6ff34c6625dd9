package import Broker
import Bytes
package import Protocol
package import Reactor
package import Workers
package import ZeroMQ

/// A broker and one worker beside an API under test.
package struct TestFleet {
    package let broker: LoopBound<BrokerServer>
    package let client: BusClient
    package let worker: WorkerRuntime

    /// Starts a broker at the API's endpoint and a worker for what `register` names.
    package static func start(_ api: TestAPI, on loop: isolated EventLoop, _ register: (WorkerRuntime, BusClient) -> Void) async throws -> TestFleet {
        let brokerLoop = EventLoop(name: "broker")
        let config = BrokerConfig(name: "test", endpoints: [api.endpoint], postgres: api.postgres)
        let context = api.context
        let broker = try await brokerLoop.run { loop in LoopBound(try await BrokerServer.start(config, context: context, on: loop), on: loop) }
        let client = try BusClient(context, endpoints: [api.endpoint], hello: Hello(role: .worker, name: "worker"), on: loop)
        let worker = WorkerRuntime(client, options: WorkerOptions(name: "worker"))
        register(worker, client)
        worker.start(on: loop)
        return TestFleet(broker: broker, client: client, worker: worker)
    }

    package func stop(on loop: isolated EventLoop) async {
        await worker.stop(on: loop)
        let broker = broker
        await broker.loop.run { loop in await broker.value(on: loop).stop(on: loop) }
        broker.loop.stop()
    }
}

/// What a worker got, and what it is to answer.
package final class Stream {
    package var payloads: [[UInt8]] = []
    package var answer: Result<[UInt8], Refusal> = .success(Array(#"{"inserted":2}"#.utf8))

    package init() {}

    package func take(_ batch: [[UInt8]]) -> [Result<[UInt8], Refusal>] {
        payloads += batch
        return batch.map { _ in answer }
    }
}
