import Bytes
import HandlerKit
import Protocol
import Reactor
import Testing
import Workers
import ZeroMQ

@Suite(.timeLimit(.minutes(1))) struct KitFleetTests {
    @Test func aJobRunsWithItsArgumentsAndKeepsItsOutput() async throws {
        try await KitFleet.run { fleet, loop in
            fleet.onJob("add", on: loop) { context in
                let args = try context.json()
                try context.setOutput(.int((args["a"]?.int ?? 0) + (args["b"]?.int ?? 0)))
            }
            let id = try await fleet.enqueue("add", ["a": 1, "b": 2], on: loop).id
            try await fleet.drain(on: loop)
            let job = try #require(fleet.job(id))
            #expect(job.state == .completed && job.outputText == "3" && job.attempt == 1 && job.finishedAt == fleet.now)
            #expect(fleet.jobs(kind: "add", state: .completed).map(\.id) == [id])
        }
    }

    @Test func aThousandJobsDrainInTheOrderOfTheirPriorities() async throws {
        var options = KitFleet.options
        options.slots = 1
        options.prefetch = 0
        try await KitFleet.run(options: options) { fleet, loop in
            await fleet.pause("*", on: loop)
            var ran: [Int] = []
            fleet.onJob("n", on: loop) { context in ran.append(try context.json()["p"]?.int ?? 0) }
            for n in 0..<1_000 {
                let p = 1 + n % 9
                try await fleet.enqueue(JobDraft(kind: "n", args: Array("{\"p\":\(p)}".utf8), priority: p), on: loop)
            }
            try await fleet.drain(on: loop)
            #expect(ran.isEmpty)
            await fleet.resume("*", on: loop)
            try await fleet.drain(on: loop)
            #expect(ran.count == 1_000 && ran == ran.sorted())
        }
    }

    @Test func retriesOfTwentyDaysPassAtOnceEachAtItsTime() async throws {
        try await KitFleet.run { fleet, loop in
            var at: [Timestamp] = []
            fleet.onJob("flaky", on: loop) { context in
                at.append(fleet.now)
                if context.attempt < 25 { throw JobFailure("attempt \(context.attempt)") }
            }
            let id = try await fleet.enqueue("flaky", on: loop).id
            try await fleet.drain(on: loop)
            #expect(at == [KitClock.usualStart] && fleet.job(id)?.state == .retryable)
            try await fleet.advance(by: .days(30), on: loop)
            #expect(at.count == 25)
            #expect(fleet.job(id)?.state == .completed)
            #expect(fleet.job(id)?.errors.map(\.error) == (1...24).map { "attempt \($0)" })
            for n in 1..<25 { #expect(at[n].seconds(since: at[n - 1]) == Double(RetryPolicy.standard.delayMs(attempt: n, jobID: id)) / 1_000) }
            #expect(fleet.now == KitClock.usualStart.adding(.days(30)))
        }
    }

    @Test func argumentsThatCannotBeDecodedAreDiscardedWithTheReasonAfterThePolicy() async throws {
        try await KitFleet.run { fleet, loop in
            fleet.onJob("strict", retry: .every(ms: 60_000, maxAttempts: 3), on: loop) { context in
                guard let to = try context.json()["to"]?.string else { throw JobFailure("args.to must be a text") }
                try context.setOutput(.string(to))
            }
            let id = try await fleet.enqueue("strict", ["to": 7], on: loop).id
            try await fleet.advance(by: .minutes(1), on: loop)
            #expect(fleet.job(id)?.state == .retryable || fleet.job(id)?.attempt == 2)
            try await fleet.advance(by: .minutes(5), on: loop)
            let job = try #require(fleet.job(id))
            #expect(job.state == .discarded && job.attempt == 3 && job.maxAttempts == 25)
            #expect(job.errors.map(\.error) == Array(repeating: "args.to must be a text", count: 3))
            let told = fleet.events(on: Topic.jobs("strict"))
            #expect(told.map { String(decoding: $0.payload, as: UTF8.self) } == [#"{"type":"discarded","id":1,"attempt":3,"error":"args.to must be a text"}"#])
        }
    }

    @Test func aSnoozeTakesNoAttemptAndWaits() async throws {
        try await KitFleet.run { fleet, loop in
            var runs = 0
            fleet.onJob("later", on: loop) { context in
                runs += 1
                if runs < 4 { throw JobSnooze(milliseconds: 3_600_000) }
            }
            let id = try await fleet.enqueue(JobDraft(kind: "later", maxAttempts: 1), on: loop).id
            try await fleet.drain(on: loop)
            #expect(fleet.job(id)?.state == .scheduled && fleet.job(id)?.maxAttempts == 2)
            try await fleet.advance(by: .minutes(59), on: loop)
            #expect(runs == 1)
            try await fleet.advance(by: .hours(3), on: loop)
            #expect(runs == 4 && fleet.job(id)?.state == .completed && fleet.job(id)?.errors.isEmpty == true)
        }
    }

    @Test func aTimeLimitEndsARunAndThePolicySaysWhatFollows() async throws {
        try await KitFleet.run { fleet, loop in
            fleet.onJob("slow", retry: .every(ms: 1_000, maxAttempts: 2), on: loop) { _ in
                while !Task.isCancelled { await loop.sleep(ns: 1_000_000) }
                try Task.checkCancellation()
            }
            let id = try await fleet.enqueue(JobDraft(kind: "slow", timeoutMs: 5), on: loop).id
            try await fleet.drain(on: loop)
            #expect(fleet.job(id)?.state == .retryable)
            try await fleet.advance(by: .seconds(2), on: loop)
            #expect(fleet.job(id)?.state == .discarded)
            #expect(fleet.job(id)?.errors.map(\.error) == ["timed out after 5 ms", "timed out after 5 ms"])
        }
    }

    @Test func waitingAndRunningJobsAreCancelled() async throws {
        try await KitFleet.run { fleet, loop in
            var begun = 0
            fleet.onJob("endless", on: loop) { _ in
                begun += 1
                while !Task.isCancelled { await loop.sleep(ns: 1_000_000) }
                try Task.checkCancellation()
            }
            let waiting = try await fleet.enqueue(JobDraft(kind: "endless", runAt: fleet.now.adding(.hours(1))), on: loop).id
            let running = try await fleet.enqueue("endless", on: loop).id
            while begun == 0 { await loop.sleep(ns: 1_000_000) }
            #expect(await fleet.cancel(waiting, on: loop))
            #expect(fleet.job(waiting)?.state == .cancelled && fleet.job(waiting)?.errors.last?.error == "cancelled by test")
            #expect(await fleet.cancel(running, on: loop))
            try await fleet.drain(on: loop)
            #expect(fleet.job(running)?.state == .cancelled && fleet.job(running)?.errors.last?.error == "cancelled while it ran")
            #expect(await !fleet.cancel(running, on: loop))
        }
    }

    @Test func aUniqueKeyIsHeldWhileItsJobWaits() async throws {
        try await KitFleet.run { fleet, loop in
            let draft = JobDraft(kind: "once", runAt: fleet.now.adding(.hours(1)), uniqueKey: "k")
            let first = try await fleet.enqueue(draft, on: loop)
            let second = try await fleet.enqueue(draft, on: loop)
            #expect(!first.isDuplicate && second.isDuplicate && second.id == first.id)
            fleet.onJob("once", on: loop) { _ in }
            try await fleet.advance(by: .hours(1), on: loop)
            let third = try await fleet.enqueue(draft, on: loop)
            #expect(!third.isDuplicate)
            #expect(fleet.jobs(kind: "once").count == 2)
        }
    }

    @Test func anOrderingKeyRunsItsJobsOneAtATimeInOrder() async throws {
        try await KitFleet.run { fleet, loop in
            var ran: [String] = []
            fleet.onJob("step", retry: .every(ms: 60_000), on: loop) { context in
                let name = try context.json()["n"]?.string ?? ""
                ran.append(name)
                await loop.sleep(ns: 100_000)
                if name == "b", context.attempt == 1 { throw JobFailure("again") }
            }
            for name in ["a", "b", "c", "d"] {
                try await fleet.enqueue(JobDraft(kind: "step", args: JSONValue.object([("n", .string(name))]).bytes, orderingKey: "o"), on: loop)
            }
            try await fleet.drain(on: loop)
            #expect(ran == ["a", "b"])
            #expect(fleet.jobs(state: .available).map(\.isBlocked) == [true, true])
            try await fleet.advance(by: .minutes(2), on: loop)
            #expect(ran == ["a", "b", "b", "c", "d"])
        }
    }

    @Test func pausedQueuesLimitsAndUnservedKindsHoldJobs() async throws {
        try await KitFleet.run { fleet, loop in
            var most = 0
            var now = 0
            fleet.onJob("work", on: loop) { _ in
                now += 1
                most = max(most, now)
                await loop.sleep(ns: 500_000)
                now -= 1
            }
            await fleet.pause("slow", on: loop)
            await fleet.limit("work", running: 2, on: loop)
            for n in 0..<12 { try await fleet.enqueue(JobDraft(kind: "work", queue: n < 6 ? "slow" : "fast"), on: loop) }
            try await fleet.enqueue("nobody.serves", on: loop)
            try await fleet.drain(on: loop)
            #expect(most == 2 && fleet.jobs(state: .completed).count == 6)
            await fleet.limit("work", running: nil, on: loop)
            await fleet.resume("slow", on: loop)
            try await fleet.drain(on: loop)
            #expect(most > 2)
            #expect(fleet.jobs(state: .completed).count == 12)
            #expect(fleet.jobs(state: .available).map(\.kind) == ["nobody.serves"])
        }
    }

    @Test func progressIsKeptAndPublished() async throws {
        try await KitFleet.run { fleet, loop in
            fleet.onJob("long", on: loop) { context in
                for n in 1...3 {
                    try context.setProgress(.int(n))
                    await loop.sleep(ns: 1_000_000)
                }
                fleet.client.publish("alerts.x", Array("{}".utf8), isState: false, on: loop)
            }
            try await fleet.enqueue("long", on: loop)
            try await fleet.drain(on: loop)
            let told = fleet.events(on: Topic.jobs("long")).map { String(decoding: $0.payload, as: UTF8.self) }
            #expect(told == (1...3).map { #"{"type":"progress","id":1,"attempt":1,"progress":\#($0)}"# })
            #expect(fleet.events(on: "alerts.x").count == 1)
        }
    }

    @Test func anErrorOfTenMegabytesIsCut() async throws {
        try await KitFleet.run { fleet, loop in
            fleet.onJob("verbose", retry: .never, on: loop) { _ in throw Verbose() }
            let id = try await fleet.enqueue("verbose", on: loop).id
            try await fleet.drain(on: loop)
            #expect(fleet.job(id)?.state == .discarded && fleet.job(id)?.errors[0].error.utf8.count == JobFailure.maxMessageBytes)
        }
    }

    @Test func anOutputThatJSONBCannotHoldFailsTheRun() async throws {
        try await KitFleet.run { fleet, loop in
            fleet.onJob("nul", on: loop) { context in try context.setOutput("a\u{0}b") }
            let id = try await fleet.enqueue("nul", on: loop).id
            try await fleet.drain(on: loop)
            #expect(fleet.job(id)?.state == .discarded)
            #expect(fleet.job(id)?.errors.map(\.error) == ["output refused: unsupported Unicode escape sequence"])
        }
    }

    @Test func jobsEnqueuedBesideTheBusRunToo() async throws {
        try await KitFleet.run { fleet, loop in
            fleet.onJob("sql", on: loop) { _ in }
            let made = try fleet.store.enqueue(JobDraft(kind: "sql", queue: "q"))
            try await fleet.drain(on: loop)
            #expect(fleet.job(made.id)?.state == .completed)
            #expect(throws: Refusal.self) { try fleet.store.enqueue(JobDraft(kind: "sql", priority: 10)) }
        }
    }
}
