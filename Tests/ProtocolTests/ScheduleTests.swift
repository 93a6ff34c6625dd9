import Bytes
import Protocol
import Testing

@Suite struct ScheduleTests {
    private func plan(
        _ cron: String, _ zoneName: String = "UTC", after last: String, upTo now: String, _ catchUp: CatchUp, maxSlots: Int = SlotPlan.maxSlots
    ) throws -> SlotPlan {
        try CronExpression(cron).dueSlots(after: time(last), upTo: time(now), in: zone(zoneName), catchUp: catchUp, maxSlots: maxSlots)
    }

    @Test(
        arguments: [
            // On time, whatever the policy.
            ("0 * * * *", "2026-01-01T08:59:59", "2026-01-01T09:00:00", .none, ["2026-01-01T09:00:00"]),
            ("0 * * * *", "2026-01-01T08:59:59", "2026-01-01T09:00:01", .last, ["2026-01-01T09:00:00"]),
            ("0 * * * *", "2026-01-01T08:59:59", "2026-01-01T09:00:01", .all(seconds: 3600), ["2026-01-01T09:00:00"]),
            ("0 * * * *", "2026-01-01T09:00:00", "2026-01-01T09:59:59.999999", .all(seconds: 3600), []),
            // A minute late is on time, more is missed.
            ("0 * * * *", "2026-01-01T08:30:00", "2026-01-01T09:01:00", .none, ["2026-01-01T09:00:00"]),
            ("0 * * * *", "2026-01-01T08:30:00", "2026-01-01T09:01:00.000001", .none, []),
            ("* * * * *", "2026-01-01T08:00:00", "2026-01-01T09:00:00", .none, ["2026-01-01T08:59:00", "2026-01-01T09:00:00"]),
            ("* * * * *", "2026-01-01T08:00:00", "2026-01-01T09:00:30", .none, ["2026-01-01T09:00:00"]),
            ("0 * * * *", "2026-01-01T08:30:00", "2026-01-01T09:01:01", .last, ["2026-01-01T09:00:00"]),
            ("0 * * * *", "2026-01-01T00:00:00", "2026-01-01T09:30:00", .last, ["2026-01-01T09:00:00"]),
            ("0 * * * *", "2026-01-01T00:00:00", "2026-01-01T09:00:30", .last, ["2026-01-01T09:00:00"]),
            ("0 0 29 2 *", "1970-01-01T00:00:00", "2026-01-01T00:00:00", .last, ["2024-02-29T00:00:00"]),
            ("0 0 29 2 *", "2024-02-29T00:00:00", "2026-01-01T00:00:00", .last, []),
            // The window takes in its own edge, and is never shorter than a minute.
            (
                "0 * * * *", "2026-01-01T00:00:00", "2026-01-01T09:00:00", .all(seconds: 7200),
                ["2026-01-01T07:00:00", "2026-01-01T08:00:00", "2026-01-01T09:00:00"]
            ),
            ("0 * * * *", "2026-01-01T00:00:00", "2026-01-01T09:00:00.000001", .all(seconds: 7200), ["2026-01-01T08:00:00", "2026-01-01T09:00:00"]),
            ("0 * * * *", "2026-01-01T07:00:00", "2026-01-01T09:30:00", .all(seconds: 86_400), ["2026-01-01T08:00:00", "2026-01-01T09:00:00"]),
            ("0 * * * *", "2026-01-01T00:00:00", "2026-01-01T09:00:30", .all(seconds: 0), ["2026-01-01T09:00:00"]),
            ("0 * * * *", "2026-01-01T00:00:00", "2026-01-01T09:00:30", .all(seconds: -5), ["2026-01-01T09:00:00"]),
            ("0 0 1 1 *", "1990-06-01T00:00:00", "2026-06-01T00:00:00", .all(seconds: .max), ["2026-01-01T00:00:00"]),
            // The clock went back, or stands.
            ("* * * * *", "2026-01-01T09:00:00", "2026-01-01T09:00:00", .all(seconds: 3600), []),
            ("* * * * *", "2026-01-01T09:00:00", "2026-01-01T08:00:00", .all(seconds: 3600), []),
            ("* * * * *", "2026-01-01T09:00:00", "2026-01-01T08:00:00", .last, []), ("* * * * *", "2026-01-01T09:00:00", "2026-01-01T08:59:59", .none, []),
        ] as [(String, String, String, CatchUp, [String])])
    func thePolicyDecidesWhichMissedSlotsRun(_ cron: String, _ last: String, _ now: String, _ catchUp: CatchUp, _ expected: [String]) throws {
        let plan = try plan(cron, after: last, upTo: now, catchUp)
        #expect(plan.slots.map { RFC3339.string($0, .local(.utc)) } == expected && !plan.isCut)
    }

    @Test func aPlanKeepsTheNewestSlotsAndTellsThatItIsCut() throws {
        let all = CatchUp.all(seconds: 366 * 86_400)
        let now = try time("2026-06-01T00:00:30")
        let newest = try time("2026-06-01T00:00:00")
        let year = try plan("* * * * *", after: "2025-06-01T00:00:00", upTo: "2026-06-01T00:00:30", all)
        #expect(year.isCut && year.slots.count == 1000)
        #expect(year.slots == (0..<1000).map { newest.adding(seconds: -60 * (999 - $0)) })
        for (count, isCut) in [(10, false), (9, true), (1, true), (11, false)] {
            let plan = try plan("* * * * *", after: "2026-05-31T23:50:00", upTo: "2026-06-01T00:00:30", all, maxSlots: count)
            #expect(plan.slots.count == min(count, 10) && plan.isCut == isCut && plan.slots.last == newest && plan.slots.allSatisfy { $0 <= now })
        }
        #expect(try plan("* * * * *", after: "2026-05-31T23:50:00", upTo: "2026-06-01T00:00:30", all, maxSlots: 0) == SlotPlan())
        // Months without a slot, then many.
        let january = try plan("* * * 1 *", after: "2025-06-02T00:00:00", upTo: "2026-06-01T00:00:00", all)
        let end = try time("2026-01-31T23:59:00")
        #expect(january.isCut && january.slots.count == 1000 && january.slots.last == end)
    }

