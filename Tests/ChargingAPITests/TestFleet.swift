import Broker
import Bytes
import Protocol
import Reactor
import Workers
import ZeroMQ

/// A broker and one worker beside an API under test.
struct TestFleet {
    let broker: LoopBound<BrokerServer>
    let client: BusClient
    let worker: WorkerRuntime

    /// Starts a broker at the API's endpoint and a worker for what `register` names.
    static func start(_ api: TestAPI, on loop: isolated EventLoop, _ register: (WorkerRuntime, BusClient) -> Void) async throws -> TestFleet {
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

    func stop(on loop: isolated EventLoop) async {
        await worker.stop(on: loop)
        let broker = broker
        await broker.loop.run { loop in await broker.value(on: loop).stop(on: loop) }
        broker.loop.stop()
    }
}

/// What a worker got, and what it is to answer.
final class Stream {
    var payloads: [[UInt8]] = []
    var answer: Result<[UInt8], Refusal> = .success(Array(#"{"inserted":2}"#.utf8))

    func take(_ batch: [[UInt8]]) -> [Result<[UInt8], Refusal>] {
        payloads += batch
        return batch.map { _ in answer }
    }
}
