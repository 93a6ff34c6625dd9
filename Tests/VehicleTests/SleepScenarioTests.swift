import Bytes
import Protocol
import Testing

@testable import Workers

/// Idling, suspending, sleeping: the numbers are those of the reference's scenarios.
@Suite struct SleepScenarioTests {
    @Test func `36: idle for 15 min it is suspended with its position, and then asleep`() throws {
        var s = try CarScript("data")
        try s.play(59, "15 data")
        #expect(s.states == ["online"])
        try s.play("15 data")
        #expect(s.states == ["online", "suspended"])
        #expect(s.book.positions.count == 1)
        #expect(s.question == .data)
        #expect(s.wait == 1260)
        try s.play("1260 e408u; asleep")
        #expect(s.states == ["online", "suspended", "asleep"])
        #expect(s.shown.map(\.since) == s.shown.map(\.since).sorted())
        #expect(s.book.states.map(\.state) == [.online, .asleep])
        #expect(s.wrong == [])
    }

    @Test(
        arguments: [
            ("precon=true", "preconditioning"), ("keeper=dog", "climate_on"), ("user=true", "user_present"),
            ("update=downloading loaded=10", "downloading_update"),
            ("sentry=true", "sentry_mode"), ("pf=1", "doors_open"), ("ft=1", "frunk_open"), ("rt=1", "trunk_open"), ("window=1", "windows_open"),
            ("ac=true", "climate_on"), ("power=1", "power_usage"), ("locked=false", "unlocked"),
        ])
    func `37: each of them keeps it from being suspended`(change: String, reason: String) throws {
        var rules = CarScript.rules
        rules.requiresLocked = true
        var s = try CarScript("data \(change)", rules: rules)
        try s.play(100, "15 data")
        #expect(s.states == ["online"])
        #expect(s.view.sleepBlockReason == reason)
        #expect(!s.view.canSleep)
        let refused = try CarScript("data \(change); 1 suspend", rules: rules)
        #expect(refused.refusals == ["cannot suspend: \(reason)"])
        #expect((s.view.lastUsed == s.now) == (reason != "unlocked"))
        #expect(s.wrong == [])
    }

    @Test func `37: the first of several is named`() throws {
        let all = "ac=true precon=true sentry=true user=true pf=1 rt=1 ft=1 window=1 locked=false power=2 update=downloading loaded=5"
        var rules = CarScript.rules
        rules.requiresLocked = true
        var s = try CarScript("data \(all)", rules: rules)
        var reasons = [s.view.sleepBlockReason]
        for change in ["user=false", "sentry=false", "precon=false", "ac=false", "pf=0", "rt=0", "ft=0", "window=0", "locked=true", "power=0", "loaded=100"] {
            try s.play("15 data \(change)")
            reasons.append(s.view.sleepBlockReason)
        }
        #expect(reasons == SleepBlock.allCases.map(\.rawValue) + [""])
        #expect(s.view.canSleep)
    }

    @Test func `39: charged and still plugged in it falls asleep`() throws {
        var s = try CarScript("data state=Charging added=1; 5 data state=Complete added=2")
        try s.play(61, "15 data")
        try s.play("60 asleep")
        #expect(s.states == ["charging", "online", "suspended", "asleep"])
        #expect(s.view.isPluggedIn)
        #expect(s.wrong == [])
    }

    @Test func `41: locks and sentry show with every answer, and are events`() throws {
        let s = try CarScript("data; 15 data locked=false; 15 data locked=true; 15 data sentry=true; 15 data sentry=false")
        let events = s.book.parkings[0].events.map(\.type)
        #expect(events == [.unlocked, .locked, .sentryEnabled, .sentryDisabled])
        let on = try CarScript("data; 15 data sentry=true locked=false")
        #expect(on.view.sentryMode)
        #expect(!on.view.isLocked)
        #expect(s.wrong == [])
    }

    @Test func `42: still online at each look while suspended: since stays, what is seen is fresh`() throws {
        var s = try CarScript("data; 1 suspend")
        let since = s.view.since
        for temperature in 1...5 {
            try s.play("1260 data inside=\(temperature)")
            #expect(s.view.insideTemp == Double(temperature))
        }
        #expect(s.view.state == .suspended)
        #expect(s.view.since == since)
        #expect(s.wait == 1260)
        #expect(s.wrong == [])
    }

