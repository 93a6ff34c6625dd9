import Bytes
import Protocol
import Testing

@testable import Broker

@Suite struct CallTests {
    /// A bench with client `c` and one worker `w` of stream `s` and request `r`.
    private func bench(batches: Int = 2, requests: Int = 2, _ change: (inout BrokerLimits) -> Void = { _ in }) -> Bench {
        let bench = Bench(change)
        bench.client("c")
        bench.hello("w", streams: ["s"], requests: ["r"], windows: Windows(batches: batches, requests: requests))
        return bench
    }

    private func ids(_ messages: [Received]) -> [UInt64] { messages.map(\.header.requestID) }

    @Test func aRequestReachesAWorkerAndItsReplyTheCaller() throws {
        let bench = bench()
        bench.send("c", Header(.request, requestID: 77, timeoutMs: 1_500), name: "r", text: "ask")
        let request = try #require(bench.take("w").first)
        #expect(request.verb == .request && request.name == "r" && request.text == "ask" && request.header.timeoutMs == 1_500)
        bench.send("w", Header(.reply, requestID: request.header.requestID), text: "answer")
        let reply = try #require(bench.take("c").first)
        #expect(reply.verb == .reply && reply.header.requestID == 77 && reply.text == "answer")
        #expect(bench.core.calls.isEmpty && bench.core.peers.values.allSatisfy { $0.requests == 0 })
    }

    @Test func aBatchIsAnsweredOnlyWhenItsWorkerHasCommitted() throws {
        let bench = bench()
        bench.send("c", Header(.ingest, requestID: 5), name: "s", text: "rows")
        let batch = try #require(bench.take("w").first)
        #expect(batch.verb == .ingest && batch.name == "s" && batch.text == "rows")
        #expect(bench.take("c").isEmpty && bench.core.heldBytes == 4)
        bench.send("w", Header(.committed, requestID: batch.header.requestID), text: "{}")
        #expect(bench.take("c").map(\.verb) == [.committed] && bench.core.heldBytes == 0)
        // A second word on it reaches nobody.
        bench.send("w", Header(.committed, requestID: batch.header.requestID), text: "{}")
        #expect(bench.take("c").isEmpty && bench.core.counters.lateAnswers == 1)
    }

    @Test func aRequestThatNobodyServesIsRefusedAtOnce() {
        let bench = bench()
        bench.send("c", Header(.request, requestID: 1), name: "nobody")
        let answers = bench.take("c")
        #expect(answers.map(\.refusal?.code) == [.noWorker] && answers[0].refusal?.isRetryable == true && ids(answers) == [1])
    }

    @Test(arguments: [Verb.request, .ingest]) func aWorkerNeverHasMoreThanItsWindow(_ verb: Verb) {
        let bench = bench(batches: 2, requests: 2)
        let name = verb == .request ? "r" : "s"
        for id in 1...5 as ClosedRange<UInt64> { bench.send("c", Header(verb, requestID: id), name: name, text: "\(id)") }
        var sent = bench.take("w", verb)
        #expect(sent.map(\.text) == ["1", "2"])
        // Each answer lets the next one go, in the order they came.
        var order = sent.map(\.text)
        while let first = sent.first {
            sent.removeFirst()
            bench.send("w", Header(verb == .request ? .reply : .committed, requestID: first.header.requestID))
            let next = bench.take("w", verb)
            #expect(next.count <= 1)
            sent += next
            order += next.map(\.text)
        }
        #expect(order == ["1", "2", "3", "4", "5"])
        #expect(ids(bench.take("c")) == [1, 2, 3, 4, 5])
    }

    @Test func moreCreditLetsWaitingCallsGo() {
        let bench = bench(batches: 0, requests: 0)
        for id in 1...3 as ClosedRange<UInt64> {
            bench.send("c", Header(.request, requestID: id), name: "r")
            bench.send("c", Header(.ingest, requestID: 10 + id), name: "s")
        }
        #expect(bench.take("w").isEmpty)
        bench.send("w", Header(.credit), payload: Windows(batches: 1, requests: 2).payload)
        #expect(bench.take("w").map(\.verb).filter { $0 == .request }.count == 2)
        #expect(bench.core.peers.values.contains { $0.batches == 1 && $0.requests == 2 })
        // Less credit than is in flight takes nothing back and lets nothing more go.
        bench.send("w", Header(.credit), payload: Windows().payload)
        #expect(bench.take("w").isEmpty)
    }

