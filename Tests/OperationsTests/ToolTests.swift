import API
import Bytes
import Testing

@testable import Heliograph

/// The command line against a database, without its process.
@Suite struct ToolTests {
    private static func run(_ desk: Desk, _ line: [String]) async throws -> String {
        let action = try JobsCommand.action(try Arguments(line, switches: JobsCommand.switches))
        return action.text(try await action.ask(desk.pool, by: "cli:me"))
    }

    @Test func `every command does over the database what it says`() async throws {
        try await atDesk { desk in
            for id in 1...3 { try await desk.finish(id, "mail", error: "timeout") }
            let steps: [([String], String)] = [
                (["pause", "default"], "queue default: paused"),
                (["enqueue", "mail", "--args", #"{"to":"x"}"#, "--unique-key", "u", "--tag", "a", "--tag", "b", "--run-at", "10m"], "job 1001 is enqueued"),
                (["enqueue", "mail", "--unique-key", "u"], "job 1001 holds this unique key already; nothing was added"),
                (["retry", "1001"], "job 1001 is available now"),
                (["retry", "1"], "job 1 runs again as job 1003"),
                (["limit", "mail", "--max", "2", "--rate", "120/m"], "KIND  MAX RUNNING  PER SECOND  BURST\nmail  2            2.0         2"),
                (["limit", "mail", "--none"], "kind mail is not limited any more"),
                (
                    ["replay", "--kind", "mail", "--error", "TIMEOUT", "--since", "1h", "--yes", "--dry-run"],
                    "dry run 1 of 3 jobs has begun; 'heliograph jobs replay show 1' tells how far it is"
                ),
                (["cancel", "--kind", "mail", "--yes"], "2 jobs cancelled"),
                (["schedule", "add", "s", "--cron", "@daily", "--kind", "report", "--catch-up", "all", "--window", "2h"], "schedule s is set: @daily in UTC"),
                (["schedule", "pause", "s"], "schedule s: paused"),
                (["schedule", "run", "s"], "job 1004 is enqueued"),
                (["schedule", "remove", "s"], "schedule s is removed"),
                (["discard", "1004"], "job 1004 is discarded"),
                (["resume", "default"], "queue default: resumed"),
            ]
            for (line, words) in steps {
                let said = try await Self.run(desk, line)
                #expect(said == words, "\(line): \(said)")
            }
            for line in [
                ["list", "--error", "timeout"], ["show", "1"], ["why", "1"], ["stats"], ["queues"], ["limits"], ["replays"], ["replay", "show", "1"],
                ["replay", "pause", "1"], ["replay", "resume", "1"], ["replay", "cancel", "1"], ["schedules"], ["brokers"], ["audit", "--limit", "5"],
                ["replay", "--kind", "mail"], ["cancel", "--kind", "mail"],
            ] { #expect(try await Self.run(desk, line).isEmpty == false, "\(line)") }
            for line in [
                ["show", "99"], ["why", "99"], ["retry", "99"], ["replay", "show", "99"], ["schedule", "show", "x"], ["replay", "--kind", "x", "--yes"],
            ] {
                // Not in a closure of the macro's: that would leave the loop.
                do {
                    Issue.record("\(line): \(try await Self.run(desk, line))")
                } catch let error as OperationError {
                    #expect(error.reason == .unknown, "\(line)")
                }
            }
            let notes = try await desk.audit()
            #expect(notes.count == 17 && notes.allSatisfy { $0.hasPrefix("cli:me ") }, "\(notes)")
        }
    }
}