    @Test(arguments: ["data; 15 asleep", "data; 15 offline", "data; 1 suspend"])
    func `43: a car that is left alone already can be suspended, and nothing is asked`(before: String) throws {
        var s = try CarScript(before)
        let plan = s.machine.plan
        let state = s.view.state
        try s.play("1 suspend")
        #expect(s.refusals == [])
        #expect(s.view.state == state)
        #expect(s.machine.plan == plan)
    }

    @Test(
        arguments: [
            ("data shift=D speed=10", "vehicle is driving"), ("data shift=R", "vehicle is driving"), ("data shift=N", "vehicle is driving"),
            ("data state=Charging", "vehicle is charging"), ("data update=installing", "vehicle is updating"),
            ("data climate=null", "vehicle data is incomplete"), ("online", "vehicle data is incomplete"), ("data; 400 e500", "vehicle data is incomplete"),
        ])
    func `44: a car that does something cannot be suspended`(script: String, reason: String) throws {
        var s = try CarScript(script)
        let before = s.machine
        try s.play("1 suspend")
        #expect(s.refusals == ["cannot suspend: \(reason)"])
        #expect(s.machine == before)
    }

    @Test(arguments: ["asleep", "offline"])
    func `46: a resumed car is looked for after 1, 2, 4, 8, 16 and 30 s, and never woken`(state: String) throws {
        var s = try CarScript("data; 15 \(state); 10 resume")
        var waits: [Double] = []
        var questions: Set<PollPlan.Question> = []
        for _ in 0..<7 {
            let next = s.machine.plan
            waits.append(next.at.seconds(since: s.machine.state.service.answeredAt ?? s.now))
            questions.insert(next.question)
            s.now = max(s.now, next.at)
            try s.play(state)
        }
        #expect(waits == [1, 2, 4, 8, 16, 30, 30])
        #expect(questions == [.summary])
        try s.play("1 online")
        #expect(s.question == .data)
        #expect(s.wait == 0)
        try s.play("data")
        #expect(s.view.state == .online)
        #expect(s.view.lastUsed == s.now)
        #expect(s.wrong == [])
    }

    @Test func `46: resuming a suspended car asks at once, and it is idle for 15 min again`() throws {
        var s = try CarScript("data; 1 suspend; 100 resume")
        #expect(s.view.state == .online)
        #expect(s.view.lastUsed == s.now)
        #expect(s.question == .data)
        #expect(s.wait == 0)
        let online = try CarScript("data; 5 resume")
        #expect(online.wait == 10)
        #expect(online.view.lastUsed == online.now)
        try s.play(59, "15 data")
        #expect(s.view.state == .online)
        try s.play("15 data")
        #expect(s.view.state == .suspended)
        #expect(s.wrong == [])
    }

    @Test func `something in the way at a look ends the suspension`() throws {
        let s = try CarScript("data; 1 suspend; 1260 data user=true")
        #expect(s.states == ["online", "suspended", "online"])
        #expect(s.wait == 15)
        #expect(s.wrong == [])
    }

    @Test func `67: a sleeping car shows what was known last`() throws {
        let s = try CarScript("data; 15 asleep; 30000 asleep")
        #expect(s.view.state == .asleep)
        #expect(s.view.batteryLevel == 67)
        #expect(s.view.rangeKm == 330.08)
        #expect(s.view.odometerKm == 12345.599693)
        #expect(s.view.insideTemp == 22.5)
        #expect(s.view.canSleep)
        #expect(s.wrong == [])
    }

    @Test func `a sleeping car is only asked for its summary, each 30 s`() throws {
        var s = try CarScript("data; 15 asleep")
        for _ in 0..<50 {
            #expect(s.question == .summary)
            #expect(s.wait == 30)
            try s.play("30 asleep")
        }
        #expect(s.book.states.count == 2)
    }

    @Test func `an idle hour asks for everything 60 times at most, then three times an hour`() throws {
        var s = try CarScript("data")
        var counts: [Int] = []
        for hour in 1...3 {
            var count = 0
            let end = CarScript.start.adding(seconds: Int64(hour) * 3600)
            while s.machine.plan.at < end {
                s.now = max(s.now, s.machine.plan.at)
                let isData = s.question == .data
                if isData { count += 1 }
                try s.play(isData ? "data" : "online")
            }
            counts.append(count)
        }
        #expect(counts == [62, 2, 3])
    }
}
