import Bytes
import Protocol
import Reactor
import Simulation
import TestSupport
import Testing

@testable import Workers

@Suite(.serialized, .timeLimit(.minutes(3))) struct CommandTests {
    private static func command(_ poller: VehiclePoller, _ car: Int64, _ name: String, on loop: isolated EventLoop) async -> String {
        do throws(Refusal) {
            let answer = try await poller.command(Array(#"{"car":\#(car),"command":"\#(name)"}"#.utf8), on: loop)
            return String(decoding: answer, as: UTF8.self)
        } catch {
            return "\(error.code.rawValue): \(error.message)"
        }
    }

    @Test func `suspend asks the car first and refuses in the spec's words; resume goes on`() async throws {
        try await PollerWorld.run { world, loop in
            world.options.onlineSeconds = 5
            world.options.drivingSeconds = 0.2
            try await world.login()
            let parked = world.car()
            let driving = world.car(PollerWorld.driving)
            let poller = try world.poller(on: loop)
            let (still, moving) = try await Self.numbers(world, parked, driving, on: loop)
            try await eventually("both states", on: loop) { world.view(still)?["state"] == "online" && world.view(moving)?["state"] == "driving" }
            #expect(await Self.command(poller, moving, "suspend", on: loop) == "failed: cannot suspend: vehicle is driving")
            let asked = world.cloud.counters.requests(.vehicleData, car: parked.id)
            #expect(await Self.command(poller, still, "suspend", on: loop) == "{}")
            #expect(world.cloud.counters.requests(.vehicleData, car: parked.id) == asked + 1)
            #expect(world.view(still)?["state"] == "suspended")
            #expect(try await world.text("SELECT view->>'state' FROM heliograph.car_memory WHERE car = \(still)") == "suspended")
            #expect(try await world.int("SELECT count(*) FROM heliograph.vehicle_journal WHERE car = \(still) AND kind = 6") == 1)
            // Once more is no harm, and asks nobody.
            #expect(await Self.command(poller, still, "suspend", on: loop) == "{}")
            #expect(world.cloud.counters.requests(.vehicleData, car: parked.id) == asked + 1)
            #expect(await Self.command(poller, still, "resume", on: loop) == "{}")
            #expect(world.view(still)?["state"] == "online")
        }
    }

    @Test func `without a whole answer nothing is suspended`() async throws {
        try await PollerWorld.run { world, loop in
            world.options.onlineSeconds = 5
            try await world.login()
            let car = world.car()
            let other = world.car()
            let poller = try world.poller(on: loop)
            let (number, _) = try await Self.numbers(world, car, other, on: loop)
            try await eventually("online", on: loop) { world.view(number)?["state"] == "online" }
            for fault in [CloudFault.status(502), .member(path: ["charge_state"], nil), .member(path: ["drive_state"], nil)] {
                world.cloud.faults.add(fault, car: car.id, endpoint: .vehicleData)
                #expect(await Self.command(poller, number, "suspend", on: loop) == "failed: cannot suspend: gateway_error", "\(fault)")
                #expect(world.view(number)?["state"] == "online")
            }
        }
    }

    @Test func `what is no command, or for another poller's car, is told so`() async throws {
        try await PollerWorld.run { world, loop in
            let poller = try world.poller(on: loop)
            for (payload, code) in [
                ("", "malformed"), ("[]", "malformed"), (#"{"car":"1","command":"resume"}"#, "malformed"), (#"{"car":1,"command":"wake"}"#, "malformed"),
                (#"{"car":1}"#, "malformed"), (#"{"car":1,"command":"resume"}"#, "no_worker"),
            ] {
                do throws(Refusal) {
                    _ = try await poller.command(Array(payload.utf8), on: loop)
                    Issue.record("\(payload) was obeyed")
                } catch {
                    #expect(error.code.rawValue == code, "\(payload): \(error)")
                }
            }
        }
    }

    private static func numbers(_ world: PollerWorld, _ a: CloudCar, _ b: CloudCar, on loop: isolated EventLoop) async throws -> (Int64, Int64) {
        try await eventually("both cars", on: loop) {
            guard let first = try await world.number(a), let second = try await world.number(b) else { return false }
            return world.view(first) != nil && world.view(second) != nil
        }
        let first = try #require(try await world.number(a))
        let second = try #require(try await world.number(b))
        return (first, second)
    }
}
