import API
import Bytes
import Testing

@testable import Heliograph

@Suite struct CommandTests {
    private static let now = Timestamp(seconds: 1_800_000_000)

    private static func arguments(_ line: [String]) throws -> Arguments { try Arguments(line, switches: JobsCommand.switches.union(["json"])) }
    private static func action(_ line: String...) throws -> any JobsAction { try JobsCommand.action(arguments(line)) }

    @Test func `spans, times and rates are read as people write them`() throws {
        for (text, seconds) in [("30s", 30), ("15m", 900), ("2h", 7200), ("3d", 259_200), ("0s", 0)] as [(String, Int64)] {
            #expect(OperatorText.seconds(text) == seconds)
            #expect(try OperatorText.since(text, "since", now: Self.now) == Self.now.adding(seconds: -seconds))
        }
        for bad in ["", "s", "2", "-2h", "2 h", "2w", "h2", "99999999999d", "２h"] {
            #expect(OperatorText.seconds(bad) == nil)
            #expect(throws: UsageError.self, "\(bad)") { try OperatorText.since(bad, "since", now: Self.now) }
        }
        #expect(try OperatorText.since("2026-01-31T08:00:00+08:00", "since", now: Self.now) == RFC3339.parse("2026-01-31T00:00:00Z"))
        for (text, rate) in [("200/s", 200), ("600/m", 10), ("36/h", 0.01), ("5", 5), ("0.5/s", 0.5)] as [(String, Double)] {
            #expect(try OperatorText.perSecond(text) == rate)
        }
        for bad in ["", "/s", "5/", "5/d", "0/s", "-1/s", "inf/s", "nan", "5/s/s", "x/s"] {
            #expect(throws: UsageError.self, "\(bad)") { try OperatorText.perSecond(bad) }
        }
    }

    @Test func `replay flags become the filter that the server knows`() throws {
        let line = [
            "replay", "--kind", "mail.send", "--state", "discarded", "--state", "cancelled", "--error", "100%'", "--since", "2h", "--tag=a", "--args",
            "to.id=5",
            "--args", "to.city=Bonn", "--args", "note=a=b", "--args", "n={\"x\":[1]}", "--id", "7", "--min-attempt", "2", "--rate", "200/s", "--to-queue", "q",
            "--priority", "3", "--dry-run",
        ]
        let order = try ReplayFlags.order(try Self.arguments(line), now: Self.now)
        #expect(
            order.filter == [
                "kind": "mail.send", "state": ["discarded", "cancelled"], "error": "100%'", "tag": "a", "since": "2027-01-15T06:00:00Z", "min_attempt": 2,
                "ids": [7], "args": ["to.id": 5, "to.city": "Bonn", "note": "a=b", "n": ["x": [1]]],
            ])
        #expect(order.perSecond == 200 && order.isDryRun && order.queue == "q" && order.priority == 3)
        let starts: [([String], Bool)] = [(["--kind", "a"], false), (["--kind", "a", "--yes"], true), (["--all", "--yes", "--preview"], false)]
        for (flags, isStart) in starts {
            let action = try #require(try JobsCommand.action(try Self.arguments(["replay"] + flags)) as? ReplayAction)
            if case .start = action { #expect(isStart, "\(flags)") } else { #expect(!isStart, "\(flags)") }
        }
    }

