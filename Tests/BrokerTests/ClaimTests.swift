import Bytes
import Protocol
import Testing

@testable import Broker

/// What is claimed, from where, and what may go beyond a window.
@Suite struct ClaimTests {
    private func bench(jobs: Int = 2, kinds: [String] = ["k"]) -> Bench {
        let bench = Bench()
        bench.client("c")
        bench.hello("w", kinds: kinds, windows: Windows(jobs: jobs))
        bench.answerClaims([])
        return bench
    }

    private func run(_ id: Int64, _ attempt: Int = 1) -> JobRun { JobRun(id: id, attempt: attempt) }

    // MARK: Priority

    @Test func anUrgentJobGoesBeforeWhatAWorkerHoldsReady() {
        let bench = bench(jobs: 2)
        bench.core.woken("k")
        bench.answerClaims([bench.job(1), bench.job(2), bench.job(3)])
        #expect(bench.jobs(of: "w") == [1, 2])
        // The window is full of usual jobs; a third usual one waits, an urgent one goes on top.
        bench.core.woken("k", queue: "default", priority: 1)
        bench.answerClaims([bench.job(4, priority: 1)])
        let sent = bench.take("w", .job)
        #expect(sent.map { Int64(bitPattern: $0.header.requestID) } == [4] && sent.map(\.header.aux2) == [1])
        #expect(bench.core.kinds["k"]?.ready.count == 1)
    }

    @Test func beyondAWindowThereIsRoomForAsMuchAgainAndNoMore() {
        let bench = bench(jobs: 2)
        bench.core.woken("k")
        bench.answerClaims([bench.job(1, priority: 9), bench.job(2, priority: 9)])
        for n in 0..<5 as Range<Int64> { bench.core.woken("k", queue: "default", priority: 1 + Int(n % 2)) }
        bench.answerClaims((0..<5).map { bench.job(10 + $0, priority: 1) })
        #expect(bench.jobs(of: "w") == [1, 2, 10, 11])
        // Equals do not push ahead.
        let other = self.bench(jobs: 1)
        other.core.woken("k")
        other.answerClaims([other.job(1)])
        other.core.woken("k", queue: "default", priority: 5)
        other.answerClaims([other.job(2)])
        #expect(other.jobs(of: "w") == [1])
    }

    @Test func anUrgentJobIsClaimedThoughEnoughIsReady() {
        let bench = bench(jobs: 2)
        bench.core.woken("k")
        bench.answerClaims((1...4).map { bench.job($0) })
        _ = bench.core.takeWork()
        bench.core.woken("k", queue: "default", priority: 5)
        #expect(bench.core.takeWork().claims.isEmpty)
        bench.core.woken("k", queue: "default", priority: 2)
        #expect(bench.core.takeWork().claims.map(\.count) == [1])
    }

    // MARK: Lanes and floors

    @Test func claimsBeginBehindWhatWasClaimedBefore() throws {
        let bench = bench(jobs: 4)
        bench.core.woken("k")
        bench.answerClaims((1...4).map { bench.job(100_000 + $0) })
        for n in 1...4 as ClosedRange<Int64> { bench.send("w", run(100_000 + n).header(.done)) }
        bench.core.woken("k", queue: "default", priority: 5)
        let claim = try #require(bench.core.takeWork().claims.first)
        #expect(claim.lanes.map(\.floor) == [Lane.Floor(priority: 5, id: 100_004 - BrokerLimits.floorMargin)])
    }

    @Test(arguments: ["an urgent job", "an old job", "time"]) func whatMayLieBeforeTheFloorsIsLookedForBesideTheClaims(_ what: String) throws {
        let bench = bench(jobs: 4)
        bench.core.woken("k")
        bench.answerClaims([bench.job(100_000)])
        bench.send("w", run(100_000).header(.done))
        while case let claims = bench.core.takeWork().claims, !claims.isEmpty { bench.core.claimed([], asked: claims) }
        switch what {
        case "an urgent job": bench.core.woken("k", queue: "default", priority: 4)
        case "an old job": bench.core.woken("k")
        default: bench.pass(ms: 400, alive: ["w", "c"])
        }
        let look = try #require(bench.core.takeWork().looks.first)
        #expect(look.lanes.map(\.floor) == [Lane.Floor()])
        bench.core.looked([bench.job(7)], asked: [look], tookNs: 1)
        bench.collect()
        #expect(bench.jobs(of: "w") == [100_000, 7] && bench.core.kinds["k"]?.lanes[0].floor.id == 98_000)
    }

