import Bytes
import Reactor
import Testing

@testable import Simulation

@Suite struct VehicleFaultTests {
    /// Each fault once, and after it the truth again.
    @Test(arguments: [
        (CloudFault.unavailable, 408, #""error":"vehicle unavailable: vehicle is offline or asleep""#),
        (.limited(retryAfter: 60_497), 429, "Retry in 60497 seconds\n"),
        (.unauthorized, 401, #""error":"invalid bearer token""#), (.forbidden, 403, #""error":"forbidden, see https://developer"#),
        (.overLimit, 403, #""error":"account disabled: EXCEEDED_LIMIT""#), (.notFound, 404, #""error":"not_found""#),
        (.inService, 405, #""error":"vehicle is currently in service""#), (.retired, 412, "only available on fleetapi"),
        (.status(503), 503, "upstream connect error"), (.status(540), 540, "upstream connect error"), (.gatewayTimeout, 504, #""error":"upstream_timeout""#),
        (.text("<html>"), 200, "<html>"),
    ])
    func faultsAreThoseOfTheWild(_ fault: CloudFault, _ status: Int, _ text: String) async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let car = world.car(CloudWorld.still)
            world.cloud.faults.add(fault, car: car.id, endpoint: .vehicleData)
            let path = "/api/1/vehicles/\(car.id)/vehicle_data"
            let spoilt = try await world.ask("GET", path)
            #expect(spoilt.status == status)
            let said = String(decoding: spoilt.body, as: UTF8.self)
            #expect(said.contains(text))
            let well = try await world.ask("GET", path)
            #expect(well.status == 200)
            #expect(world.cloud.counters.answers(status: status) == (status == 200 ? 2 : 1))
            await world.stop()
        }
    }

    @Test func tooManyRequestsSayHowLongToWait() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let car = world.car(CloudWorld.still)
            world.cloud.faults.add(.limited(retryAfter: 300), car: car.id)
            let client = WireClient(port: world.cloud.port, on: loop)
            let head = "GET /api/1/vehicles/\(car.id) HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer \(world.grant.access)\r\n\r\n"
            try await client.send(Array(head.utf8))
            let answer = try await client.head()
            #expect(answer.status == 429)
            #expect(answer.fields["retry-after"] == "300")
            await world.stop()
        }
    }

    /// Collects an answer without waiting for it.
    private final class Pending {
        var result: Result<HTTPClient.Answer, HTTPClientError>?
        func send(_ world: CloudWorld, _ path: String) {
            world.http.send("GET", path, headers: [("Authorization", "Bearer \(world.grant.access)")], body: nil) { self.result = $0 }
        }
    }

    @Test func aSlowRefusalTakesNineSecondsOfTheCloud() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let car = world.car(CloudWorld.still)
            world.cloud.faults.add(.slowTimeout, car: car.id)
            let pending = Pending()
            pending.send(world, "/api/1/vehicles/\(car.id)/vehicle_data")
            let taken = await world.eventually { world.cloud.faults.isEmpty }
            #expect(taken)
            world.cloud.clock.advance(seconds: 9)
            // A whole exchange on another connection: what was due would have come.
            let other = HTTPClient(world.http.address, on: loop)
            _ = try await other.get("/api/1/products")
            other.close()
            #expect(pending.result == nil)
            world.cloud.clock.advance(seconds: 0.2)
            let answered = await world.eventually { pending.result != nil }
            #expect(answered)
            let answer = try #require(try pending.result?.get())
            #expect(answer.status == 408)
            let error = try JSONValue.parse(answer.body)["error"]?.string
            #expect(error == #"{"error": "timeout"}"#)
            await world.stop()
        }
    }

    @Test(arguments: [CloudFault.cut, .cutInBody, .hang(seconds: 60)])
    func connectionsBreak(_ fault: CloudFault) async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let car = world.car(CloudWorld.still)
            world.cloud.faults.add(fault, car: car.id)
            let pending = Pending()
            pending.send(world, "/api/1/vehicles/\(car.id)/vehicle_data")
            let taken = await world.eventually { world.cloud.faults.isEmpty }
            #expect(taken)
            if case .hang = fault {
                #expect(pending.result == nil)
                world.cloud.clock.advance(seconds: 61)
            }
            let ended = await world.eventually { pending.result != nil }
            #expect(ended)
            var kind: HTTPClientError.Kind?
            if case .failure(let error)? = pending.result { kind = error.kind }
            #expect(kind == .closed)
            await world.stop()
        }
    }

    @Test func truncatedAnswersAreNoJSON() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let car = world.car(CloudWorld.still)
            world.cloud.faults.add(.truncated, car: car.id)
            let answer = try await world.ask("GET", "/api/1/vehicles/\(car.id)/vehicle_data")
            #expect(answer.status == 200)
            #expect(answer.body.count > 500)
            #expect(throws: JSONError.self) { try JSONValue.parse(answer.body) }
            await world.stop()
        }
    }

    @Test func membersAreReplacedTakenOutAndNull() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let car = world.car(CloudWorld.still)
            for (path, value) in [
                (["vehicle_state", "odometer"], JSONValue.null as JSONValue?), (["vehicle_state", "locked"], nil), (["drive_state"], .null),
                (["charge_state", "battery_level"], .string("67")), (["climate_state", "new"], .int(1)),
            ] { world.cloud.faults.add(.member(path: path, value), car: car.id, endpoint: .vehicleData) }
            let odometer = try await world.data(car).json["response"]?["vehicle_state"]?["odometer"]
            #expect(odometer == .null)
            let locked = try await world.data(car).json["response"]?["vehicle_state"]?["locked"]
            #expect(locked == nil)
            let drive = try await world.data(car).json["response"]?["drive_state"]
            #expect(drive == .null)
            let level = try await world.data(car).json["response"]?["charge_state"]?["battery_level"]
            #expect(level == .string("67"))
            let new = try await world.data(car).json["response"]?["climate_state"]?["new"]
            #expect(new == .int(1))
            let well = try await world.data(car).json["response"]?["charge_state"]?["battery_level"]
            #expect(well == .int(60))
            await world.stop()
        }
    }

    @Test func staleTimesAndStrangeStatesAreGiven() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let car = world.car(CloudWorld.still)
            world.cloud.faults.add(.stale(seconds: 90), car: car.id, endpoint: .vehicleData)
            world.cloud.faults.add(.state("unknown"), car: car.id, endpoint: .vehicle)
            let at = try await world.data(car).json["response"]?["drive_state"]?["timestamp"]?.int
            #expect(at == 1_767_225_510_000)
            let state = try await world.state(car)
            #expect(state == "unknown")
            let next = try await world.state(car)
            #expect(next == "online")
            await world.stop()
        }
    }

    @Test func plansSkipCountAndKeepToTheirWindow() throws {
        let t = CloudWorld.start
        var plan = FaultPlan<CloudFault>()
        plan.add(.cut, car: 1, skip: 1, times: 2)
        plan.add(.retired, endpoint: .vehicle, times: nil, window: t..<t.adding(seconds: 10))
        func take(_ car: Int64, _ endpoint: CloudEndpoint, _ seconds: Int64) -> CloudFault? {
            plan.take(car: car, endpoint: endpoint, at: t.adding(seconds: seconds))
        }
        #expect(take(2, .vehicleData, 0) == nil)
        let first = [take(1, .vehicleData, 0), take(1, .vehicleData, 0), take(1, .wakeUp, 0), take(1, .vehicleData, 0)]
        #expect(first == [nil, .cut, .cut, nil])
        #expect(take(1, .token, 0) == nil)
        let second = [take(2, .vehicle, 0), take(3, .vehicle, 9), take(3, .vehicle, 10)]
        #expect(second == [.retired, .retired, nil])
    }

    @Test func tokenRequestsFailToo() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            world.cloud.faults.add(.status(502), endpoint: .token)
            let client = WireClient(port: world.cloud.port, on: loop)
            try await client.send(Array("POST /oauth2/v3/token HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n".utf8))
            let answer = try await client.head()
            #expect(answer.status == 502)
            // A refresh whose answer is lost has used its token up.
            world.cloud.faults.add(.cut, endpoint: .token)
            await #expect(throws: HTTPClientError.self) { _ = try await world.refresh(world.grant.refresh) }
            let lost = try await world.refresh(world.grant.refresh).status
            #expect(lost == 401)
            await world.stop()
        }
    }

    @Test func requestsAreKeptInTheirOrder() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let car = world.car(CloudWorld.still)
            world.cloud.resetCounters(keeps: 100)
            world.cloud.faults.add(.limited(retryAfter: 30), car: car.id)
            _ = try await world.ask("GET", "/api/1/vehicles/\(car.id)")
            world.cloud.clock.advance(seconds: 30)
            _ = try await world.data(car)
            let kept = world.cloud.counters.entries
            #expect(kept.map(\.endpoint) == [.vehicle, .vehicleData])
            #expect(kept.map(\.status) == [429, 200])
            #expect(kept.map { $0.at.seconds(since: CloudWorld.start) } == [0, 30])
            await world.stop()
        }
    }
}
