import Bytes
import Reactor
import Testing

@testable import Simulation

@Suite struct VehicleStreamTests {
    /// On its way to the office without a stop before.
    private static let onTheRoad = CarLife.phases([.park(seconds: 1, ParkingPlan()), .drive(to: CloudWorld.office)])

    private static func fields(_ message: JSONValue) -> [String] {
        (message["value"]?.string ?? "").split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }

    @Test func framesOfACarThatDrivesAreItsTruthFourTimesASecond() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let car = world.car(Self.onTheRoad)
            world.cloud.clock.advance(seconds: 60)
            let client = try await world.stream(on: loop)
            let hello = try await client.message()
            #expect(hello["msg_type"]?.string == "control:hello")
            #expect(hello["connection_timeout"]?.int == 0)
            try await client.send(text: world.subscription(car))
            let first = try await client.message()
            #expect(first["msg_type"]?.string == "data:update")
            #expect(first["tag"]?.string == String(car.vehicleID))
            world.cloud.clock.advance(seconds: 10)
            let frames = try await client.messages(40).map(Self.fields)
            let quiet = try await client.isQuiet()
            #expect(quiet)
            let times = frames.compactMap { Int($0[0]) }
            #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 == 250 })
            let last = frames[39]
            #expect(last.count == 13)
            let now = car.timeline.condition(at: world.cloud.clock.now)
            #expect(last[0] == String(now.at.microseconds / 1_000))
            #expect(last[1] == String(Int((now.speedKmh / 1.609344).rounded())))
            let odometer = try #require(Double(last[2]))
            #expect(abs(odometer - now.odometerKm / 1.609344) < 0.051)
            #expect(last[3] == String(Int((now.level * 100).rounded())))
            let (latitude, longitude) = (try #require(Double(last[6])), try #require(Double(last[7])))
            #expect(GeoPoint(latitude, longitude).km(to: now.point) < 0.001)
            #expect(last[8] == String(Int(now.powerKw.rounded())))
            #expect(last[9] == now.shift.rawValue)
            #expect(world.cloud.counters.frames == 41)
            await world.stop()
        }
    }

    @Test func subscriptionsAreCheckedAndEnded() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let car = world.car(Self.onTheRoad)
            let (sleeper, garaged) = (world.car(CloudWorld.still), world.car(.phases([.drive(to: CloudWorld.office, offline: [0..<1e6])])))
            world.cloud.clock.advance(seconds: 60)
            let client = try await world.stream(on: loop)
            _ = try await client.message()
            func refused(_ text: String) async throws -> [String?] {
                try await client.send(text: text)
                let answer = try await client.message()
                return [answer["msg_type"]?.string, answer["error_type"]?.string, answer["value"]?.string]
            }
            let badToken = try await refused(world.subscription(car, token: "cn-old"))
            #expect(badToken == ["data:error", "client_error", "Can't validate token. "])
            let badOrder = try await refused(world.subscription(car, order: "speed"))
            #expect(badOrder[1] == "client_error")
            let nonsense = try await refused("[]")
            #expect(nonsense[1] == "client_error")
            let offline = try await refused(world.subscription(garaged))
            #expect(offline == ["data:error", "vehicle_error", "Vehicle is offline"])
            let (stranger, grant) = world.cloud.addAccount()
            #expect(stranger != world.account)
            let foreign = try await refused(world.subscription(car, token: grant.access))
            #expect(foreign[2] == "owner_api error:not_found")
            world.cloud.clock.advance(seconds: 700)
            let asleep = try await refused(world.subscription(sleeper))
            #expect(asleep == ["data:error", "vehicle_disconnected", "vehicle disconnected"])
            #expect(world.cloud.counters.subscriptions == 0)
            await world.stop()
        }
    }

    @Test func aCarThatStandsSaysWhatChangesAndThenNothing() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            var plan = ParkingPlan()
            plan.changes = [.init(at: 8, .climateOn)]
            let car = world.car(.phases([.park(seconds: 90_000, plan)]))
            let client = try await world.stream(on: loop)
            _ = try await client.message()
            try await client.send(text: world.subscription(car))
            let first = Self.fields(try await client.message())
            #expect(first[1] == "" && first[9] == "" && first[8] == "0")
            world.cloud.clock.advance(seconds: 9)
            let second = Self.fields(try await client.message())
            #expect(second[8] == "1")
            world.cloud.clock.advance(seconds: 8)
            let quiet = try await client.isQuiet()
            #expect(quiet)
            world.cloud.clock.advance(seconds: 1)
            let end = try await client.message()
            #expect(end["error_type"]?.string == "vehicle_disconnected")
            #expect(world.cloud.subscriptions == 0)
            // It may be followed again on the same socket, and let go.
            try await client.send(text: world.subscription(car))
            _ = try await client.message()
            #expect(world.cloud.subscriptions == 1)
            try await client.send(text: #"{"msg_type":"data:unsubscribe","tag":"\#(car.vehicleID)"}"#)
            let gone = await world.eventually { world.cloud.subscriptions == 0 }
            #expect(gone)
            await world.stop()
        }
    }

    @Test func aFakeWakeHasNoPower() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            var plan = ParkingPlan()
            plan.fakeWakes = [3_600..<3_670]
            let car = world.car(.phases([.park(seconds: 90_000, plan)]))
            world.cloud.clock.advance(seconds: 3_610)
            let client = try await world.stream(on: loop)
            _ = try await client.message()
            try await client.send(text: world.subscription(car))
            let frame = Self.fields(try await client.message())
            #expect(frame.count == 13)
            #expect(frame[8] == "")
            await world.stop()
        }
    }

    @Test(arguments: [
        (StreamFault.duplicate, [0, 250, 250, 500]), (.late, [0, 500, 250, 750]), (.lost, [0, 500, 750, 1_000]), (.stale(seconds: 60), [0, -59_750, 500, 750]),
        (.field(0, "x"), [0, nil, 500, 750]), (.value("nonsense"), [0, nil, 500, 750]), (.garbage, [0, nil, 500, 750]),
    ])
    func framesAreSpoiltOneByOne(_ fault: StreamFault, _ wanted: [Int?]) async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let car = world.car(Self.onTheRoad)
            world.cloud.clock.advance(seconds: 60)
            let client = try await world.stream(on: loop)
            _ = try await client.message()
            world.cloud.streamFaults.add(fault, car: car.id, skip: 1)
            try await client.send(text: world.subscription(car))
            let first = try await client.message()
            world.cloud.clock.advance(seconds: 1)
            let begin = Int(CloudWorld.start.adding(seconds: 60).microseconds / 1_000)
            let all = [first] + (try await client.messages(3))
            let times = all.map { Int(Self.fields($0).first ?? "").map { $0 - begin } }
            #expect(times == wanted)
            await world.stop()
        }
    }

    @Test(arguments: [
        (StreamFault.vehicleDisconnected, "vehicle_disconnected"), (.vehicleOffline, "vehicle_error"), (.invalidToken, "client_error"),
        (.ownerAPI, "client_error"),
    ])
    func streamsEndWithWords(_ fault: StreamFault, _ type: String) async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let car = world.car(Self.onTheRoad)
            world.cloud.clock.advance(seconds: 60)
            let client = try await world.stream(on: loop)
            _ = try await client.message()
            world.cloud.streamFaults.add(fault)
            try await client.send(text: world.subscription(car))
            let answer = try await client.message()
            #expect(answer["error_type"]?.string == type)
            await world.stop()
        }
    }

    @Test func streamsEndWithoutAWord() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let car = world.car(Self.onTheRoad)
            world.cloud.clock.advance(seconds: 60)
            let client = try await world.stream(on: loop)
            _ = try await client.message()
            world.cloud.streamFaults.add(.cut)
            try await client.send(text: world.subscription(car))
            await #expect(throws: WireClient.Ended.self) { _ = try await client.message() }
            let gone = await world.eventually { world.cloud.subscriptions == 0 }
            #expect(gone)
            await world.stop()
        }
    }
}
