import Broker
import Bytes
import CLinux
import Postgres
import Protocol
import Reactor
import TestSupport
import Workers
import ZeroMQ

/// A broker over inproc with a database of its own, for tests in one process. Its loop is separate, as in a real fleet.
struct LocalFleet: Sendable {
    var context = ZMQContext()
    let endpoint: BusEndpoint
    let postgres: PostgresConfig
    let loop: EventLoop

    static func database() async throws -> PostgresConfig {
        let loop = EventLoop(name: "database")
        defer { loop.stop() }
        return try await loop.run { loop in
            let config = try await ScratchServer.database(migrations: projectRoot + "/Migrations", on: loop)
            return config
        }
    }

    static func with(_ body: @Sendable (LocalFleet, EventLoop) async throws -> Void) async throws {
        let postgres = try await database()
        let fleet = LocalFleet(endpoint: BusEndpoint(work: "inproc://work", topics: "inproc://topics"), postgres: postgres, loop: EventLoop(name: "test"))
        let broker = try await fleet.startBroker()
        do {
            try await body(fleet, fleet.loop)
        } catch {
            await LocalFleet.stop(broker)
            throw error
        }
        await LocalFleet.stop(broker)
        fleet.loop.stop()
    }

    func startBroker(name: String = "test", limits: BrokerLimits = BrokerLimits()) async throws -> LoopBound<BrokerServer> {
        let loop = EventLoop(name: "broker")
        var config = BrokerConfig(name: name, endpoints: [endpoint], postgres: postgres)
        config.limits = limits
        let given = config
        let context = context
        return try await loop.run { loop in
            LoopBound(try await BrokerServer.start(given, context: context, on: loop), on: loop)
        }
    }

    static func stop(_ broker: LoopBound<BrokerServer>) async {
        await broker.loop.run { loop in await broker.value(on: loop).stop(on: loop) }
        broker.loop.stop()
    }

    func client(_ name: String, on loop: isolated EventLoop) throws -> BusClient {
        try BusClient(context, endpoints: [endpoint], hello: Hello(role: .worker, name: name), on: loop)
    }
}
