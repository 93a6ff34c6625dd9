import Bytes
import HandlerKit
import Postgres
import Protocol
import Reactor
import Testing

@testable import Broker

/// One thing done to a queue. Jobs are named by the order in which their ids first appear: j1, j2, …
enum Step: Sendable {
    case insert([JobDraft], claim: Bool = false)
    case claim(String, Int, queues: [String] = ["default"], isLimited: Bool = false)
    case end([(job: String, attempt: Int, how: StoreWork.Outcome.Kind)])
    case lose([(job: String, attempt: Int)])
    case adopt([(job: String, attempt: Int)])
    case progress(String, Int, String)
    case promote, control, cancelAsked, strays
    case unblock([String])
    case lanes([String])
    case stop(String, JobState)
    case pause(String)
    case resume(String)
    case limit(String, Int)
    /// Seconds.
    case pass(Int)

    static func end(_ job: String, _ attempt: Int = 1, _ how: StoreWork.Outcome.Kind) -> Step { .end([(job, attempt, how)]) }
    static func insert(_ draft: JobDraft) -> Step { .insert([draft]) }
}

private let failed = StoreWork.Outcome.Kind.failed(JobFailure("broken"), retryInMs: 60_000)
private let hopeless = StoreWork.Outcome.Kind.failed(JobFailure("hopeless", isRetryable: false), retryInMs: 60_000)
private let done = StoreWork.Outcome.Kind.done(output: [])

