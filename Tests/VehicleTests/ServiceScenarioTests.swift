import Bytes
import Protocol
import Testing

@testable import Workers

/// Failures, waits, clocks: the numbers are those of the reference's scenarios.
@Suite struct ServiceScenarioTests {
    @Test func `60: a car of which nothing is known and everything fails is offline and not healthy`() throws {
        var s = try CarScript("unknown")
        #expect(s.view.state == .offline)
        #expect(s.wait == 10)
        #expect(s.view.isHealthy)
        try s.play("10 e500; 10 e500; 10 e500")
        #expect(s.view.isHealthy)
        try s.play("10 e500")
        #expect(!s.view.isHealthy)
        #expect(s.book.states.isEmpty)
    }

    @Test func `61: timeouts do not make it unhealthy`() throws {
        var s = try CarScript("data")
        try s.play(4, "15 e504")
        try s.play("15 data")
        try s.play(4, "15 e408")
        try s.play(3, "15 e0")
        #expect(s.view.isHealthy)
        #expect(s.states == ["online"])
    }

    @Test func `62: 404 again and again: unhealthy, and then the list is read`() throws {
        var s = try CarScript("data")
        try s.play(8, "30 e404")
        #expect(!s.view.isHealthy)
        #expect(s.question == .data)
        #expect(s.wait == 30)
        try s.play("30 e404")
        #expect(s.question == .list)
        try s.play("30 online")
        #expect(s.question == .data)
        var slow = try CarScript("data")
        try slow.play(20, "300 e404")
        #expect(slow.question == .data)
    }

    @Test(arguments: ["e401", "e403", "e403l", "e412", "e429"])
    func `64: 401, 403, 412 and 429 make it unhealthy at once, and leave rows open`(failure: String) throws {
        var s = try CarScript("data; 15 data shift=D speed=50 odo=7671.3; 3 data odo=7671.4; 3 \(failure)")
        #expect(!s.view.isHealthy)
        #expect(s.view.state == .driving)
        #expect(s.book.openDrive == 0)
        try s.play("900 data odo=7671.5")
        #expect(s.view.isHealthy)
    }

    @Test(
        arguments: [
            ("e401", 0.75...1.0), ("e403", 300...300.0), ("e403l", 900...900.0), ("e404", 30...30.0), ("e405", 60...60.0), ("e412", 900...900.0),
            ("e429=60497", 60497...60497.0), ("e429", 300...300.0), ("e0", 5...5.0), ("e500", 15...15.0), ("e504", 15...15.0), ("e540", 15...15.0),
        ])
    func `each failure has its wait, or that of the state where it is longer`(failure: String, wait: ClosedRange<Double>) throws {
        let s = try CarScript("data; 15 \(failure)")
        #expect((max(15, wait.lowerBound)...max(15, wait.upperBound)).contains(s.wait))
        #expect(s.question == .data)
    }

    @Test func `408 unavailable asks for the summary at once, once`() throws {
        var s = try CarScript("data; 15 e408u")
        #expect(s.question == .summary)
        #expect(s.wait == 0)
        try s.play("online")
        #expect(s.question == .data)
        #expect(s.wait == 15)
    }

