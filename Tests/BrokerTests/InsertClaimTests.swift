import Bytes
import Protocol
import Testing

@testable import Broker

/// Which jobs are inserted already running.
@Suite struct InsertClaimTests {
    private func bench(jobs: Int = 4) -> Bench {
        let bench = Bench()
        bench.client("c")
        bench.hello("w", kinds: ["k"], windows: Windows(jobs: jobs))
        bench.answerClaims([])
        return bench
    }

    @Test func aJobIsClaimedWithItsInsertOnlyWhereNothingOlderMayWait() {
        func claims(_ drafts: [JobDraft], _ prepare: (Bench) -> Void) -> [Bool] {
            let bench = Bench()
            bench.client("c")
            prepare(bench)
            for (n, draft) in drafts.enumerated() { bench.enqueue("c", UInt64(n), draft) }
            return bench.core.takeWork().inserts.map(\.claim)
        }
        let k = JobDraft(kind: "k")
        // Nobody serves the kind; the first claim has not been answered; it brought all it asked for.
        #expect(claims([k]) { _ in } == [false])
        #expect(claims([k]) { $0.hello("w", kinds: ["k"], windows: Windows(jobs: 2)) } == [false])
        #expect(
            claims([k]) { bench in
                bench.hello("w", kinds: ["k"], windows: Windows(jobs: 2))
                bench.answerClaims((1...4).map { bench.job($0) })
            } == [false])
        // An empty answer: as many as there are free slots, and not what is due later or of another kind.
        let empty = { (bench: Bench) in
            bench.hello("w", kinds: ["k"], windows: Windows(jobs: 2))
            bench.answerClaims([])
        }
        #expect(claims([k, k, k], empty) == [true, true, false])
        #expect(claims([JobDraft(kind: "other"), JobDraft(kind: "k", runAt: Timestamp(seconds: 0)), k], empty) == [false, false, true])
        // Woken: something may have come by SQL.
        #expect(
            claims([k]) { bench in
                empty(bench)
                bench.core.woken("k")
            } == [false])
        #expect(
            claims([k]) { bench in
                empty(bench)
                bench.core.wokenAll()
                _ = bench.core.takeWork()
            } == [false])
    }

    @Test func whileJobsGoOnFastTheyAreClaimedAheadOfTheFreeSlots() {
        let bench = bench(jobs: 4)
        func insert(_ count: Int) -> [Bool] {
            for n in 0..<count { bench.enqueue("c", UInt64(n), JobDraft(kind: "k")) }
            return bench.core.takeWork().inserts.map(\.claim)
        }
        // Nothing has ended yet: as many as there are free slots.
        #expect(insert(6) == [true, true, true, true, false, false])
        // 200 jobs a second, 10 within 50 ms: as many more as the workers' windows hold.
        for _ in 0..<20 { bench.core.kinds["k"]?.turnover.add(nowNs: bench.nowNs) }
        bench.core.kinds["k"]?.turnover.add(nowNs: bench.nowNs + 100_000_000)
        #expect(insert(6) == [true, true, true, true, false, false])
        // A claim that found all there was does not end it; word from elsewhere does.
        bench.core.kinds["k"]?.reserved = 0
        bench.core.kinds["k"]?.mayHaveMore = true
        bench.core.kinds["k"]?.wasShort = true
        #expect(insert(1) == [true])
        bench.core.woken("k", queue: "default", priority: 5)
        #expect(insert(1) == [false])
    }

    @Test func aTurnoverIsGoodForAShortTimeAndAPauseIsNone() {
        var turnover = Turnover()
        for n in 0...10 { turnover.add(nowNs: 1_000_000_000 + Int64(n) * 10_000_000) }
        #expect(turnover.jobs(within: 50_000_000, nowNs: 1_100_000_000) == 5)
        #expect(turnover.jobs(within: 50_000_000, nowNs: 1_599_000_000) == 5)
        #expect(turnover.jobs(within: 50_000_000, nowNs: 1_600_000_000) == 0)
        turnover.add(nowNs: 9_000_000_000)
        #expect(turnover.jobs(within: 50_000_000, nowNs: 9_000_000_000) == 0)
    }

    @Test func aClaimedInsertIsSentAsSoonAsItIsCommitted() throws {
        let bench = bench()
        bench.enqueue("c", 1, JobDraft(kind: "k", args: Array("{\"a\":1}".utf8), timeoutMs: 500))
        bench.commitInserts(firstID: 8)
        #expect(bench.take("c").map(\.verb) == [.accepted])
        let job = try #require(bench.take("w").first)
        #expect(
            job.verb == .job && job.name == "k" && job.text == "{\"a\":1}" && job.header.requestID == 8 && job.header.aux == 1 && job.header.timeoutMs == 500)
    }

    @Test func aClaimedInsertThatWasADuplicateIsNotSent() {
        let bench = bench(jobs: 1)
        bench.enqueue("c", 1, JobDraft(kind: "k"))
        bench.core.inserted(bench.core.takeWork().inserts[0], id: 3, isDuplicate: true)
        bench.collect()
        #expect(bench.take("w").isEmpty && bench.core.kinds["k"]?.reserved == 0)
    }
}
