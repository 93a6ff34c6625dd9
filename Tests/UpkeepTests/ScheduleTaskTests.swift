import Bytes
import Postgres
import Reactor
import TestSupport
import Testing
import Workers

@Suite(.timeLimit(.minutes(2))) struct ScheduleTaskTests {
    private static func time(_ text: String) throws -> Timestamp { try #require(RFC3339.parse(text)) }

    private static func add(
        _ name: String, cron: String = "*/10 * * * *", zone: String = "UTC", catchUp: String = "last", windowS: Int = 86_400,
        decidedTo: String = "2026-03-01T00:00:00Z", draft: String = #"{"kind": "k"}"#, _ database: Database
    ) async throws {
        try await database.run(
            """
            INSERT INTO heliograph.job_schedule (name, cron, zone, draft, catch_up, window_s, decided_to)
            VALUES ('\(name)', '\(cron)', '\(zone)', '\(draft)', '\(catchUp)', \(windowS), '\(decidedTo)')
            """)
    }

    private static func slots(_ name: String, _ database: Database) async throws -> [String] {
        try await database.run(
            "SELECT to_char(slot AT TIME ZONE 'UTC', 'DD HH24:MI') FROM heliograph.job_slot WHERE schedule = '\(name)' ORDER BY slot"
        ).map { row in try row.next(String.self) }
    }

    @Test(
        arguments: [
            ("none", 86_400, []),
            ("last", 86_400, ["01 05:00"]),
            ("all", 86_400, ["01 01:00", "01 02:00", "01 03:00", "01 04:00", "01 05:00"]),
            ("all", 7_200, ["01 04:00", "01 05:00"]),
        ] as [(String, Int, [String])]) func missedSlotsAreCaughtUpAsTheScheduleSays(_ catchUp: String, _ windowS: Int, _ expected: [String]) async throws
    {
        try await withDatabase { database, loop in
            try await Self.add("s", cron: "0 * * * *", catchUp: catchUp, windowS: windowS, database)
            let task = ScheduleTask()
            task.clock = try Self.time("2026-03-01T05:30:00Z")
            try await task.run(database.turn)
            #expect(try await Self.slots("s", database) == expected)
            // The next ones in time, by every policy.
            task.clock = try Self.time("2026-03-01T06:00:01Z")
            try await task.run(database.turn)
            try await task.run(database.turn)
            #expect(try await Self.slots("s", database) == expected + ["01 06:00"])
            #expect(try await database.int("SELECT count(*) FROM heliograph.job WHERE kind = 'k' AND tags = '{schedule:s}'") == expected.count + 1)
        }
    }

    @Test func twoDriversAtOnceRunEachSlotOnce() async throws {
        try await withDatabase { database, loop in
            for n in 0..<10 { try await Self.add("s\(n)", cron: "* * * * *", catchUp: "all", database) }
            let now = try Self.time("2026-03-01T00:20:30Z")
            var ended = 0
            for _ in 0..<3 {
                loop.spawn {
                    let task = ScheduleTask()
                    task.clock = now
                    do { try await task.run(database.turn) } catch { Issue.record(error) }
                    ended += 1
                }
            }
            try await eventually("all have ended", on: loop) { ended == 3 }
            #expect(try await database.int("SELECT count(*) FROM heliograph.job") == 200)
            #expect(try await database.int("SELECT count(*) FROM heliograph.job_slot") == 200)
        }
    }

    @Test func aClockThatGoesBackRunsNothingTwiceAndAWildOneStopsNothingForLong() async throws {
        try await withDatabase { database, loop in
            try await Self.add("s", database)
            let task = ScheduleTask()
            for now in ["00:10:00", "00:20:00", "00:09:59", "00:15:00", "00:20:30", "00:30:00"] {
                task.clock = try Self.time("2026-03-01T\(now)Z")
                try await task.run(database.turn)
            }
            #expect(try await Self.slots("s", database) == ["01 00:10", "01 00:20", "01 00:30"])
            // A clock that was wrong by a month and was put right.
            for now in ["2026-03-31T12:00:00", "2026-03-01T00:35:00", "2026-03-01T00:40:00", "2026-03-01T00:50:00"] {
                task.clock = try Self.time("\(now)Z")
                try await task.run(database.turn)
            }
            #expect(try await Self.slots("s", database) == ["01 00:10", "01 00:20", "01 00:30", "01 00:40", "01 00:50", "31 12:00"])
        }
    }

    @Test func aScheduleThatCannotBeReadSaysWhyAndTheOthersRun() async throws {
        try await withDatabase { database, loop in
            try await Self.add("a", zone: "Mars/Olympus", database)
            try await Self.add("b", cron: "99 * * * *", database)
            try await Self.add("c", draft: #"{"kind": "k", "priority": 12}"#, database)
            try await Self.add("d", database)
            let task = ScheduleTask()
            task.clock = try Self.time("2026-03-01T00:10:00Z")
            try await task.run(database.turn)
            let versions = try await database.text("SELECT string_agg(xmin::text, ' ' ORDER BY name) FROM heliograph.job_schedule")
            let errors = try await database.run("SELECT error FROM heliograph.job_schedule ORDER BY name").map { row in try row.next(String?.self) }
            #expect(errors[0]?.contains("Mars/Olympus") == true)
            #expect(errors[1]?.contains("minute") == true)
            #expect(errors[2] == "job draft: priority must be 1 to 9")
            #expect(errors[3] == nil)
            #expect(try await Self.slots("d", database) == ["01 00:10"])
            // Written once, not every second.
            try await task.run(database.turn)
            #expect(try await database.text("SELECT string_agg(xmin::text, ' ' ORDER BY name) FROM heliograph.job_schedule") == versions)
            // Put right, they run, and the error goes.
            try await database.run(#"UPDATE heliograph.job_schedule SET zone = 'Asia/Shanghai', cron = '*/10 * * * *', draft = '{"kind": "k"}'"#)
            try await task.run(database.turn)
            #expect(try await database.int("SELECT count(*) FROM heliograph.job_slot") == 4)
            #expect(try await database.int("SELECT count(error) FROM heliograph.job_schedule") == 0)
        }
    }

    @Test func aPausedScheduleRunsNothing() async throws {
        try await withDatabase { database, loop in
            try await Self.add("s", database)
            try await database.run("UPDATE heliograph.job_schedule SET paused = true")
            let task = ScheduleTask()
            task.clock = try Self.time("2026-03-01T00:10:00Z")
            try await task.run(database.turn)
            #expect(try await Self.slots("s", database) == [])
        }
    }

    @Test func slotsFollowTheLocalTimeOfTheZone() async throws {
        try await withDatabase { database, loop in
            // Clocks go forward at 01:00Z on 29 March.
            try await Self.add("s", cron: "30 9 * * *", zone: "Europe/Berlin", catchUp: "all", windowS: 259_200, decidedTo: "2026-03-27T12:00:00Z", database)
            let task = ScheduleTask()
            task.clock = try Self.time("2026-03-29T12:00:00Z")
            try await task.run(database.turn)
            #expect(try await Self.slots("s", database) == ["28 08:30", "29 07:30"])
        }
    }

    @Test func withoutATestsClockItIsTheDatabases() async throws {
        try await withDatabase { database, loop in
            try await Self.add("s", cron: "* * * * *", database)
            try await ScheduleTask().run(database.turn)
            #expect(try await database.int("SELECT count(*) FROM heliograph.job_slot WHERE slot > now() - interval '2 min' AND slot <= now()") == 1)
        }
    }
}