    @Test func `the back-off doubles to 30 s, with a quarter left to chance, the same for the same car`() {
        var rules = VehicleRules()
        var waits: [Double] = []
        for attempt in 1...10 { waits.append(ServiceLog.backoff(car: 7, attempt: attempt, rules)) }
        let full: [Double] = [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]
        for (wait, full) in zip(waits, full) { #expect((0.75 * full...full).contains(wait)) }
        #expect(ServiceLog.backoff(car: 7, attempt: 3, rules) == waits[2])
        let others = Set((1...50).map { ServiceLog.backoff(car: $0, attempt: 6, VehicleRules()) })
        #expect(others.count == 50)
        rules.backoffFactor = 0
        #expect(ServiceLog.backoff(car: 7, attempt: 1_000_000, rules) <= 1)
    }

    @Test func `429 with hours to wait: nothing is planned before, whatever else happens, and over a restart`() throws {
        var s = try CarScript("data; 15 data shift=D speed=50 odo=7671.3; 3 e429=60497", rules: CarScript.streaming)
        let until = s.now.adding(seconds: 60497)
        #expect(s.machine.plan.at == until)
        try s.play("10 connected; 10 frame shift=P; 10 frame shift=D speed=50 odo=7671.4; 10 vehicle_offline; 10 resume; 10 inactive; 10 tick")
        #expect(s.machine.plan.at >= until)
        let memory = try #require(CarScript.parsed(s.machine.memory))
        let again = try #require(VehicleMachine(memory: memory, rules: CarScript.streaming))
        #expect(again.plan.at >= until)
        try s.play("10 e429=5")
        #expect(s.machine.plan.at >= until)
    }

    @Test func `the car's clock is not believed when it is far from ours`() throws {
        for ahead in [400.0, -4000, 1e9, -1e9] {
            var s = try CarScript()
            s.carAhead = ahead
            try s.play("data; 15 data shift=D speed=50 odo=7671.3; 10 data odo=7671.4; 10 data shift=P speed=0 odo=7671.5")
            let drive = try #require(s.book.drives.first?.end)
            #expect(drive.start.at == CarScript.start.adding(seconds: 15))
            #expect(drive.end.at == CarScript.start.adding(seconds: 35))
            #expect(s.wrong == [])
        }
        var near = try CarScript()
        near.carAhead = 200
        try near.play("data; 15 data shift=D speed=50 odo=7671.3; 10 data shift=P speed=0 odo=7671.5")
        #expect(near.book.drives[0].start.at == CarScript.start.adding(seconds: 215))
    }

    @Test func `an answer older than the last one is left out and asked again`() throws {
        var s = try CarScript("data; 15 data shift=D speed=50 odo=7671.3; 3 data odo=7671.4; 3 data t=10 shift=P speed=0")
        #expect(s.states == ["online", "driving"])
        #expect(s.question == .data)
        #expect(s.wait == 3)
        try s.play("3 data shift=D odo=7671.5")
        #expect(s.book.drives[0].positions.count == 3)
        #expect(s.wrong == [])
    }

    @Test func `a clock that was set back is believed after three answers`() throws {
        var s = try CarScript()
        s.carAhead = 250
        try s.play("data; 15 data shift=D speed=50 odo=7671.3; 3 data odo=7671.4")
        s.carAhead = 0
        try s.play("3 data odo=7671.5; 3 data odo=7671.6; 3 data odo=7671.7; 3 data shift=P speed=0 odo=7671.8")
        #expect(s.states == ["online", "driving", "online"])
        #expect(s.book.drives[0].end?.distanceKm ?? 0 > 0.16)
        #expect(s.wrong == [])
    }

    @Test func `our own clock going back moves nothing back`() throws {
        var s = try CarScript("data; 15 data shift=D speed=50 odo=7671.3")
        s.now = s.now.adding(seconds: -5)
        try s.play("tick; data odo=7671.4; 10 data odo=7671.5; 10 data shift=P speed=0 odo=7671.6")
        #expect(s.book.drives.count == 1)
        #expect(s.book.faults == [])
    }

    @Test(
        arguments: [
            (0, "", nil, PollFailure.connection), (401, "", nil, .unauthorized),
            (403, "{\"error\":\"forbidden, see https://developer\"}", nil, .forbidden(isLimit: false)),
            (403, "{\"error\":\"account disabled: EXCEEDED_LIMIT\"}", nil, .forbidden(isLimit: true)), (404, "{\"error\":\"not_found\"}", nil, .notFound),
            (405, "{\"error\":\"vehicle is currently in service\"}", nil, .inService),
            (408, "{\"response\":null,\"error\":\"vehicle unavailable: vehicle is offline or asleep\"}", nil, .unavailable),
            (408, "{\"error\":\"{\\\"error\\\": \\\"timeout\\\"}\"}", nil, .timeout), (412, "only available on fleetapi", nil, .retired),
            (429, "Retry in 60497 seconds\n", nil, .limited(retryAfter: 60497)), (429, "Retry in 9 seconds", 12, .limited(retryAfter: 12)),
            (429, "<h1>429</h1>", nil, .limited(retryAfter: 300)), (429, "", -5, .limited(retryAfter: 1)), (429, "", Int.max, .limited(retryAfter: 604800)),
            (500, "", nil, .server), (502, "", nil, .server), (503, "upstream connect error", nil, .server),
            (504, "{\"error\":\"upstream_timeout\"}", nil, .timeout),
            (540, "", nil, .server), (200, "<html>", nil, .server), (400, "\u{0}\u{1}", nil, .server),
        ] as [(Int, String, Int?, PollFailure)])
    func `what a failed poll means`(status: Int, body: String, retryAfter: Int?, failure: PollFailure) {
        let found = PollFailure.of(status: status, body: Array(body.utf8), retryAfter: retryAfter)
        #expect(found == failure)
    }
}
