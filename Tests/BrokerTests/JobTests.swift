import Bytes
import Protocol
import Testing

@testable import Broker

@Suite struct JobTests {
    /// A bench with client `c` and worker `w` of kind `k`, its first claim answered with nothing: the database is empty.
    private func bench(jobs: Int = 4, _ change: (inout BrokerLimits) -> Void = { _ in }) -> Bench {
        let bench = Bench(change)
        bench.client("c")
        bench.hello("w", kinds: ["k"], windows: Windows(jobs: jobs))
        bench.answerClaims([])
        return bench
    }

    private func run(_ id: Int64, _ attempt: Int = 1) -> JobRun { JobRun(id: id, attempt: attempt) }

    // MARK: Enqueue

    @Test func aDraftIsAcceptedWhenItIsCommitted() throws {
        let bench = Bench()
        bench.client("c")
        let draft = JobDraft(kind: "k", args: Array("[1]".utf8), priority: 2, tags: ["t"])
        bench.enqueue("c", 9, draft)
        #expect(bench.take("c").isEmpty && bench.core.pendingInserts == 1)
        let work = bench.commitInserts(firstID: 41)
        #expect(work.inserts.map(\.draft) == [draft] && work.inserts.map(\.claim) == [false])
        let answer = try #require(bench.take("c").first)
        #expect(
            answer.verb == .accepted && answer.header.requestID == 9 && answer.header.aux2 == 41 && answer.header.aux == 0 && bench.core.pendingInserts == 0)
        bench.enqueue("c", 10, draft)
        bench.core.inserted(bench.core.takeWork().inserts[0], id: 41, isDuplicate: true)
        bench.collect()
        #expect(bench.take("c").map(\.header.aux) == [1])
    }

    @Test func aBrokenDraftIsRefusedAndNotWritten() {
        let bench = Bench()
        bench.client("c")
        for (name, text) in [("k", "{}"), ("k", "x"), ("", "{\"args\":{}}"), ("k", "{\"args\":{},\"priority\":11}"), ("k", "{\"args\":\"\\u0000\"}")] {
            bench.send("c", Header(.enqueue, requestID: 1), name: name, text: text)
        }
        let answers = bench.take("c")
        #expect(answers.count == 5 && answers.allSatisfy { $0.refusal?.code == .malformed })
        #expect(bench.core.work.isEmpty && bench.core.pendingInserts == 0 && bench.core.counters.malformed == 5)
    }

    @Test func waitingInsertsAreBounded() {
        let bench = Bench { $0.pendingInserts = 2 }
        bench.client("c")
        for id in 1...3 as ClosedRange<UInt64> { bench.enqueue("c", id, JobDraft(kind: "k")) }
        #expect(bench.take("c").map(\.refusal?.code) == [.busy])
        bench.commitInserts()
        bench.enqueue("c", 4, JobDraft(kind: "k"))
        #expect(bench.take("c").map(\.verb) == [.accepted, .accepted])
    }

    @Test func anInsertThatFailsIsRefusedAndGivesItsPlaceBack() {
        let bench = bench(jobs: 1)
        bench.enqueue("c", 1, JobDraft(kind: "k"))
        let insert = bench.core.takeWork().inserts[0]
        #expect(insert.claim && bench.core.kinds["k"]?.reserved == 1)
        bench.core.insertFailed(insert, Refusal(.storage, "no"))
        bench.collect()
        #expect(bench.take("c").map(\.refusal) == [Refusal(.storage, "no")])
        #expect(bench.core.kinds["k"]?.reserved == 0 && bench.core.pendingInserts == 0)
    }

    @Test func anUnclaimedInsertIsLookedForAtOnce() {
        let bench = bench(jobs: 1)
        bench.enqueue("c", 1, JobDraft(kind: "k"))
        bench.enqueue("c", 2, JobDraft(kind: "k"))
        bench.commitInserts()
        #expect(bench.jobs(of: "w") == [1])
        // One place ahead of the window.
        #expect(bench.core.takeWork().claims.map(\.count) == [1])
    }

    @Test func draftsAreRefusedWhileOutcomesPileUp() {
        let bench = bench { $0.unwrittenOutcomes = 3 }
        bench.core.unwrittenOutcomes = 3
        bench.enqueue("c", 1, JobDraft(kind: "k"))
        bench.collect()
        #expect(bench.take("c").map(\.refusal?.code) == [.busy])
        #expect(bench.core.takeWork().inserts.isEmpty && bench.core.pendingInserts == 0)
        bench.core.unwrittenOutcomes = 2
        bench.enqueue("c", 2, JobDraft(kind: "k"))
        #expect(bench.core.takeWork().inserts.count == 1)
    }

    // MARK: Claims

    @Test func aClaimAsksForTheFreePlacesAndAsManyAhead() {
        let bench = Bench()
        bench.hello("w", kinds: ["k"], windows: Windows(jobs: 10))
        #expect(bench.core.work.claims.map(\.count) == [20] && bench.core.work.claims.map(\.kind) == ["k"])
        // One at a time for each kind, whatever happens.
        bench.core.wokenAll()
        bench.pass(ms: 2_000, alive: ["w"])
        bench.hello("x", kinds: ["k"], windows: Windows(jobs: 10))
        #expect(bench.core.work.claims.count == 1)
        bench.answerClaims((1...20).map { bench.job($0) })
        #expect(bench.jobs(of: "w").count + bench.jobs(of: "x").count == 20)
        #expect(bench.core.work.claims.map(\.count) == [20])
    }

    @Test func claimsAreBounded() {
        let bench = Bench { $0.claimBatch = 100 }
        bench.hello("w", kinds: ["k"], windows: Windows(jobs: 1_000))
        #expect(bench.core.work.claims.map(\.count) == [100])
        let wide = Bench { $0.readyAhead = 5 }
        wide.hello("w", kinds: ["k"], windows: Windows(jobs: 100))
        #expect(wide.core.work.claims.map(\.count) == [105])
        let none = Bench()
        none.hello("w", kinds: ["k"], windows: Windows())
        #expect(none.core.work.claims.isEmpty)
    }

    @Test func anEmptyAnswerEndsTheClaimingUntilThePollOrAWakeUp() {
        let bench = bench()
        #expect(bench.core.work.isEmpty)
        bench.pass(ms: 600, alive: ["w", "c"])
        #expect(bench.core.work.isEmpty)
        bench.pass(ms: 600, alive: ["w", "c"])
        #expect(bench.core.work.claims.count == 1)
        bench.core.claimFailed(bench.core.takeWork().claims)
        #expect(bench.core.work.isEmpty)
        bench.core.woken("no such kind")
        #expect(bench.core.work.isEmpty && bench.core.kinds["no such kind"] == nil)
        bench.core.woken("k")
        #expect(bench.core.work.claims.count == 1)
    }

    @Test func readyJobsGoByPriorityThenAsTheyCame() {
        let bench = Bench()
        bench.hello("w", kinds: ["k"], windows: Windows(jobs: 1))
        bench.core.claimed(
            [bench.job(1, priority: 5), bench.job(2, priority: 9), bench.job(3, priority: 1), bench.job(4, priority: 5), bench.job(5, priority: 1)],
            asked: bench.core.takeWork().claims)
        bench.collect()
        var order: [Int64] = []
        while let id = bench.jobs(of: "w").first {
            order.append(id)
            bench.send("w", run(id).header(.done))
        }
        #expect(order == [3, 5, 1, 4, 2])
    }

    @Test func aWorkerNeverHasMoreJobsThanItsWindow() {
        let bench = Bench()
        bench.hello("a", kinds: ["k"], windows: Windows(jobs: 3))
        bench.hello("b", kinds: ["k"], windows: Windows(jobs: 1))
        bench.answerClaims((1...9).map { bench.job($0) })
        let a = bench.jobs(of: "a")
        let b = bench.jobs(of: "b")
        #expect(a.count == 3 && b.count == 1)
        bench.send("b", run(b[0]).header(.done))
        #expect(bench.jobs(of: "b").count == 1 && bench.jobs(of: "a").isEmpty)
        bench.send("a", Header(.credit), payload: Windows(jobs: 5).payload)
        #expect(bench.jobs(of: "a").count == 2)
        bench.send("a", Header(.credit), payload: Windows(jobs: 1).payload)
        bench.send("a", run(a[0]).header(.done))
        #expect(bench.jobs(of: "a").isEmpty)
    }

    @Test func aFreedPlaceGoesToAnyKindThatItsWorkerServesTheMostUrgentFirst() {
        let bench = Bench()
        bench.hello("w", kinds: ["a", "b", "d"], windows: Windows(jobs: 1))
        bench.core.claimed(
            [bench.job(1, "a"), bench.job(2, "b", priority: 5), bench.job(3, "d", priority: 2), bench.job(4, "b", priority: 1)],
            asked: bench.core.takeWork().claims)
        bench.collect()
        // As the worker runs them: the most urgent of those it has.
        var order: [Int64] = []
        var held = bench.jobs(of: "w")
        while let id = order.isEmpty ? held.first : held.min(by: { urgency($0) < urgency($1) }) {
            order.append(id)
            held.removeAll { $0 == id }
            bench.send("w", run(id).header(.done))
            held += bench.jobs(of: "w")
        }
        // The first is of whatever kind was answered first; then by priority, then by age.
        func urgency(_ id: Int64) -> Int { [4, 3, 1, 2].firstIndex(of: Int(id)) ?? 0 }
        #expect(Array(order.dropFirst()) == [4, 3, 1, 2].filter { $0 != order.first })
    }

    @Test func argumentsTooLargeForAMessageFailTheirJobOnly() throws {
        let bench = Bench()
        bench.hello("w", kinds: ["k"])
        var large = bench.job(1)
        large.args = [UInt8](repeating: 0x20, count: Header.maxPayload + 1)
        bench.answerClaims([large, bench.job(2)])
        #expect(bench.jobs(of: "w") == [2])
        let outcome = try #require(bench.core.work.outcomes.first)
        guard case .failed(let failure, _) = outcome.kind else { return #expect(Bool(false), "the job must fail") }
        #expect(outcome.run == run(1) && !failure.isRetryable)
    }

    // MARK: Outcomes

    @Test func anOutcomeGoesToTheStoreAndIsSettledThen() throws {
        let cases: [(Header, String, StoreWork.Outcome.Kind)] = [
            (run(1).header(.done), "{\"ok\":1}", .done(output: Array("{\"ok\":1}".utf8))), (run(1).header(.done), "", .done(output: [])),
            (
                run(1).header(.failed), "{\"error\":\"no\",\"retry\":false}",
                .failed(JobFailure("no", isRetryable: false), retryInMs: RetryPolicy.standard.delayMs(attempt: 1, jobID: 1))
            ),
            (run(1).header(.returned), "", .returned),
        ]
        for (header, text, kind) in cases {
            let bench = bench()
            bench.core.woken("k")
            bench.answerClaims([bench.job(1)])
            bench.send("w", header, text: text)
            #expect(bench.take("w").map(\.verb) == [.job])
            let outcome = try #require(bench.core.takeWork().outcomes.first)
            #expect(outcome.kind == kind && outcome.run == run(1))
            #expect(bench.core.running.isEmpty && bench.core.peers.values.allSatisfy { $0.jobs == 0 } && bench.core.counters.unknownOutcomes == 0)
            for fenced in [false, true] {
                bench.core.settle(outcome.run, peer: outcome.peer, fenced: fenced)
                bench.collect()
                let settled = try #require(bench.take("w").first)
                #expect(settled.verb == .settled && settled.header.requestID == 1 && settled.header.aux == 1 && settled.header.flags == (fenced ? .fenced : []))
            }
            #expect(bench.core.counters.fenced == 1)
        }
    }

    @Test(arguments: [(0, 0), (5_000, 5_000), (-1, 0), (.min, 0), (.max, RetryPolicy.maxDelayMs)] as [(Int64, Int64)]) func aSnoozeIsBounded(
        _ asked: Int64, _ given: Int64
    ) {
        let bench = bench()
        var header = run(1).header(.snoozed)
        header.aux2 = asked
        bench.send("w", header)
        #expect(bench.core.work.outcomes.map(\.kind) == [.snoozed(ms: given)])
    }

    @Test func whatTheWorkerCommittedItselfSkipsTheStore() {
        let bench = bench()
        bench.core.woken("k")
        bench.answerClaims([bench.job(1)])
        _ = bench.core.takeWork()
        bench.send("w", run(1).header(.done, flags: .committed))
        #expect(bench.core.work.outcomes.isEmpty && bench.core.running.isEmpty)
        #expect(bench.take("w").map(\.verb) == [.job, .settled])
    }

    @Test func anOutcomeOfARunThatThisBrokerDoesNotKnowGoesToTheStoreAllTheSame() {
        let bench = bench()
        bench.core.woken("k")
        bench.answerClaims([bench.job(1, attempt: 2)])
        _ = bench.core.takeWork()
        bench.send("w", run(1, 1).header(.done))
        bench.send("w", run(99).header(.failed))
        bench.send("c", run(1, 2).header(.done))
        #expect(bench.core.work.outcomes.map(\.run) == [run(1, 1), run(99), run(1, 2)] && bench.core.counters.unknownOutcomes == 3)
        // The run that is under way keeps its place.
        #expect(bench.core.running[1]?.attempt == 2 && bench.core.peers.values.map(\.jobs).max() == 1)
    }

    @Test func theJobsOfALostWorkerAreReleased() {
        let bench = Bench()
        bench.hello("w", kinds: ["k"], windows: Windows(jobs: 2))
        bench.hello("x", kinds: ["k"], windows: Windows(jobs: 2))
        bench.answerClaims((1...4).map { bench.job($0) })
        let lost = bench.jobs(of: "w")
        bench.pass(ms: 5_400, alive: ["x"])
        #expect(Set(bench.core.work.released) == Set(lost.map { run($0) }) && lost.count == 2)
        #expect(bench.core.counters.jobsReleased == 2 && bench.core.running.count == 2)
    }

    @Test func readyJobsWithoutAnyWorkerLeftGoBackUnstarted() {
        let bench = Bench()
        bench.hello("w", kinds: ["k"], windows: Windows(jobs: 1))
        bench.answerClaims([bench.job(1), bench.job(2)])
        bench.send("w", Header(.goodbye))
        #expect(bench.core.work.released == [run(1)] && bench.core.work.unclaimed == [run(2)] && bench.core.kinds["k"]?.ready.count == 0)
        // A claim whose answer comes later.
        bench.hello("w", kinds: ["k"], windows: Windows(jobs: 1))
        let asked = bench.core.takeWork().claims
        bench.hello("w", kinds: ["other"])
        bench.core.claimed([bench.job(3)], asked: asked)
        #expect(bench.core.takeWork().unclaimed == [run(3)])
        // An insert that was claimed for it.
        bench.hello("w", kinds: ["k"], windows: Windows(jobs: 1))
        bench.answerClaims([])
        bench.enqueue("w", 1, JobDraft(kind: "k"))
        let insert = bench.core.takeWork().inserts[0]
        bench.send("w", Header(.goodbye))
        bench.core.inserted(insert, id: 4, isDuplicate: false)
        #expect(insert.claim && bench.core.takeWork().unclaimed == [run(4)])
    }

    @Test func aStopGivesBackWhatWasNeverSent() {
        let bench = bench(jobs: 2)
        bench.core.woken("k")
        bench.answerClaims((1...3).map { bench.job($0) })
        bench.enqueue("c", 1, JobDraft(kind: "k"))
        #expect(bench.jobs(of: "w") == [1, 2])
        bench.send("w", run(1).header(.done))
        #expect(bench.jobs(of: "w") == [3])
        let work = bench.core.takeWork()
        bench.core.stop()
        // Inserts and claims that were on their way come back after the stop.
        for insert in work.inserts {
            var claimed = insert
            claimed.claim = true
            bench.core.kinds["k"]?.reserved += 1
            bench.core.inserted(claimed, id: 20, isDuplicate: false)
        }
        bench.core.claimed([bench.job(10), bench.job(11)], asked: work.claims)
        bench.send("w", run(2).header(.done))
        bench.collect()
        let after = bench.core.takeWork()
        #expect(Set(after.unclaimed) == [run(10), run(11), run(20)] && after.claims.isEmpty)
        #expect(after.outcomes.map(\.run) == [run(2)])
        #expect(bench.jobs(of: "w").isEmpty)
    }

    // MARK: Adoption

    @Test func aRunOfADeadBrokerIsAdoptedAndTakesAPlace() {
        let bench = bench(jobs: 1)
        bench.send("w", run(5, 3).header(.holding))
        #expect(bench.core.work.adoptions.map(\.run) == [run(5, 3)])
        bench.core.adopted(bench.core.takeWork().adoptions[0], as: AdoptedRun(kind: "k", priority: 5))
        #expect(bench.core.counters.adopted == 1 && bench.core.knownRuns() == [run(5, 3)])
        bench.core.woken("k")
        bench.answerClaims([bench.job(6)])
        #expect(bench.jobs(of: "w").isEmpty)
        bench.send("w", run(5, 3).header(.done))
        #expect(bench.jobs(of: "w") == [6] && bench.core.counters.unknownOutcomes == 0)
    }

    @Test func aRunThatIsNotCurrentIsStoppedAtItsWorker() {
        let bench = bench()
        bench.send("w", run(5, 3).header(.holding))
        bench.core.adopted(bench.core.takeWork().adoptions[0], as: nil)
        bench.collect()
        let told = bench.take("w")
        #expect(told.map(\.verb) == [.cancel] && told[0].header.requestID == 5 && told[0].header.aux == 3 && told[0].header.flags == .fenced)
        #expect(bench.core.running.isEmpty)
    }

    @Test func aRunReportedTwiceTakesOnePlace() {
        let bench = bench()
        bench.core.woken("k")
        bench.answerClaims([bench.job(1)])
        _ = bench.core.takeWork()
        for _ in 0..<2 { bench.send("w", run(1).header(.holding)) }
        let adoptions = bench.core.takeWork().adoptions
        for adoption in adoptions { bench.core.adopted(adoption, as: AdoptedRun(kind: "k", priority: 5)) }
        bench.send("w", run(1).header(.holding))
        for adoption in bench.core.takeWork().adoptions { bench.core.adopted(adoption, as: AdoptedRun(kind: "k", priority: 5)) }
        #expect(bench.core.peers.values.map(\.jobs).max() == 1 && bench.core.running.count == 1)
        bench.send("w", run(1).header(.done))
        #expect(bench.core.peers.values.allSatisfy { $0.jobs == 0 } && bench.core.running.isEmpty && bench.core.adopting.isEmpty)
    }

    @Test func aRunThatEndedBeforeItWasAdoptedTakesNoPlace() {
        let bench = bench()
        bench.send("w", run(5).header(.holding))
        let adoption = bench.core.takeWork().adoptions[0]
        bench.send("w", run(5).header(.done))
        bench.core.adopted(adoption, as: AdoptedRun(kind: "k", priority: 5))
        #expect(bench.core.running.isEmpty && bench.core.peers.values.allSatisfy { $0.jobs == 0 })
        #expect(bench.core.takeWork().outcomes.map(\.run) == [run(5)])
    }

    @Test func aRunAdoptedForALostWorkerIsReleased() {
        let bench = bench()
        bench.send("w", run(5).header(.holding))
        let first = bench.core.takeWork().adoptions[0]
        bench.send("w", Header(.goodbye))
        bench.core.adopted(first, as: AdoptedRun(kind: "k", priority: 5))
        #expect(bench.core.takeWork().released == [run(5)])
        // Unless the worker came back and reported it again.
        bench.hello("w", kinds: ["k"])
        bench.send("w", run(6).header(.holding))
        bench.send("w", Header(.goodbye))
        bench.hello("w", kinds: ["k"])
        bench.send("w", run(6).header(.holding))
        let both = bench.core.takeWork().adoptions
        for adoption in both { bench.core.adopted(adoption, as: AdoptedRun(kind: "k", priority: 5)) }
        #expect(both.count == 2 && bench.core.takeWork().released.isEmpty && bench.core.running[6] != nil)
    }

    @Test func aDiscardedJobIsToldWhateverTheLengthOfItsKind() throws {
        let bench = Bench()
        let outcome = StoreWork.Outcome(run: run(3, 25), kind: .failed(JobFailure("broken"), retryInMs: 0), peer: 1)
        bench.core.ended(outcome, kind: "k", as: .discarded)
        bench.core.ended(outcome, kind: String(repeating: "k", count: Header.maxName), as: .discarded)
        bench.collect()
        let events = bench.takeEvents()
        #expect(events.map(\.name) == ["jobs.k"] && bench.core.counters.jobsDiscarded == 2)
        let event = try JSONValue.parse(events[0].payload)
        #expect(event["type"] == "discarded" && event["id"] == 3 && event["attempt"] == 25 && event["error"] == "broken")
    }
}