    @Test func `a command line that is wrong is refused before anything is asked`() {
        let lines: [[String]] = [
            [], ["frob"], ["list", "x"], ["list", "--state", "lost"], ["list", "--limit", "0"], ["list", "--frob", "1"], ["show"], ["show", "x"],
            ["show", "0"],
            ["why"], ["retry", "-1"], ["cancel"], ["cancel", "x"], ["cancel", "1", "--kind", "a"], ["discard", "--yes"], ["enqueue"],
            ["enqueue", "a", "--args", "{"], ["enqueue", "a", "--priority", "0"], ["enqueue", "a", "--run-at", "soon"], ["pause"], ["pause", "a", "b"],
            ["limit", "a", "--none", "--max", "1"], ["limit", "a", "--rate", "fast"], ["limit"], ["replay"], ["replay", "--since", "soon", "--kind", "a"],
            ["replay", "--args", "x", "--kind", "a"], ["replay", "--args", "=x"], ["replay", "--rate", "20001/s", "--all"], ["replay", "stop", "1"],
            ["replay", "show", "x"], ["replay", "--id", "x"], ["replay", "--limit", "5", "--all"], ["schedule"], ["schedule", "add", "n"],
            ["schedule", "add", "n", "--cron", "* * * * *"], ["schedule", "frob", "n"],
            ["schedule", "add", "n", "--cron", "x", "--kind", "a", "--window", "2h"],
            ["schedule", "add", "n", "--cron", "x", "--kind", "a", "--catch-up", "some"], ["stats", "x"], ["audit", "--limit", "501"],
            ["brokers", "--limit", "5"],
        ]
        for line in lines { #expect(throws: (any Error).self, "\(line)") { _ = try JobsCommand.action(try Self.arguments(line)) } }
    }

    @Test func `each reason why a job waits is one plain sentence`() {
        let cases: [(JSONValue, String)] = [
            (["reason": "finished", "at": "T", "error": .null], "It finished at T."),
            (["reason": "finished", "at": "T", "error": "x"], "It finished at T; its last error was: x."),
            (
                ["reason": "running", "since": "2026-01-01T00:00:00.123+01:00", "broker": "b", "epoch": 3],
                "It has been running since 2025-12-31T23:00:00Z for broker 'b'."
            ),
            (["reason": "running", "since": "T", "broker": "b", "epoch": 3], "It has been running since T for broker 'b'."),
            (
                ["reason": "running", "since": "T", "broker": .null, "epoch": 3],
                "It has been running since T for a broker that is gone; it is offered again soon."
            ),
            (["reason": "cancelling", "since": "T"], "It was asked to stop at T and ends as cancelled unless it succeeds first."),
            (["reason": "not_due", "run_at": "T", "attempt": 0, "error": .null], "It waits for its time, T."),
            (["reason": "not_due", "run_at": "T", "attempt": 2, "error": "x"], "It waits for its time, T (attempt 2 failed: x)."),
            (["reason": "due", "run_at": "T"], "Its time has come (T); the brokers make it available within a second or so."),
            (
                ["reason": "key", "ordering_key": "k", "holder": 7, "holder_state": "running", "ahead": 1],
                "It waits for job 7 (running), which has the same ordering key 'k'; 1 job of this key is before it."
            ),
            (
                ["reason": "key", "ordering_key": "k", "holder": .null, "holder_state": .null, "ahead": 2],
                "It waits for an earlier job, which has the same ordering key 'k'; 2 jobs of this key are before it."
            ),
            (["reason": "paused", "queue": "q", "since": "T", "by": "olga"], "The queue 'q' is paused since T by olga."),
            (["reason": "paused", "queue": "*", "since": "T", "by": "olga"], "All queues are paused since T by olga."),
            (["reason": "limit", "kind": "a", "running": 3, "max_running": 3], "The kind 'a' may have 3 jobs running at once, and has 3."),
            (["reason": "rate", "kind": "a", "per_second": 10.0, "burst": 2], "The kind 'a' has used up its starts for now (10 a second, at most 2 at once)."),
            (["reason": "no_worker", "kind": "a"], "No worker that is connected serves the kind 'a'."),
            (["reason": "busy", "workers": 1], "The one worker that serves its kind is busy."),
            (["reason": "busy", "workers": 4], "All 4 workers that serve its kind are busy."),
            (["reason": "behind", "ahead": 0, "capped": false], "Nothing stands in its way; it is the next of its kind."),
            (["reason": "behind", "ahead": 1, "capped": false], "It waits behind 1 job of its kind that comes first."),
            (["reason": "behind", "ahead": 10_000, "capped": true], "It waits behind more than 10000 jobs of its kind that come first."),
            (["reason": "new_one"], "new_one."),
        ]
        for (reason, sentence) in cases { #expect(JobReason.sentence(reason) == sentence) }
        let why: JSONValue = [
            "id": 5, "state": "available", "reasons": [["reason": "paused", "queue": "*", "since": "T", "by": "o"], ["reason": "busy", "workers": 2]],
        ]
        #expect(
            JobAction.reasons(why) == """
                job 5 is available
                  All queues are paused since T by o.
                  All 2 workers that serve its kind are busy.
                """)
    }

    @Test func `tables line up, and nothing in them steers a terminal`() throws {
        let jobs: JSONValue = [
            [
                "id": 12, "state": "available", "kind": "mail", "queue": "default", "attempt": 1, "max_attempts": 25,
                "created_at": "2026-01-01T00:00:00.123456Z",
                "error": "a\u{1B}[31mred\nline\u{202E}", "blocked": true,
            ]
        ]
        #expect(
            try Self.action("list").text(jobs) == """
                ID  STATE                KIND  QUEUE    ATTEMPT  CREATED               ERROR
                12  available (blocked)  mail  default  1/25     2026-01-01T00:00:00Z  a [31mred line
                """)
        let long = TextTable([.init("ERROR", most: 5)], [["error": "123456789"]]).text
        #expect(long == "ERROR\n1234…")
        #expect(TextTable([.init("A")], []).text == "A")
    }

