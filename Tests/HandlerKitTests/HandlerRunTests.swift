import Bytes
import HandlerKit
import Protocol
import Reactor
import Testing
import Workers

/// An error with a description that nobody wants to keep.
struct Verbose: Error, CustomStringConvertible {
    var description: String { String(repeating: "é", count: 5 << 20) }
}

@Suite(.timeLimit(.minutes(1))) struct HandlerRunTests {
    private func onLoop(_ body: @Sendable (isolated EventLoop) async throws -> Void) async rethrows {
        let loop = EventLoop(name: "run")
        defer { loop.stop() }
        try await loop.run { loop in try await body(loop) }
    }

    @Test func aRunHasItsArgumentsOutputAndProgress() async throws {
        await onLoop { loop in
            let run = await HandlerRun.of(args: ["n": 2], .init(kind: "double", attempt: 3), on: loop) { context in
                #expect(context.kind == "double" && context.attempt == 3)
                try context.setProgress("begun")
                await loop.sleep(ns: 1_000)
                try context.setProgress(["of": 2])
                try context.setOutput(.int((try context.json()["n"]?.int ?? 0) * 2))
            }
            #expect(run.result == .done(output: Array("4".utf8)))
            #expect(run.output == 4)
            #expect(run.progress == ["begun", ["of": 2]])
            #expect(!run.isCommitted && run.failure == nil)
        }
    }

    @Test func thePolicyHasItsWordOnAFailure() async throws {
        await onLoop { loop in
            let early = await HandlerRun.of(args: [:], .init(attempt: 2, retry: .every(ms: 1_000, maxAttempts: 3)), on: loop) { _ in throw JobFailure("no") }
            #expect(early.failure?.isRetryable == true)
            #expect((900...1_100).contains(early.failure?.retryInMs ?? 0))
            let last = await HandlerRun.of(args: [:], .init(attempt: 3, retry: .every(ms: 1_000, maxAttempts: 3)), on: loop) { _ in throw JobFailure("no") }
            #expect(last.failure?.isRetryable == false)
            let own = await HandlerRun.of(args: [:], on: loop) { _ in throw JobFailure("no", retryInMs: 7) }
            #expect(own.failure?.retryInMs == 7)
            let snoozed = await HandlerRun.of(args: [:], on: loop) { _ in throw JobSnooze(milliseconds: 5) }
            #expect(snoozed.result == .snoozed(ms: 5))
        }
    }

    @Test func argumentsThatAreNoJSONFailForGood() async throws {
        await onLoop { loop in
            let run = await HandlerRun.of(bytes: Array("{".utf8), on: loop) { context in _ = try context.json() }
            #expect(run.failure?.message == "args unreadable: JSON: ends in the middle at byte 1")
            #expect(run.failure?.isRetryable == false)
        }
    }

    @Test func anErrorsDescriptionIsCutToItsBound() async throws {
        await onLoop { loop in
            let run = await HandlerRun.of(args: [:], on: loop) { _ in throw Verbose() }
            #expect(run.failure?.message == String(repeating: "é", count: JobFailure.maxMessageBytes / 2))
        }
    }

    @Test(arguments: [true, false]) func aTimeLimitCancelsTheHandlerAndIsJudgedByThePolicy(heeds: Bool) async throws {
        await onLoop { loop in
            var setup = HandlerRun.Setup(retry: .never, timeoutMs: 10)
            setup.stuckMs = 10
            let run = await HandlerRun.of(args: [:], setup, on: loop) { _ in
                for _ in 0..<100 where !heeds || !Task.isCancelled { await loop.sleep(ns: 1_000_000) }
                try Task.checkCancellation()
            }
            #expect(run.failure?.message == "timed out after 10 ms")
            #expect(run.failure?.isRetryable == false)
        }
    }

    @Test func aHandlerThatSucceedsInSpiteOfItsCancellationHasSucceeded() async throws {
        await onLoop { loop in
            let run = await HandlerRun.of(args: [:], .init(timeoutMs: 5), on: loop) { context in
                for _ in 0..<100 where !Task.isCancelled { await loop.sleep(ns: 1_000_000) }
                try context.setOutput("late")
            }
            #expect(run.output == "late")
        }
    }
}