    @Test func howLongALookTakesDecidesHowOftenThereIsOne() throws {
        for (took, life) in [(1, 200), (100, 2_000), (60_000, 10_000)] as [(Int64, Int64)] {
            let bench = bench(jobs: 4)
            bench.core.woken("k")
            bench.answerClaims([bench.job(100_000)])
            bench.core.woken("k")
            let asked = bench.core.takeWork().looks
            bench.core.looked([], asked: asked, tookNs: took * 1_000_000)
            #expect(asked.count == 1 && bench.core.kinds["k"]?.lookLifeNs == life * 1_000_000)
        }
    }

    @Test func aLookThatFindsAllItAskedForMovesTheFloorBack() throws {
        let bench = bench(jobs: 2)
        bench.core.woken("k")
        bench.answerClaims([bench.job(100_000)])
        bench.core.woken("k")
        let look = try #require(bench.core.takeWork().looks.first)
        bench.core.looked((1...Int64(look.count)).map { bench.job(5_000 + $0) }, asked: [look], tookNs: 1)
        #expect(bench.core.kinds["k"]?.lanes.map(\.floor) == [Lane.Floor(priority: 5, id: 5_000 + Int64(look.count) - BrokerLimits.floorMargin)])
        bench.core.lookFailed([look])
        #expect(bench.core.kinds["k"]?.looking == 0)
    }

    @Test func aQueueThatIsNamedOrFoundIsLookedInto() throws {
        let bench = bench(jobs: 4)
        bench.core.woken("k", queue: "second", priority: 5)
        #expect(try #require(bench.core.takeWork().claims.first).lanes.map(\.queue) == ["default", "second"])
        let other = self.bench(jobs: 4)
        other.core.lanesFound([("k", "third")], asked: ["k"])
        #expect(try #require(other.core.takeWork().claims.first).lanes.map(\.queue) == ["default", "third"])
        other.answerClaims([])
        // One that holds nothing any more is forgotten.
        other.core.lanesFound([], asked: ["k"])
        #expect(other.core.kinds["k"]?.lanes.map(\.queue) == ["default"])
    }

    @Test func theQueuesOfServedKindsAreLookedForNowAndThen() {
        let bench = bench()
        _ = bench.core.takeWork()
        bench.pass(ms: 6_000, alive: ["w", "c"])
        #expect(bench.core.takeWork().scans == ["k"])
    }

    // MARK: Pause

    @Test func jobsOfAPausedQueueAreNeitherClaimedNorKept() throws {
        let bench = bench(jobs: 1)
        bench.core.woken("k", queue: "slow", priority: 5)
        bench.answerClaims([bench.job(1), bench.job(2, queue: "slow"), bench.job(3)])
        bench.core.setControl(QueueControl(pausedQueues: ["slow"]))
        let work = bench.core.takeWork()
        #expect(work.unclaimed == [run(2)] && work.claims.allSatisfy { $0.lanes.map(\.queue) == ["default"] })
        // With all queues paused a new job waits in the database.
        if !work.claims.isEmpty { bench.core.claimed([], asked: work.claims) }
        bench.send("w", run(1).header(.done))
        bench.send("w", run(3).header(.done))
        while case let claims = bench.core.takeWork().claims, !claims.isEmpty { bench.core.claimed([], asked: claims) }
        bench.core.setControl(QueueControl(pausedQueues: ["*"]))
        bench.enqueue("c", 1, JobDraft(kind: "k"))
        let paused = bench.core.takeWork()
        #expect(paused.inserts.map(\.claim) == [false] && paused.claims.isEmpty)
        bench.core.setControl(QueueControl())
        #expect(bench.core.takeWork().claims.count == 1)
    }

    // MARK: Limits

    @Test func aLimitedKindIsClaimedForFreeSlotsOnlyAndNeverOnInsert() throws {
        let bench = bench(jobs: 3)
        bench.core.setControl(QueueControl(limitedKinds: ["k"]))
        let first = try #require(bench.core.takeWork().claims.first)
        #expect(first.isLimited && first.count == 3)
        bench.core.claimed([bench.job(1)], asked: [first])
        bench.enqueue("c", 1, JobDraft(kind: "k"))
        let work = bench.core.takeWork()
        #expect(work.inserts.map(\.claim) == [false] && work.claims.isEmpty)
        // It asks again after a while, and at once when one of its jobs has ended.
        bench.pass(ms: 400, alive: ["w", "c"])
        let again = bench.core.takeWork()
        #expect(again.looks.allSatisfy { $0.isLimited })
        bench.core.looked([], asked: again.looks, tookNs: 1)
        let second = try #require(again.claims.first)
        bench.core.claimed([], asked: [second])
        bench.send("w", run(1).header(.done))
        let third = bench.core.takeWork()
        #expect((third.claims + third.looks).reduce(0) { $0 + $1.count } == 3)
    }

