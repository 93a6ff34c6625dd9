import Bytes
import Postgres
import Reactor
import Secrets
import Simulation
import TestSupport
import Testing

@testable import Workers

@Suite(.serialized, .timeLimit(.minutes(3))) struct LeaseTests {
    private static func addCars(_ world: PollerWorld, _ count: Int) async throws {
        let account = try await world.login()
        try await world.run(
            "INSERT INTO heliograph.car (account, tesla_id, tesla_vehicle_id) SELECT \(account), n, n FROM generate_series(1, \(count)) AS n")
    }

    /// A beat, and what follows from it.
    private static func step(_ leases: CarLeases) async throws {
        let beat = try await leases.beat()
        for car in beat.lost { leases.forget(car) }
        try await leases.release(beat.given)
        _ = try await leases.take(beat.wanted.compactMap { beat.cars[$0] })
    }

    private static func held(_ leases: [CarLeases]) -> [Int64] { leases.flatMap { Array($0.epochs.keys) }.sorted() }

    @Test func `cars are shared by all pollers, move when one comes, and at once when one goes in order`() async throws {
        try await PollerWorld.run { world, _ in
            try await Self.addCars(world, 60)
            let a = CarLeases(world.pool, world.options)
            try await Self.step(a)
            #expect(a.epochs.count == 60)
            #expect(a.epochs.values.allSatisfy { $0 == 1 })
            #expect(a.isHeld)
            let b = CarLeases(world.pool, world.options)
            try await Self.step(b)
            #expect(b.epochs.isEmpty, "what another has is not taken")
            for leases in [a, b, a, b] { try await Self.step(leases) }
            #expect(Self.held([a, b]) == Array(1...60))
            #expect((15...45).contains(b.epochs.count))
            #expect(b.epochs.values.allSatisfy { $0 == 2 })
            #expect(a.epochs.values.allSatisfy { $0 == 1 }, "what stays is not taken anew")
            try await b.release(Array(b.epochs.keys))
            try await b.leave()
            try await Self.step(a)
            #expect(Self.held([a]) == Array(1...60))
        }
    }

    @Test func `the cars of a dead poller are taken, with another epoch, and not before it is dead`() async throws {
        try await PollerWorld.run { world, loop in
            try await Self.addCars(world, 20)
            let dead = CarLeases(world.pool, world.options)
            try await Self.step(dead)
            let begin = Clock.monotonicNs
            let next = CarLeases(world.pool, world.options)
            try await Self.step(next)
            #expect(next.epochs.isEmpty)
            try await eventually("the dead poller's cars", seconds: 10, on: loop) {
                try await Self.step(next)
                return next.epochs.count == 20
            }
            #expect(Clock.monotonicNs - begin > 800_000_000)
            #expect(next.epochs.values.allSatisfy { $0 == 2 })
            // It wakes up, and finds that it has nothing any more.
            let beat = try await dead.beat()
            #expect(beat.lost.count == 20)
        }
    }

    @Test func `a beat is trusted for less than it counts, by the poller's own clock`() async throws {
        try await PollerWorld.run { world, _ in
            final class Hand { var ns: Int64 = 0 }
            let hand = Hand()
            let leases = CarLeases(world.pool, world.options, nowNs: { hand.ns })
            #expect(!leases.isHeld)
            _ = try await leases.beat()
            #expect(leases.isHeld)
            hand.ns = Int64(world.options.trustMs) * 1_000_000 - 1
            #expect(leases.isHeld)
            // Stopped for a while, and woken.
            hand.ns += 1
            #expect(!leases.isHeld)
            _ = try await leases.beat()
            #expect(leases.isHeld)
            #expect(world.options.trustMs < world.options.deadMs)
            let usual = VehicleOptions()
            #expect(usual.trustMs < usual.deadMs && usual.deadMs + 3 * usual.beatMs < 10_000)
        }
    }

    @Test func `of two that want a car at the same time one gets it`() async throws {
        try await PollerWorld.run { world, loop in
            try await Self.addCars(world, 40)
            let all = (0..<4).map { _ in CarLeases(world.pool, world.options) }
            let beat = try await all[0].beat()
            for leases in all.dropFirst() { _ = try await leases.beat() }
            let cars = Array(beat.cars.values)
            let done = Done()
            for leases in all { Self.take(cars, leases, done, on: loop) }
            try await eventually("all have tried", on: loop) { done.count == 4 }
            #expect(Self.held(all) == Array(1...40))
            #expect(all.flatMap { $0.epochs.values }.allSatisfy { $0 == 1 })
        }
    }

    private final class Done { var count = 0 }

    private static func take(_ cars: [LeasedCar], _ leases: CarLeases, _ done: Done, on loop: isolated EventLoop) {
        loop.spawn {
            do {
                _ = try await leases.take(cars)
            } catch {
                Issue.record("\(error)")
            }
            done.count += 1
        }
    }

    // MARK: Pollers

    @Test func `a poller that dies in a drive is followed within ten seconds, and the drive goes on as one`() async throws {
        try await PollerWorld.run { world, loop in
            try await world.login()
            let car = world.car(.phases([.park(seconds: 1, ParkingPlan()), .drive(to: PollerWorld.office)]))
            world.options.drivingSeconds = 0.2
            world.options.onlineSeconds = 0.2
            world.options.listSeconds = 1
            // On a loop of its own, which stops as a killed process does.
            let dying = EventLoop(name: "dying poller")
            let (config, options, seal) = (world.config, world.options, world.seal)
            let dead = try await dying.run { loop in
                let poller = try VehiclePoller(config, options, seal: seal, publish: { _, _ in }, on: loop)
                poller.start(on: loop)
                return LoopBound(poller, on: loop)
            }
            try await eventually("positions of a drive", on: loop) {
                try await world.int("SELECT count(*) FROM heliograph.position WHERE drive IS NOT NULL") > 5
            }
            dying.stop()
            let begin = Clock.monotonicNs
            let before = try await world.int("SELECT count(*) FROM heliograph.position")
            let next = try world.poller(on: loop)
            try await eventually("positions by the next poller", on: loop) { try await world.int("SELECT count(*) FROM heliograph.position") > before + 5 }
            #expect(Clock.monotonicNs - begin < 10_000_000_000)
            #expect(try await world.int("SELECT count(*) FROM heliograph.drive") == 1)
            #expect(try await world.int("SELECT count(*) FROM heliograph.drive WHERE ended_at IS NULL") == 1)
            #expect(try await world.int("SELECT epoch FROM heliograph.car_memory") == 2)
            #expect(try await world.text("SELECT poller FROM heliograph.car_memory") == next.id)
            _ = (dead, car)
        }
    }

    @Test func `a poller that was stopped does nothing when it wakes up, and what it had in hand is refused`() async throws {
        try await PollerWorld.run { world, loop in
            try await world.login()
            let car = world.car()
            world.options.onlineSeconds = 0.1
            let sleeper = try world.poller(on: loop)
            try await eventually("polls", on: loop) { world.cloud.counters.requests(.vehicleData) > 2 }
            let number = try #require(try await world.number(car))
            // While it slept another has taken the car under a new epoch.
            try await world.run("UPDATE heliograph.car_memory SET poller = 'other', epoch = epoch + 1")
            try await world.run("INSERT INTO heliograph.poller (id, seen_at) VALUES ('other', now() + interval '1 hour')")
            let version = try await world.int("SELECT version FROM heliograph.car_memory")
            try await eventually("the car is let go", on: loop) { sleeper.carCount == 0 }
            let asked = world.cloud.counters.requests(.vehicleData)
            await loop.sleep(ns: 500_000_000)
            #expect(world.cloud.counters.requests(.vehicleData) == asked)
            #expect(try await world.int("SELECT version FROM heliograph.car_memory WHERE car = \(number)") == version)
            #expect(try await world.text("SELECT poller FROM heliograph.car_memory") == "other")
            try await world.run("DELETE FROM heliograph.poller WHERE id = 'other'")
            try await eventually("polls again", on: loop) { world.cloud.counters.requests(.vehicleData) > asked }
            #expect(try await world.int("SELECT epoch FROM heliograph.car_memory") >= 3)
        }
    }

    @Test func `two pollers ask each car once, and one that stops leaves its cars at once`() async throws {
        try await PollerWorld.run { world, loop in
            try await world.login()
            for _ in 0..<20 { world.car() }
            world.options.onlineSeconds = 0.5
            let first = try world.poller(on: loop)
            try await eventually("all cars at the first", on: loop) { first.carCount == 20 }
            let second = try world.poller(on: loop)
            try await eventually("they share", on: loop) { first.carCount + second.carCount == 20 && second.carCount > 3 }
            #expect(try await world.int("SELECT count(*) FROM heliograph.car") == 20)
            await world.stop(first, on: loop)
            #expect(try await world.int("SELECT count(*) FROM heliograph.car_memory WHERE poller IS NULL") > 3)
            let begin = Clock.monotonicNs
            try await eventually("the rest", on: loop) { second.carCount == 20 }
            // Without waiting for anybody to be dead.
            #expect(Clock.monotonicNs - begin < 1_800_000_000)
        }
    }
}