    @Test func theWorkerWithTheMostRoomIsTakenAndEqualsInTurn() {
        let bench = Bench()
        bench.client("c")
        for (who, window) in [("a", 2), ("b", 4), ("d", 2)] { bench.hello(who, requests: ["r"], windows: Windows(requests: window)) }
        for id in 1...2 as ClosedRange<UInt64> { bench.send("c", Header(.request, requestID: id), name: "r") }
        #expect(bench.take("b", .request).count == 2)
        // Now all have room for two: six calls are two each.
        for id in 3...8 as ClosedRange<UInt64> { bench.send("c", Header(.request, requestID: id), name: "r") }
        for who in ["a", "b", "d"] { #expect(bench.take(who, .request).count == 2, "\(who)") }
        bench.send("c", Header(.request, requestID: 9), name: "r")
        for who in ["a", "b", "d"] { #expect(bench.take(who, .request).isEmpty) }
    }

    @Test func equalWorkersShareCallsThatAreAnsweredAtOnce() {
        let bench = Bench()
        bench.client("c")
        for who in ["a", "b", "d"] { bench.hello(who, requests: ["r"], windows: Windows(requests: 5)) }
        var counts: [String: Int] = [:]
        for id in 1...30 as ClosedRange<UInt64> {
            bench.send("c", Header(.request, requestID: id), name: "r")
            for who in ["a", "b", "d"] {
                for request in bench.take(who, .request) {
                    counts[who, default: 0] += 1
                    bench.send(who, Header(.reply, requestID: request.header.requestID))
                }
            }
        }
        #expect(counts == ["a": 10, "b": 10, "d": 10])
    }

    @Test func aBatchWaitsUntilAWorkerComes() {
        let bench = Bench()
        bench.client("c")
        bench.send("c", Header(.ingest, requestID: 1), name: "s", text: "rows")
        #expect(bench.take("c").isEmpty)
        bench.hello("w", streams: ["s"])
        #expect(bench.take("w", .ingest).map(\.text) == ["rows"])
    }

    // MARK: Workers that die

    @Test(arguments: [true, false]) func aRequestWhoseWorkerIsLostIsRefused(_ saysGoodbye: Bool) {
        let bench = bench()
        bench.send("c", Header(.request, requestID: 4), name: "r")
        if saysGoodbye { bench.send("w", Header(.goodbye)) } else { bench.pass(ms: 5_300, alive: ["c"]) }
        let answers = bench.take("c", .refused)
        #expect(answers.map(\.refusal?.code) == [.workerLost] && ids(answers) == [4] && bench.core.calls.isEmpty)
    }

    @Test func aBatchWhoseWorkerIsLostGoesToAnotherAndIsAnsweredOnce() throws {
        let bench = bench()
        bench.send("c", Header(.ingest, requestID: 1), name: "s", text: "first")
        bench.send("c", Header(.ingest, requestID: 2), name: "s", text: "second")
        bench.send("c", Header(.ingest, requestID: 3), name: "s", text: "third")
        let lost = bench.take("w", .ingest)
        #expect(lost.map(\.text) == ["first", "second"])
        bench.hello("x", streams: ["s"], windows: Windows(batches: 2))
        let third = bench.take("x", .ingest)
        #expect(third.map(\.text) == ["third"])
        bench.send("w", Header(.goodbye))
        // One more place at x: the oldest comes first, before anything newer.
        let again = bench.take("x", .ingest)
        #expect(again.map(\.text) == ["first"])
        bench.send("x", Header(.committed, requestID: third[0].header.requestID))
        #expect(bench.take("x", .ingest).map(\.text) == ["second"])
        #expect(bench.core.counters.batchesReoffered == 2)
        // The dead worker comes back and reports what it had: nobody hears of it.
        bench.hello("w")
        bench.send("w", Header(.committed, requestID: lost[0].header.requestID), text: "late")
        #expect(bench.core.counters.lateAnswers == 1)
        bench.send("x", Header(.committed, requestID: again[0].header.requestID), text: "once")
        #expect(bench.take("c", .committed).filter { $0.header.requestID == 1 }.map(\.text) == ["once"])
    }

    @Test func aLostBatchIsOfferedEvenWhenItsWorkerHadStoppedServingTheStream() {
        let bench = bench()
        bench.send("c", Header(.ingest, requestID: 1), name: "s", text: "rows")
        bench.hello("idle", streams: ["s"])
        bench.hello("w", streams: [])
        bench.send("w", Header(.goodbye))
        #expect(bench.take("idle", .ingest).map(\.text) == ["rows"])
    }

    @Test func aWorkersRefusalReachesTheCallerAsItIs() throws {
        let bench = bench(requests: 1)
        bench.send("c", Header(.request, requestID: 1), name: "r")
        bench.send("c", Header(.request, requestID: 2), name: "r")
        let first = try #require(bench.take("w", .request).first)
        bench.send("w", Header(.refused, requestID: first.header.requestID), payload: Refusal(.failed, "no such car").payload)
        #expect(bench.take("c").map(\.refusal) == [Refusal(.failed, "no such car")])
        #expect(bench.take("w", .request).count == 1)
    }

    @Test func onlyTheWorkerThatHasACallMayAnswerIt() throws {
        let bench = bench()
        bench.hello("other", streams: ["s"], requests: ["r"], windows: Windows())
        bench.send("c", Header(.request, requestID: 1), name: "r")
        let id = try #require(bench.take("w", .request).first).header.requestID
        for verb in [Verb.reply, .committed, .refused] {
            bench.send("other", Header(verb, requestID: id))
            bench.send("c", Header(verb, requestID: id))
        }
        #expect(bench.take("c").isEmpty && bench.core.counters.lateAnswers == 6 && bench.core.calls.count == 1)
    }

    // MARK: Time

    @Test(arguments: [Verb.request, .ingest]) func aCallPastItsDeadlineIsRefusedAndItsWindowOpensAgain(_ verb: Verb) throws {
        let bench = bench(batches: 1, requests: 1)
        let name = verb == .request ? "r" : "s"
        bench.send("c", Header(verb, requestID: 1, timeoutMs: 1_000), name: name)
        bench.send("c", Header(verb, requestID: 2, timeoutMs: 9_000), name: name)
        let first = try #require(bench.take("w", verb).first)
        bench.pass(ms: 800, alive: ["c", "w"])
        #expect(bench.take("c").isEmpty)
        bench.pass(ms: 600, alive: ["c", "w"])
        let answers = bench.take("c")
        #expect(answers.map(\.refusal?.code) == [.deadline] && ids(answers) == [1])
        let told = bench.take("w")
        #expect(told.map(\.verb).contains(.cancel) && told.first { $0.verb == .cancel }?.header.requestID == first.header.requestID)
        #expect(told.filter { $0.verb == verb }.count == 1)
        // Its answer comes too late.
        bench.send("w", Header(.reply, requestID: first.header.requestID))
        #expect(bench.take("c").isEmpty && bench.core.counters.lateAnswers == 1 && bench.core.counters.expired == 1)
        #expect(bench.core.peers.values.allSatisfy { $0.batches + $0.requests <= 1 })
    }

    @Test func aWaitingCallThatExpiredIsNeverSent() {
        let bench = Bench()
        bench.client("c")
        bench.send("c", Header(.ingest, requestID: 1, timeoutMs: 500), name: "s", text: "old")
        bench.send("c", Header(.ingest, requestID: 2, timeoutMs: 9_000), name: "s", text: "new")
        bench.pass(ms: 1_000, alive: ["c"])
        #expect(ids(bench.take("c")) == [1])
        bench.hello("w", streams: ["s"])
        #expect(bench.take("w", .ingest).map(\.text) == ["new"])
        #expect(bench.core.heldBytes == 3)
    }

    @Test(arguments: [(0, 30_000), (-5, 30_000), (Int64.min, 30_000), (100, 100), (Int64.max, 3_600_000)] as [(Int64, Int64)])
    func deadlinesHaveADefaultAndABound(_ asked: Int64, _ given: Int64) throws {
        let bench = bench()
        bench.send("c", Header(.request, requestID: 1, timeoutMs: asked), name: "r")
        #expect(try #require(bench.take("w", .request).first).header.timeoutMs == given)
    }

    @Test func aCallThatWaitedIsSentWithTheTimeThatIsLeft() throws {
        let bench = bench(requests: 0)
        bench.send("c", Header(.request, requestID: 1, timeoutMs: 4_000), name: "r")
        bench.pass(ms: 1_000, alive: ["c", "w"])
        bench.send("w", Header(.credit), payload: Windows(requests: 1).payload)
        #expect(try #require(bench.take("w", .request).first).header.timeoutMs == 3_000)
    }

    // MARK: Clients that leave

    @Test func aClientThatLeavesCostsItsWorkersNoPlace() throws {
        let bench = bench(batches: 1, requests: 1)
        bench.send("c", Header(.request, requestID: 1), name: "r")
        bench.send("c", Header(.ingest, requestID: 2), name: "s", text: "rows")
        let sent = bench.take("w")
        #expect(sent.count == 2)
        bench.send("c", Header(.request, requestID: 3), name: "r")
        bench.send("c", Header(.ingest, requestID: 4), name: "s", text: "more")
        bench.send("c", Header(.goodbye))
        // What waited is forgotten, what a worker has still takes its place.
        #expect(bench.core.calls.count == 2 && bench.core.heldBytes == 4)
        bench.client("d")
        bench.send("d", Header(.request, requestID: 1), name: "r")
        #expect(bench.take("w").isEmpty)
        for message in sent { bench.send("w", Header(message.verb == .request ? .reply : .committed, requestID: message.header.requestID)) }
        #expect(bench.take("w", .request).count == 1)
        #expect(bench.core.heldBytes == 0 && bench.core.calls.count == 1 && bench.take("d").isEmpty)
        #expect(bench.core.peers.values.first { $0.hello.name == "w" }.map { [$0.batches, $0.requests] } == [0, 1])
    }

    @Test func aClientServedByItselfLeavesNothingBehind() {
        let bench = Bench()
        bench.hello("both", streams: ["s"], requests: ["r"])
        bench.send("both", Header(.ingest, requestID: 1), name: "s", text: "rows")
        bench.send("both", Header(.request, requestID: 2), name: "r")
        bench.send("both", Header(.goodbye))
        #expect(bench.core.calls.isEmpty && bench.core.heldBytes == 0)
    }

    // MARK: Bounds

    @Test func ingestBytesAreBounded() throws {
        let bench = bench(batches: 10) { $0.ingestBytes = 10 }
        bench.send("c", Header(.ingest, requestID: 1), name: "s", payload: [UInt8](repeating: 1, count: 6))
        bench.send("c", Header(.ingest, requestID: 2), name: "s", payload: [UInt8](repeating: 1, count: 5))
        bench.send("c", Header(.ingest, requestID: 3), name: "s", payload: [UInt8](repeating: 1, count: 4))
        let answers = bench.take("c")
        #expect(answers.map(\.refusal?.code) == [.busy] && ids(answers) == [2] && bench.core.heldBytes == 10)
        let first = try #require(bench.take("w", .ingest).first)
        bench.send("w", Header(.committed, requestID: first.header.requestID))
        bench.send("c", Header(.ingest, requestID: 4), name: "s", payload: [UInt8](repeating: 1, count: 6))
        #expect(bench.take("w", .ingest).count == 1)
    }

    @Test(arguments: [Verb.request, .ingest]) func waitingCallsAreBoundedAndOnlyThoseThatWaitCount(_ verb: Verb) {
        let bench = bench(batches: 0, requests: 0) { $0.waitingCalls = 3 }
        let name = verb == .request ? "r" : "s"
        for id in 1...4 as ClosedRange<UInt64> { bench.send("c", Header(verb, requestID: id, timeoutMs: 500), name: name, text: "x") }
        let answers = bench.take("c")
        #expect(answers.map(\.refusal?.code) == [.busy] && ids(answers) == [4])
        bench.pass(ms: 1_000, alive: ["c", "w"])
        #expect(bench.take("c").map(\.refusal?.code) == [.deadline, .deadline, .deadline])
        bench.send("c", Header(verb, requestID: 5), name: name)
        #expect(bench.take("c").isEmpty)
        bench.send("w", Header(.credit), payload: Windows(batches: 5, requests: 5).payload)
        #expect(bench.take("w", verb).count == 1)
    }

    @Test func aStreamThatNobodyServesLeavesNoStateBehind() {
        let bench = Bench()
        bench.client("c")
        for n in 0..<100 { bench.send("c", Header(.ingest, requestID: UInt64(n), timeoutMs: 300), name: "stream\(n)") }
        #expect(bench.core.streams.count == 100)
        bench.pass(ms: 1_000, alive: ["c"])
        #expect(bench.core.streams.isEmpty && bench.core.calls.isEmpty)
    }

    @Test func thousandsOfWaitingCallsAreHandedOutInOrder() {
        let bench = bench(batches: 0)
        for id in 1...6_000 as ClosedRange<UInt64> {
            bench.send("c", Header(.ingest, requestID: id, timeoutMs: id % 3 == 0 ? 100 : 60_000), name: "s", text: "\(id)")
        }
        bench.pass(ms: 600, alive: ["c", "w"])
        bench.send("w", Header(.credit), payload: Windows(batches: 1_000_000).payload)
        #expect(bench.take("w", .ingest).map(\.text) == (1...6_000).filter { $0 % 3 != 0 }.map(String.init))
    }

    @Test func framesStayBelowWhatASocketTakes() {
        let bench = bench(batches: 10)
        var writer = FrameWriter()
        for id in 1...5 as ClosedRange<UInt64> {
            writer.append(Header(.ingest, requestID: id), name: "s", payload: [UInt8](repeating: 1, count: 10 << 20))
            bench.feed("c", writer.take())
        }
        _ = bench.takeFrames()
        bench.collect()
        let frames = bench.takeFrames()
        #expect(frames.count == 5 && frames.allSatisfy { $0.to == "w" && $0.bytes <= 32 << 20 })
        #expect(Set(ids(bench.take("w", .ingest))).count == 5)
        // The same for what all subscribers get.
        for n in 1...5 {
            writer.append(Header(.publish), name: "alerts.\(n)", payload: [UInt8](repeating: 1, count: 10 << 20))
            bench.feed("c", writer.take())
        }
        var sizes: [Int] = []
        bench.core.flushStreams { stream, bytes in
            #expect(stream == "alerts")
            sizes.append(bytes.count)
        }
        #expect(sizes.count == 5 && sizes.allSatisfy { $0 <= 32 << 20 })
        bench.core.flushStreams { _, _ in Issue.record("flushed twice") }
        #expect(bench.core.outbox.isEmpty)
    }

    @Test func aStoppingBrokerTakesNoCalls() throws {
        let bench = bench()
        bench.send("c", Header(.request, requestID: 1), name: "r")
        let before = try #require(bench.take("w", .request).first)
        bench.core.stop()
        bench.collect()
        for who in ["c", "w"] { #expect(bench.take(who).map(\.verb) == [.goodbye]) }
        bench.send("c", Header(.request, requestID: 2), name: "r")
        bench.send("c", Header(.ingest, requestID: 3), name: "s")
        bench.send("c", Header(.enqueue, requestID: 4), name: "k", text: "{\"args\":{}}")
        #expect(bench.take("c").map(\.refusal?.code) == [.stopping, .stopping, .stopping])
        // What was under way may still be answered.
        bench.send("w", Header(.reply, requestID: before.header.requestID))
        #expect(bench.take("c").map(\.verb) == [.reply])
    }
}
