import Bytes
import HandlerKit
import Protocol
import Reactor
import Testing
import Workers

/// What a test reads when it fails.
@Suite(.timeLimit(.minutes(1))) struct RequirementTests {
    private func text(_ body: () async throws -> Void) async -> String {
        do {
            try await body()
            return "nothing was thrown"
        } catch {
            return String(describing: error)
        }
    }

    @Test func aJobThatIsMissingIsReportedWithThoseThatAreThere() async throws {
        try await KitFleet.run { fleet, loop in
            #expect(await text { try fleet.requireEnqueued("mail.send") } == "no job 'mail.send' was enqueued, nor any other")
            try await fleet.enqueue("report", ["day": "monday"], on: loop)
            #expect(
                await text { try fleet.requireEnqueued("mail.send") } == """
                    no job 'mail.send' was enqueued; these were:
                      #1 report {"day":"monday"}: available, attempt 0 of 25
                    """)
            let draft = JobDraft(
                kind: "mail.send", args: Array(#"{"to":"a@example.org"}"#.utf8), queue: "slow", runAt: fleet.now.adding(.hours(1)), uniqueKey: "k",
                tags: ["night"], orderingKey: "o")
            try await fleet.enqueue(draft, on: loop)
            #expect(
                await text { try fleet.requireEnqueued("mail.send") { $0["to"]?.string == "b@example.org" } } == """
                    no job 'mail.send' meets the condition; enqueued were:
                      #2 mail.send {"to":"a@example.org"}: scheduled, attempt 0 of 25, queue slow, run_at 2026-01-01T01:00:00Z, unique key k, ordering key o, tags night
                    """)
            #expect(try fleet.requireEnqueued("mail.send") { $0["to"]?.string == "a@example.org" }.id == 2)
            #expect(
                await text { try fleet.requireNotEnqueued("report") } == """
                    jobs 'report' were enqueued that should not have been:
                      #1 report {"day":"monday"}: available, attempt 0 of 25
                    """)
            try fleet.requireNotEnqueued("report") { $0["day"] == "tuesday" }
        }
    }

    @Test func longListsAndLongArgumentsAreCut() async throws {
        try await KitFleet.run { fleet, loop in
            for n in 0..<25 { try await fleet.enqueue("k", ["n": .int(n), "text": .string(String(repeating: "x", count: 1_000))], on: loop) }
            let lines = await text { try fleet.requireEnqueued("other") }.split(separator: "\n")
            #expect(lines.count == 22 && lines.last == "  … and 5 more" && lines.allSatisfy { $0.count < 300 })
        }
    }

    @Test func aDrainThatDoesNotEndSaysWhatRuns() async throws {
        try await KitFleet.run { fleet, loop in
            fleet.onJob("endless", on: loop) { _ in while !Task.isCancelled { await loop.sleep(ns: 1_000_000) } }
            try await fleet.enqueue("endless", ["n": 1], on: loop)
            #expect(
                await text { try await fleet.drain(limit: .milliseconds(30), on: loop) } == """
                    not drained within 0.03 seconds; these run or should:
                      #1 endless {"n":1}: running, attempt 1 of 25
                    """)
        }
    }

    @Test func anAdvanceThatDoesNotEndSaysHowFarItCame() async throws {
        try await KitFleet.run { fleet, loop in
            fleet.onJob("again", on: loop) { _ in throw JobSnooze(milliseconds: 1_000) }
            try await fleet.enqueue("again", on: loop)
            let said = await text { try await fleet.advance(by: .days(3_650), limit: .milliseconds(30), on: loop) }
            let hasBegun = said.hasPrefix("advance(by: 315360000.0 seconds) has come to the jobs due at 2026-01-01T00:") || said.hasPrefix("not drained within")
            #expect(hasBegun && said.contains("#1 again {}"), "\(said)")
        }
    }
}
