import Bytes
import HTTP
import Postgres
import Protocol
import Reactor
import TestSupport

@testable import API

/// Live states and their sockets on the test's own loop: events are handed over, not published.
final class Lot {
    let states: LiveStates
    let sockets: VehicleSockets
    let server: HTTPServer
    let port: UInt16
    private var sequence: UInt64 = 0

    init(_ api: TestAPI, _ rates: VehiclePushRates, queue: Int? = nil, on loop: isolated EventLoop) async throws {
        let router = Router(fallback: VehicleDialect())
        var configuration = ServerConfiguration()
        if let queue { configuration.webSocketQueue = queue }
        server = HTTPServer(router, configuration, on: loop)
        states = LiveStates(api.pool, on: loop)
        sockets = VehicleSockets(states, server, TokenGuard(api.pool), scope: nil, rates, on: loop)
        router.group(VehicleDialect()).webSocket("/ws", sockets)
        port = try server.listen([ListenAddress(host: "127.0.0.1", port: 0)])[0]
        states.load()
        let states = self.states
        try await eventually("the states", on: loop) { states.isLoaded }
    }

    func event(_ car: Int64, _ payload: [UInt8], epoch: Int64 = 1, sequence given: UInt64? = nil) {
        if given == nil { sequence += 1 }
        states.take(Event(topic: Topic.vehicles(car), payload: payload, isState: true, epoch: epoch, sequence: given ?? sequence))
    }

    func drive(_ car: Int64, _ odometer: Double, _ state: VehicleStateName = .driving) { event(car, Garage.view(car, state, odometer: odometer)) }

    func close() async {
        states.close()
        await server.stop(withinMs: 0)
    }
}

func withLot(
    _ more: [String] = [], _ rates: VehiclePushRates = VehiclePushRates(), queue: Int? = nil,
    _ body: @Sendable (Lot, TestAPI, isolated EventLoop) async throws -> Void
) async throws {
    try await withGarage(more) { api, loop in
        let lot = try await Lot(api, rates, queue: queue, on: loop)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(lot, api, loop))
        } catch {
            result = .failure(error)
        }
        await lot.close()
        try result.get()
    }
}

extension TestSocket {
    /// The next message as JSON.
    func message() async throws -> JSONValue {
        guard let text = try await next() else { throw Overdue(what: "a message") }
        return try JSONValue.parse(Array(text.utf8))
    }
}