/// What keeps the store in memory as it should be: the same operations on PostgreSQL and on it, the same answers and the same rows after each.
@Suite(.timeLimit(.minutes(2))) struct StoreParityTests {
    static let scripts: [(name: String, steps: [Step])] = [
        (
            "unique keys",
            [
                .insert(JobDraft(kind: "a", uniqueKey: "k")), .insert(JobDraft(kind: "a", uniqueKey: "k")),
                .insert([JobDraft(kind: "a", uniqueKey: "l"), JobDraft(kind: "b", uniqueKey: "l"), JobDraft(kind: "a", uniqueKey: "k"), JobDraft(kind: "a")]),
                .claim("a", 1), .insert(JobDraft(kind: "a", uniqueKey: "k")), .end("j1", 1, failed),
                .claim("a", 9), .insert(JobDraft(kind: "a", uniqueKey: "k")), .end("j4", 1, .returned), .promote,
            ]
        ),
        (
            "a key that a retry holds",
            [
                .insert(JobDraft(kind: "a", uniqueKey: "k")), .claim("a", 1), .end("j1", 1, failed), .insert(JobDraft(kind: "a", uniqueKey: "k")), .pass(61),
                .insert(JobDraft(kind: "a", uniqueKey: "k")), .promote, .claim("a", 1), .insert(JobDraft(kind: "a", uniqueKey: "k")), .lose([("j1", 2)]),
            ]
        ),
        (
            "two runs of one key that fail together",
            [
                .insert([JobDraft(kind: "a", uniqueKey: "k")]), .claim("a", 1), .insert([JobDraft(kind: "a", uniqueKey: "k")]), .claim("a", 1),
                .end([("j1", 1, failed), ("j2", 1, failed)]),
            ]
        ),
        (
            "claimed as they are inserted",
            [
                .insert([JobDraft(kind: "a", uniqueKey: "k"), JobDraft(kind: "a", uniqueKey: "k")], claim: true),
                .insert(JobDraft(kind: "a", uniqueKey: "k")), .end("j1", 1, failed), .strays,
                .insert([JobDraft(kind: "a", uniqueKey: "k")], claim: true), .end([("j2", 1, done)]),
            ]
        ),
        (
            "ordering keys",
            [
                .insert([JobDraft(kind: "a", orderingKey: "o"), JobDraft(kind: "a", orderingKey: "o"), JobDraft(kind: "b", orderingKey: "o")]),
                .insert(JobDraft(kind: "a", priority: 1, orderingKey: "o")), .claim("a", 9), .unblock(["o", "none"]), .end("j1", 1, failed), .unblock(["o"]),
                .pass(61), .promote, .claim("a", 9), .end("j1", 2, done), .unblock(["o"]), .stop("j2", .cancelled), .unblock(["o", "o"]), .claim("a", 9),
                .claim("b", 9), .end("j3", 1, .snoozed(ms: 5_000)), .unblock(["o"]), .stop("j4", .discarded), .stop("j3", .discarded), .unblock(["o"]),
            ]
        ),
        (
            "a scheduled job waits blocked as well",
            [
                .insert(JobDraft(kind: "a", orderingKey: "o")), .insert(JobDraft(kind: "a", runAt: KitClock.usualStart.adding(seconds: 10), orderingKey: "o")),
                .pass(11), .promote, .claim("a", 9), .end("j1", 1, done), .unblock(["o"]), .claim("a", 9),
            ]
        ),
        (
            "attempts",
            [
                .insert(JobDraft(kind: "a", maxAttempts: 3)), .claim("a", 1), .end("j1", 1, failed), .pass(40), .promote, .pass(21), .promote, .claim("a", 1),
                .end("j1", 2, .snoozed(ms: 3_600_000)), .pass(3_601), .promote, .claim("a", 1), .end("j1", 3, .returned), .claim("a", 1), .lose([("j1", 4)]),
                .claim("a", 1), .end("j1", 5, failed), .insert([JobDraft(kind: "a"), JobDraft(kind: "a", maxAttempts: 1)]), .claim("a", 9),
                .end([("j2", 1, hopeless)]), .lose([("j3", 1)]), .end("j2", 1, .snoozed(ms: 0)),
            ]
        ),
        (
            "late, double and unknown ends",
            [
                .insert([JobDraft(kind: "a"), JobDraft(kind: "a"), JobDraft(kind: "a")]), .claim("a", 3), .end("j1", 2, done), .end("j1", 1, done),
                .end("j1", 1, done),
                .end("j1", 1, failed), .end([("j2", 1, failed), ("j2", 1, done)]), .lose([("j1", 1), ("j3", 7)]), .end("j3", 1, .returned), .end("j3", 1, done),
            ]
        ),
        (
            "cancel",
            [
                .insert((0..<5).map { _ in JobDraft(kind: "a") }), .stop("j1", .cancelled), .claim("a", 9), .stop("j2", .cancelled), .stop("j3", .cancelled),
                .stop("j4", .discarded), .stop("j5", .cancelled), .cancelAsked, .end("j2", 1, failed), .end("j3", 1, done),
                .end("j4", 1, .snoozed(ms: 1_000)), .lose([("j5", 1)]), .stop("j1", .cancelled), .cancelAsked,
            ]
        ),
        (
            "priorities, queues, pause and limits",
            [
                .insert([
                    JobDraft(kind: "a", priority: 9), JobDraft(kind: "a", priority: 1), JobDraft(kind: "a", queue: "slow", priority: 1), JobDraft(kind: "b"),
                    JobDraft(kind: "a"), JobDraft(kind: "a"),
                ]), .lanes(["a", "b", "c"]), .pause("slow"), .control, .claim("a", 2, queues: ["slow", "default"]), .resume("slow"), .pause("*"),
                .claim("a", 9), .resume("*"), .limit("a", 3), .control, .claim("a", 9, queues: ["slow", "default"], isLimited: true), .end("j2", 1, done),
                .claim("a", 9, isLimited: true), .limit("a", 0), .claim("a", 9, queues: ["slow"], isLimited: true), .lanes(["a"]), .claim("a", 9), .strays,
            ]
        ),
        (
            "time",
            [
                .insert([
                    JobDraft(kind: "a", queue: "q", runAt: KitClock.usualStart.adding(seconds: 20)),
                    JobDraft(kind: "b", runAt: KitClock.usualStart.adding(seconds: 10)), JobDraft(kind: "a", runAt: KitClock.usualStart.adding(seconds: -10)),
                ]), .promote, .pass(11), .promote, .pass(10), .promote, .lanes(["a", "b"]),
            ]
        ),
        (
            "progress, output and adoption",
            [
                .insert([JobDraft(kind: "a"), JobDraft(kind: "a")]), .claim("a", 2), .progress("j1", 1, #"{"n": 1}"#), .progress("j1", 2, "2"),
                .progress("j2", 1, #""\u0000""#), .adopt([("j1", 1), ("j2", 2)]), .end("j1", 1, .returned),
                .end("j2", 1, .done(output: Array(#"{"n": 3}"#.utf8))), .claim("a", 1), .end("j1", 2, .done(output: Array(#"["\u0000"]"#.utf8))),
            ]
        ),
    ]

    @Test(arguments: scripts.indices) func theSameOperationsHaveTheSameOutcomesAsInPostgreSQL(_ index: Int) async throws {
        let script = Self.scripts[index]
        let loop = EventLoop(name: "parity")
        defer { loop.stop() }
        try await loop.run { loop in
            let config = try await ScratchServer.database(migrations: projectRoot + "/Migrations", on: loop)
            let real = try await PostgresWorld.open(config, on: loop)
            let kit = MemoryWorld()
            let (players) = (Player(real), Player(kit))
            for (number, step) in script.steps.enumerated() {
                let (expected, actual) = (try await players.0.play(step), try await players.1.play(step))
                #expect(actual == expected, "\(script.name), step \(number + 1): \(step)")
                if actual != expected { break }
            }
            await real.close(on: loop)
        }
    }
}
