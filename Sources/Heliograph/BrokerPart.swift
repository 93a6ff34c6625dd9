import Broker
import Reactor
import ZeroMQ

/// A broker on its own loop.
enum BrokerPart {
    static func start(_ config: BrokerConfig, context: ZMQContext) async throws -> LoopBound<BrokerServer> {
        let loop = EventLoop(name: "broker")
        return try await loop.run { loop in
            let server = try await BrokerServer.start(config, context: context, on: loop) { failure in
                Log.error("broker cannot go on", ["reason": failure.description])
                StopSignal.raise()
            }
            return LoopBound(server, on: loop)
        }
    }
}

extension LoopBound<BrokerServer> {
    func stop() async {
        await loop.run { loop in await self.value(on: loop).stop(on: loop) }
        loop.stop()
    }
}