    @Test func theEndsOfTimeEndTheSearch() throws {
        let cron = try CronExpression("0 0 29 2 *")
        for catchUp in [CatchUp.none, .last, .all(seconds: .max)] {
            let all = cron.dueSlots(after: Timestamp(microseconds: .min), upTo: Timestamp(microseconds: .max), in: .utc, catchUp: catchUp)
            #expect(all.slots.count <= 1)
            let first = cron.dueSlots(after: Timestamp(microseconds: .min), upTo: Timestamp(microseconds: .min + 1), in: .utc, catchUp: catchUp)
            #expect(first.slots.isEmpty)
        }
    }

    @Test func noSlotIsPlannedTwiceHoweverTheClockMoves() throws {
        var random = Seeded(31)
        for (name, start) in [("UTC", "2026-01-01T00:00:00"), ("Europe/Berlin", "2026-10-24T20:00:00"), ("Europe/Berlin", "2026-03-28T20:00:00")] {
            let rules = try zone(name)
            for text in ["* * * * *", "*/7 1-3 * * *", "30 2 * * *", "0 * * * *"] {
                let cron = try CronExpression(text)
                let begin = try time(start)
                var now = begin
                var last = now
                var seen: [Timestamp] = []
                for _ in 0..<300 {
                    // Mostly forward, sometimes back, as after a correction of the clock.
                    now = now.adding(seconds: Int64.random(in: -100...400, using: &random))
                    seen += cron.dueSlots(after: last, upTo: now, in: rules, catchUp: .all(seconds: 86_400)).slots
                    last = max(last, now)
                }
                var expected: [Timestamp] = []
                var at = begin
                while let slot = cron.next(after: at, in: rules), slot <= last {
                    expected.append(slot)
                    at = slot
                }
                #expect(seen == expected, "\(text) in \(name)")
            }
        }
    }

    @Test func aScheduleSaysWhatIsWrongWithIt() {
        let good = JobSchedule(name: "nightly", cron: "0 3 * * *", zone: "Europe/Berlin", draft: JobDraft(kind: "radar.index"))
        #expect(good.fault == nil && good.catchUp == .last && !good.isPaused)
        func text(_ n: Int) -> String { String(repeating: "x", count: n) }
        let cases: [(reason: String?, change: (inout JobSchedule) -> Void)] = [
            (nil, { $0.name = text(256) }), (nil, { $0.zone = "UTC" }), (nil, { $0.isPaused = true }), (nil, { $0.catchUp = .all(seconds: 60) }),
            (nil, { $0.catchUp = .all(seconds: 366 * 86_400) }), (nil, { $0.draft.args = Array(" [1, 2] ".utf8) }), (nil, { $0.draft.kind = text(256) }),
            ("name must have 1 to 256 bytes", { $0.name = "" }), ("name must have 1 to 256 bytes", { $0.name = text(257) }),
            ("name must have 1 to 256 bytes", { $0.name = "a\0" }),
            ("cron: 0 fields instead of 5: minute, hour, day-of-month, month, day-of-week", { $0.cron = "" }),
            ("cron: hour: \"24\" is not in 0-23", { $0.cron = "0 24 * * *" }),
            ("cron: day-of-month: no chosen month has a day 30", { $0.cron = "0 0 30 FEB *" }),
            ("zone must be a time zone's name, such as Europe/Berlin", { $0.zone = "" }),
            ("zone must be a time zone's name, such as Europe/Berlin", { $0.zone = "../../etc/passwd" }),
            ("catch_up window must be 60 to 31622400 s", { $0.catchUp = .all(seconds: 59) }),
            ("catch_up window must be 60 to 31622400 s", { $0.catchUp = .all(seconds: 31_622_401) }),
            ("kind must have 1 to 256 bytes", { $0.draft.kind = "" }), ("kind must have 1 to 256 bytes", { $0.draft.kind = text(257) }),
            ("kind must not contain NUL", { $0.draft.kind = "a\0" }), ("run_at is the schedule's own", { $0.draft.runAt = Timestamp(seconds: 0) }),
            ("unique_key is the schedule's own", { $0.draft.uniqueKey = "u" }), ("priority must be 1 to 9", { $0.draft.priority = 0 }),
            ("timeout_ms must be 0 to 86400000", { $0.draft.timeoutMs = -1 }), ("max_attempts must be 1 to 1000", { $0.draft.maxAttempts = 0 }),
            ("at most 32 tags of 1 to 128 bytes", { $0.draft.tags = [""] }), ("args: JSON: ends in the middle at byte 0", { $0.draft.args = [] }),
            ("args: JSON: data after the document at byte 2", { $0.draft.args = Array("{}x".utf8) }),
        ]
        for (index, (reason, change)) in cases.enumerated() {
            var schedule = good
            change(&schedule)
            #expect(schedule.fault == reason, "case \(index)")
        }
    }
}