    @Test func `answers are said in words`() throws {
        let cases: [([String], JSONValue, String)] = [
            (["retry", "5"], ["id": 5, "retried": 5, "copied": false], "job 5 is available now"),
            (["retry", "5"], ["id": 9, "retried": 5, "copied": true], "job 5 runs again as job 9"),
            (["enqueue", "a"], ["id": 9, "duplicate": false], "job 9 is enqueued"),
            (["enqueue", "a"], ["id": 9, "duplicate": true], "job 9 holds this unique key already; nothing was added"),
            (
                ["cancel", "1", "2", "3", "4"],
                [["id": 1, "outcome": "cancelled"], ["id": 2, "outcome": "asked"], ["id": 3, "outcome": "finished"], ["id": 4, "outcome": "unknown"]],
                "job 1 is cancelled\njob 2 is running; it was asked to stop\njob 3 has finished already\nthere is no job 4"
            ),
            (["discard", "--kind", "a", "--yes"], ["stopped": 5, "asked": 1], "5 jobs discarded, 1 running ones asked to stop"),
            (["cancel", "--kind", "a"], ["matches": 0, "sample": []], "no unfinished job matches"),
            (["pause", "q"], ["queue": "q", "paused": true, "changed": true], "queue q: paused"),
            (["resume", "*"], ["queue": "*", "paused": false, "changed": false], "all queues: nothing to change"),
            (["limits"], [], "no limits"), (["limit", "a", "--none"], ["kind": "a", "removed": true], "kind a is not limited any more"),
            (["limit", "a", "--max", "2"], ["kind": "a", "max_running": 2], "KIND  MAX RUNNING  PER SECOND  BURST\na     2"),
            (
                ["replay", "--all", "--yes"], ["id": 3, "expected": 10, "dry_run": false],
                "replay 3 of 10 jobs has begun; 'heliograph jobs replay show 3' tells how far it is"
            ),
            (["replay", "--all"], ["matches": 0, "sample": []], "no finished job matches"), (["schedules"], [], "no schedules"),
            (["schedule", "run", "n"], ["name": "n", "id": 4], "job 4 is enqueued"),
            (["schedule", "remove", "n"], ["name": "n", "removed": true], "schedule n is removed"),
        ]
        for (line, answer, words) in cases { #expect(try JobsCommand.action(try Self.arguments(line)).text(answer) == words) }
        let preview = try Self.action("replay", "--kind", "mail", "--rate", "10/s").text(
            [
                "matches": 25,
                "sample": [["id": 9, "state": "discarded", "kind": "mail", "queue": "q", "finished_at": "2026-01-01T00:00:00Z", "error": "timeout"]],
            ])
        #expect(
            preview == """
                25 finished jobs match, the newest of them:
                ID  STATE      KIND  QUEUE  FINISHED              ERROR
                9   discarded  mail  q      2026-01-01T00:00:00Z  timeout
                Nothing was started. Add --yes to run them again (about 3 s).
                """)
        let stats = try Self.action("stats").text(
            [
                "jobs": [["state": "available", "kind": "a", "count": 10_000, "capped": true]],
                "finished_today": [["state": "completed", "kind": "a", "count": 2, "mean_wait_ms": 1.5, "mean_run_ms": 3]], "finished_24h": [],
                "paused": [["queue": "q"]],
            ])
        #expect(
            stats == """
                unfinished
                STATE      KIND  JOBS
                available  a     10000+

                finished today (UTC)
                STATE      KIND  JOBS  MEAN WAIT MS  MEAN RUN MS
                completed  a     2     1.5           3

                finished in 24 hours
                STATE  KIND  JOBS  MEAN WAIT MS  MEAN RUN MS

                paused: q
                """)
    }
}
