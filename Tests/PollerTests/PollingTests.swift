import Bytes
import Postgres
import Reactor
import Simulation
import TestSupport
import Testing

@testable import Workers

@Suite(.serialized, .timeLimit(.minutes(3))) struct PollingTests {
    private static func quick(_ options: inout VehicleOptions) {
        options.onlineSeconds = 0.2
        options.drivingSeconds = 0.2
        options.backoffInitialSeconds = 0.05
        options.backoffMaxSeconds = 0.2
    }

    @Test func `from the list to rows, journal and published state`() async throws {
        try await PollerWorld.run { world, loop in
            Self.quick(&world.options)
            try await world.login()
            let parked = world.car()
            let driving = world.car(PollerWorld.driving)
            try await world.run("INSERT INTO heliograph.geofence (name, latitude, longitude, radius_m) VALUES ('home', 30.2741, 120.1551, 400)")
            _ = try world.poller(on: loop)
            try await eventually("positions of a drive", on: loop) {
                try await world.int("SELECT count(*) FROM heliograph.position WHERE drive IS NOT NULL") > 5
            }
            let (still, moving) = (try #require(try await world.number(parked)), try #require(try await world.number(driving)))
            try await eventually("both states", on: loop) { world.view(still)?["state"] == "online" && world.view(moving)?["state"] == "driving" }
            #expect(world.view(still)?["geofence"] == "home")
            #expect(world.view(still)?["healthy"] == true)
            #expect(world.view(still)?["latitude"]?.double.map { abs($0 - 30.2741) < 0.001 } == true)
            let row = try await world.run("SELECT vin, tesla_id, account IS NOT NULL, is_gone FROM heliograph.car WHERE number = \(still)")
            #expect(try row.string(0, 0) == parked.vin)
            #expect(try row.int64(0, 1) == parked.id)
            #expect(try await world.int("SELECT count(*) FROM heliograph.vehicle_journal WHERE car = \(moving) AND kind = 1") > 5)
            #expect(try await world.int("SELECT count(*) FROM heliograph.drive WHERE car = \(moving) AND ended_at IS NULL") == 1)
            #expect(try await world.int("SELECT count(*) FROM heliograph.parking WHERE car = \(still) AND ended_at IS NULL") == 1)
            let stored = try await world.text("SELECT view->>'state' FROM heliograph.car_memory WHERE car = \(moving)")
            #expect(stored == "driving")
            #expect(try await world.int("SELECT requests FROM heliograph.car_memory WHERE car = \(moving)") > 5)
            // A fence that goes is gone from the state as well.
            try await world.run("DELETE FROM heliograph.geofence")
            try await eventually("no fence", on: loop) { world.view(still)?["geofence"]?.isNull == true }
        }
    }

    @Test func `while Retry-After runs nothing is asked, by the next poller neither`() async throws {
        try await PollerWorld.run { world, loop in
            Self.quick(&world.options)
            try await world.login()
            let car = world.car()
            let other = world.car()
            let first = try world.poller(on: loop)
            try await eventually("polls", on: loop) { world.cloud.counters.requests(.vehicleData, car: car.id) > 2 }
            world.cloud.faults.add(.limited(retryAfter: 60_497), car: car.id)
            try await eventually("the refusal", on: loop) { world.cloud.counters.answers(status: 429) == 1 }
            let number = try #require(try await world.number(car))
            try await eventually("it is stored", on: loop) {
                try await world.int("SELECT count(*) FROM heliograph.car_memory WHERE car = \(number) AND not_before > 0") == 1
            }
            let notBefore = try await world.int("SELECT not_before FROM heliograph.car_memory WHERE car = \(number)")
            let seconds = Timestamp(microseconds: Int64(notBefore) * 1_000).seconds(since: world.cloud.clock.now)
            #expect((60_400...60_498).contains(seconds))
            try await eventually("it shows", on: loop) { world.view(number)?["healthy"] == false }
            func asked() -> Int { world.cloud.counters.requests(.vehicleData, car: car.id) + world.cloud.counters.requests(.vehicle, car: car.id) }
            let before = asked()
            let others = world.cloud.counters.requests(.vehicleData, car: other.id)
            try await eventually("the other car goes on", on: loop) { world.cloud.counters.requests(.vehicleData, car: other.id) > others + 5 }
            #expect(asked() == before)
            await world.stop(first, on: loop)
            // Even one that remembers nothing else heeds what is stored.
            try await world.run("UPDATE heliograph.car_memory SET memory = NULL WHERE car = \(number)")
            let second = try world.poller(on: loop)
            let again = world.cloud.counters.requests(.vehicleData, car: other.id)
            try await eventually("the other car goes on", on: loop) { world.cloud.counters.requests(.vehicleData, car: other.id) > again + 5 }
            #expect(asked() == before)
            await world.stop(second, on: loop)
            try await world.run("UPDATE heliograph.car_memory SET not_before = 1 WHERE car = \(number)")
            _ = try world.poller(on: loop)
            try await eventually("it is asked again", on: loop) { asked() > before }
        }
    }

    @Test func `every refusal is answered with the patience it wants`() async throws {
        let cases: [(CloudFault, CloudEndpoint, most: Int)] = [
            (.forbidden, .vehicleData, 0), (.overLimit, .vehicleData, 0), (.retired, .vehicleData, 0), (.inService, .vehicleData, 0),
            (.notFound, .vehicleData, 0),
        ]
        for (fault, endpoint, most) in cases {
            try await PollerWorld.run { world, loop in
                Self.quick(&world.options)
                try await world.login()
                let car = world.car()
                let other = world.car()
                _ = try world.poller(on: loop)
                try await eventually("polls", on: loop) { world.cloud.counters.requests(.vehicleData, car: car.id) > 2 }
                world.cloud.resetCounters()
                world.cloud.faults.add(fault, car: car.id, endpoint: endpoint)
                try await eventually("the refusal", on: loop) { world.cloud.counters.requests(.vehicleData, car: car.id) > 0 && world.cloud.faults.isEmpty }
                let asked = world.cloud.counters.requests(.vehicleData, car: car.id)
                let others = world.cloud.counters.requests(.vehicleData, car: other.id)
                try await eventually("the other car goes on", on: loop) { world.cloud.counters.requests(.vehicleData, car: other.id) > others + 8 }
                #expect(world.cloud.counters.requests(.vehicleData, car: car.id) <= asked + most, "\(fault)")
            }
        }
    }

    @Test func `broken answers leave rows open and are tried again`() async throws {
        try await PollerWorld.run { world, loop in
            Self.quick(&world.options)
            world.options.deadlineMs = 400
            try await world.login()
            let car = world.car(PollerWorld.driving)
            _ = try world.poller(on: loop)
            try await eventually("a drive", on: loop) { try await world.int("SELECT count(*) FROM heliograph.position WHERE drive IS NOT NULL") > 2 }
            let faults: [CloudFault] = [
                .truncated, .cut, .cutInBody, .text("<html>"), .status(502), .gatewayTimeout, .hang(seconds: 2), .status(540), .slowTimeout,
            ]
            for fault in faults { world.cloud.faults.add(fault, car: car.id, endpoint: .vehicleData) }
            try await eventually("all of them", seconds: 60, on: loop) { world.cloud.faults.isEmpty }
            let before = try await world.int("SELECT count(*) FROM heliograph.position")
            try await eventually("the drive goes on", seconds: 30, on: loop) { try await world.int("SELECT count(*) FROM heliograph.position") > before + 2 }
            #expect(try await world.int("SELECT count(*) FROM heliograph.drive") == 1)
            #expect(try await world.int("SELECT count(*) FROM heliograph.vehicle_journal WHERE kind = 4") >= 5)
        }
    }

    @Test func `a car that answers late delays nobody else`() async throws {
        try await PollerWorld.run { world, loop in
            Self.quick(&world.options)
            try await world.login()
            let slow = world.car()
            let cars = (0..<10).map { _ in world.car() }
            let poller = try world.poller(on: loop)
            try await eventually("polls", on: loop) { cars.allSatisfy { world.cloud.counters.requests(.vehicleData, car: $0.id) > 1 } }
            world.cloud.faults.add(.hang(seconds: 30), car: slow.id)
            try await eventually("it hangs", on: loop) { world.cloud.faults.isEmpty }
            let before = cars.map { world.cloud.counters.requests(.vehicleData, car: $0.id) }
            let asked = world.cloud.counters.requests(.vehicleData, car: slow.id)
            let begin = Clock.monotonicNs
            try await eventually("the others go on", on: loop) {
                zip(cars, before).allSatisfy { world.cloud.counters.requests(.vehicleData, car: $0.id) > $1 + 8 }
            }
            #expect(Clock.monotonicNs - begin < 6_000_000_000)
            #expect(world.cloud.counters.requests(.vehicleData, car: slow.id) == asked, "one request at a time")
            await world.stop(poller, on: loop)
        }
    }

    @Test func `no more requests are on their way than allowed`() async throws {
        try await PollerWorld.run { world, loop in
            Self.quick(&world.options)
            world.options.requestsInFlight = 3
            try await world.login()
            for _ in 0..<20 { world.car() }
            let poller = try world.poller(on: loop)
            try await eventually("all are asked", on: loop) { poller.counters.answers > 200 }
            #expect(poller.parts.service.gate.mostSeen == 3)
        }
    }

    @Test func `a car's budget ends its questions for the day, and nothing else`() async throws {
        try await PollerWorld.run { world, loop in
            Self.quick(&world.options)
            world.options.requestsPerDay = 12
            try await world.login()
            let car = world.car(PollerWorld.driving)
            let first = try world.poller(on: loop)
            func asked() -> Int { world.cloud.counters.requests(.vehicleData, car: car.id) + world.cloud.counters.requests(.vehicle, car: car.id) }
            try await eventually("the budget is used", on: loop) { asked() == 12 }
            let number = try #require(try await world.number(car))
            try await eventually("it shows", on: loop) { world.view(number)?["healthy"] == false }
            await loop.sleep(ns: 600_000_000)
            #expect(asked() == 12)
            #expect(try await world.int("SELECT count(*) FROM heliograph.drive WHERE ended_at IS NULL") == 1)
            await world.stop(first, on: loop)
            #expect(try await world.int("SELECT requests FROM heliograph.car_memory") == 12)
            let second = try world.poller(on: loop)
            try await eventually("it has the car", on: loop) { second.carCount == 1 }
            await loop.sleep(ns: 400_000_000)
            #expect(asked() == 12, "it is the car's, not the process's")
            await world.stop(second, on: loop)
            try await world.run("UPDATE heliograph.car_memory SET requests_on = requests_on - 1")
            _ = try world.poller(on: loop)
            try await eventually("another day", on: loop) { asked() > 12 }
        }
    }

    @Test func `a car whose id changes is found again, one that goes is left alone, one that comes is asked`() async throws {
        try await PollerWorld.run(speed: 10) { world, loop in
            Self.quick(&world.options)
            world.options.onlineSeconds = 2
            world.options.listSeconds = 0.5
            try await world.login()
            let car = world.car()
            let leaving = world.car()
            _ = try world.poller(on: loop)
            try await eventually("polls", on: loop) { world.cloud.counters.requests(.vehicleData) > 4 }
            let number = try #require(try await world.number(car))
            world.cloud.renumber(car, id: 9_007_199_254_740_993)
            world.cloud.remove(leaving)
            let coming = world.cloud.add(
                Timeline(.model3, PollerWorld.still, start: world.cloud.clock.now, place: PollerWorld.home), to: world.account, id: 501, vehicleID: 502,
                vin: "LRWNEW")
            try await eventually("the new id", seconds: 60, on: loop) {
                try await world.int("SELECT tesla_id FROM heliograph.car WHERE number = \(number)") == 9_007_199_254_740_993
            }
            try await eventually("asked by it", seconds: 60, on: loop) { world.cloud.counters.requests(.vehicleData, car: car.id) > 1 }
            #expect(try await world.text("SELECT is_gone::text FROM heliograph.car WHERE tesla_id = \(leaving.id)") == "true")
            try await eventually("the new car", on: loop) { world.cloud.counters.requests(.vehicleData, car: coming.id) > 0 }
            try await eventually("given up", on: loop) {
                try await world.int(
                    "SELECT count(*) FROM heliograph.car_memory AS m JOIN heliograph.car AS c ON c.number = m.car WHERE c.is_gone AND m.poller IS NULL") == 1
            }
            #expect(try await world.int("SELECT count(*) FROM heliograph.car") == 3)
        }
    }

    @Test func `sleeping cars are asked for their state only`() async throws {
        try await PollerWorld.run(speed: 60) { world, loop in
            try await world.login()
            let car = world.car()
            car.sleepsAfterSeconds = 300
            world.options.suspendAfterIdleMinutes = 2
            _ = try world.poller(on: loop)
            let number = Number()
            try await eventually("asleep", seconds: 60, on: loop) {
                number.value = try await world.number(car) ?? 0
                return world.view(number.value)?["state"] == "asleep"
            }
            world.cloud.resetCounters()
            try await eventually("summaries", seconds: 30, on: loop) { world.cloud.counters.requests(.vehicle, car: car.id) > 4 }
            #expect(world.cloud.counters.requests(.vehicleData, car: car.id) == 0)
            #expect(try await world.text("SELECT state FROM heliograph.car_state WHERE ended_at IS NULL") == "asleep")
        }
    }

    private final class Number { var value: Int64 = 0 }
}
