import Bytes
import HTTP
import Protocol
import Reactor
import Synchronization
import TestSupport
import Testing
import Workers
import ZeroMQ

/// With a broker, and a worker in the place of a poller.
@Suite struct FleetTests {
    /// What the poller was asked, and what it is to say.
    private final class Poller: Sendable {
        private let content = Mutex<(asked: [String], answer: Result<[UInt8], Refusal>)>(([], .success(Array("{}".utf8))))

        var asked: [String] { content.withLock { $0.asked } }

        func refuse(_ refusal: Refusal) { content.withLock { $0.answer = .failure(refusal) } }

        func take(_ payload: [UInt8]) throws -> [UInt8] {
            try content.withLock { content in
                content.asked.append(String(decoding: payload, as: UTF8.self))
                return content.answer
            }.get()
        }
    }

    private static func fleet(_ api: TestAPI, _ poller: Poller, on loop: isolated EventLoop) async throws -> TestFleet {
        let fleet = try await TestFleet.start(api, on: loop) { worker, _ in
            worker.onRequest(VehicleNames.command("p1")) { _, payload in try poller.take(payload) }
        }
        try await eventually("the broker", on: loop) { fleet.client.isUp }
        return fleet
    }

    @Test func `suspend and resume are asked of the car's poller and answer as the spec writes them`() async throws {
        try await withGarage([Garage.memory]) { api, loop in
            let poller = Poller()
            let fleet = try await Self.fleet(api, poller, on: loop)
            let suspended = try SpecExamples.value(SpecExamples.suspended)
            try await eventually("the poller", on: loop) { try await api.said("POST", "/api/cars/1/suspend", on: loop).json == suspended }
            let resumed = try await api.said("POST", "/api/cars/1/resume", on: loop)
            let expected = try SpecExamples.value(SpecExamples.resumed)
            #expect(resumed.status == 200 && resumed.json == expected)
            #expect(poller.asked.suffix(2) == [#"{"car":1,"command":"suspend"}"#, #"{"car":1,"command":"resume"}"#])
            let refusal = try SpecExamples.value(SpecExamples.cannotSuspend)
            for state in ["driving", "charging", "updating"] {
                poller.refuse(Refusal(.failed, "cannot suspend: vehicle is \(state)"))
                let refused = try await api.said("POST", "/api/cars/1/suspend", on: loop)
                #expect(refused.status == 400 && refused.json == ["error": .string("cannot suspend: vehicle is \(state)")])
                if state == "driving" { #expect(refused.json == refusal) }
            }
            poller.refuse(Refusal(.busy, "later"))
            #expect(try await api.said("POST", "/api/cars/1/resume", on: loop).status == 503)
            await fleet.stop(on: loop)
        }
    }

    @Test func `a car that no poller has cannot be commanded`() async throws {
        try await withGarage { api, loop in
            let nobody = try await api.said("POST", "/api/cars/1/suspend", on: loop)
            #expect(nobody.status == 503 && nobody.answer["retry-after"] == "1" && nobody.json.object?.count == 1)
            try await api.sql("INSERT INTO heliograph.car_memory (car, poller) VALUES (1, 'gone')", on: loop)
            let fleet = try await Self.fleet(api, Poller(), on: loop)
            let gone = try await api.said("POST", "/api/cars/1/resume", on: loop)
            #expect(gone.status == 503)
            await fleet.stop(on: loop)
        }
    }

    @Test func `what a poller publishes reaches the state, both kinds of socket, and those who come later`() async throws {
        // What is published here is in no database: where there is a view, that would win once the broker is there.
        try await withGarage { api, loop in
            let fleet = try await Self.fleet(api, Poller(), on: loop)
            let publish = { (state: VehicleStateName, odometer: Double) in
                fleet.client.publish(Topic.vehicles(1), Garage.view(1, state, odometer: odometer), isState: true, on: loop)
            }
            publish(.driving, 10)
            try await eventually("both loops have it", on: loop) {
                for _ in 0..<6 where try await api.said("GET", "/api/cars/1/state", on: loop).data["odometer_km"] != 10 { return false }
                return true
            }
            let socket = try await TestSocket(port: api.port, "/ws", on: loop)
            #expect(try await socket.message()["data"]?["states"]?["1"]?["odometer_km"] == 10)
            let other = try await TestSocket(port: api.port, "/api/ws?topics=vehicles.1", on: loop)
            let last = try await other.message()
            #expect(last["topic"] == "vehicles.1" && last["state"] == "driving")
            publish(.asleep, 11)
            let pushed = try await socket.message()
            #expect(pushed["type"] == "state_update" && pushed["data"]?["state"] == "asleep" && pushed["data"]?["odometer_km"] == 11)
            var message = try await other.message()
            while message["state"] == "driving" { message = try await other.message() }
            #expect(message["state"] == "asleep" && message["topic"] == "vehicles.1")
            for one in [socket, other] { one.wire.end() }
            await fleet.stop(on: loop)
        }
    }

    @Test func `cars that come are known without an event, and what was written while nobody could publish too`() async throws {
        try await withGarage { api, loop in
            let socket = try await TestSocket(port: api.port, "/ws", on: loop)
            #expect(try await socket.message()["data"]?["states"] == [:])
            try await api.sql(
                """
                BEGIN; INSERT INTO heliograph.car (tesla_id, tesla_vehicle_id) VALUES (2, 2);
                INSERT INTO heliograph.car_memory (car, view) SELECT 2, ('\(SpecExamples.state)'::jsonb -> 'data') || '{"car_id":2}'; COMMIT
                """, on: loop)
            #expect(try await socket.message()["data"]?["car_id"] == 2)
            let view = String(decoding: Garage.view(2, .asleep, odometer: 7), as: UTF8.self)
            try await api.sql("UPDATE heliograph.car_memory SET view = '\(view)' WHERE car = 2", on: loop)
            // A broker comes: what happened before it did is read.
            let fleet = try await Self.fleet(api, Poller(), on: loop)
            #expect(try await socket.message()["data"]?["state"] == "asleep")
            socket.wire.end()
            await fleet.stop(on: loop)
        }
    }
}