    @Test func aJobWithAKeyIsNeverClaimedOnInsert() {
        let bench = bench(jobs: 3)
        bench.enqueue("c", 1, JobDraft(kind: "k", orderingKey: "o"))
        bench.enqueue("c", 2, JobDraft(kind: "k", uniqueKey: "u"))
        #expect(bench.core.takeWork().inserts.map(\.claim) == [false, false])
    }

    // MARK: Cancel and progress

    @Test func aCancelReachesTheWorkerOrTakesTheJobBack() {
        let bench = bench(jobs: 1)
        bench.core.woken("k")
        bench.answerClaims([bench.job(1), bench.job(2)])
        _ = bench.take("w")
        bench.core.cancel(1)
        bench.core.cancel(2)
        bench.core.cancel(99)
        bench.collect()
        let told = bench.take("w")
        #expect(told.map(\.verb) == [.cancel] && told[0].header.requestID == 1 && told[0].header.flags == [])
        #expect(bench.core.takeWork().unclaimed == [run(2)] && bench.core.kinds["k"]?.ready.count == 0)
    }

    @Test func progressIsToldAndKeptForTheRunThatHasTheJob() throws {
        let bench = bench(jobs: 1)
        bench.core.woken("k")
        bench.answerClaims([bench.job(1)])
        _ = (bench.take("w"), bench.core.takeWork())
        bench.send("w", run(1).header(.progress), text: "{\"done\":1}")
        bench.send("w", run(1).header(.progress), text: "{\"done\":2}")
        bench.send("w", run(1, 2).header(.progress), text: "{\"done\":3}")
        bench.send("c", run(1).header(.progress), text: "{\"done\":4}")
        #expect(bench.core.takeWork().progress.mapValues { String(decoding: $0, as: UTF8.self) } == [run(1): "{\"done\":2}"])
        let events = bench.takeEvents()
        #expect(events.count == 2 && events.allSatisfy { $0.name == "jobs.k" })
        #expect(try JSONValue.parse(events[1].payload)["progress"]?["done"]?.int == 2)
        for text in ["", "{", String(repeating: "1", count: JobProgress.maxBytes + 1)] { bench.send("w", run(1).header(.progress), text: text) }
        #expect(bench.take("w").map(\.refusal?.code) == [.malformed, .malformed, .malformed] && bench.core.takeWork().progress.isEmpty)
    }

    // MARK: Lost on the way

    @Test func aRunThatItsWorkerNeverGotIsOfferedAgain() {
        let bench = bench(jobs: 3)
        bench.core.woken("k")
        bench.answerClaims([bench.job(1), bench.job(2)])
        _ = bench.core.takeWork()
        bench.pass(ms: 1_000, alive: ["w", "c"])
        // The first list may have been on its way before the jobs were: nothing follows from it.
        bench.send("w", Header(.held), payload: JobRun.list([run(1)]))
        #expect(bench.core.takeWork().unclaimed.isEmpty)
        bench.pass(ms: 1_000, alive: ["w", "c"])
        bench.core.woken("k")
        bench.answerClaims([bench.job(3)])
        _ = bench.core.takeWork()
        // The second tells of what was given before the first, not of what came since.
        bench.send("w", Header(.held), payload: JobRun.list([run(1)]))
        #expect(bench.core.takeWork().unclaimed == [run(2)])
        #expect(bench.core.counters.jobsMissed == 1 && bench.core.running.keys.sorted() == [1, 3] && bench.core.peers.values.map(\.jobs).max() == 2)
        bench.send("w", Header(.held), payload: [1, 2, 3])
        #expect(bench.take("w", .refused).map(\.refusal?.code) == [.malformed] && bench.core.running.count == 2)
    }

    @Test func aListOfRunsReadsBack() {
        let runs: Set<JobRun> = [run(1), run(.max, 1000), run(-5, 0)]
        JobRun.list(runs).withUnsafeBufferPointer { bytes in #expect(JobRun.list(bytes) == runs) }
    }

    @Test func aFailureMayNameItsOwnWaitWithinTheBound() {
        for (asked, given) in [(1_000, 1_000), (-5, 0), (Int64.max, RetryPolicy.maxDelayMs)] {
            let bench = bench(jobs: 1)
            bench.core.woken("k")
            bench.answerClaims([bench.job(1)])
            _ = bench.core.takeWork()
            bench.send("w", run(1).header(.failed), payload: JobFailure("x", retryInMs: asked).payload)
            guard case .failed(_, let wait) = bench.core.takeWork().outcomes.first?.kind else { return #expect(Bool(false)) }
            #expect(wait == given)
        }
    }
}
