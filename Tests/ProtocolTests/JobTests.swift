import Bytes
import Testing

@testable import Protocol

@Suite struct JobTests {
    @Test func aDraftReadsBack() throws {
        let drafts = [
            JobDraft(kind: "k"),
            JobDraft(
                kind: "k", args: Array(#"{"a":[1,"é\n"]}"#.utf8), queue: "q\"", priority: 1, runAt: Timestamp(microseconds: 1_767_254_400_123_456),
                uniqueKey: "u", maxAttempts: 1000,
                timeoutMs: 86_400_000, tags: ["t", "é"]),
            JobDraft(kind: "k", args: Array("[]".utf8), priority: 9, maxAttempts: 1, timeoutMs: 1),
        ]
        for draft in drafts {
            #expect(draft.fault == nil)
            #expect(JobDraft.read(String(decoding: draft.payload, as: UTF8.self)) == .success(draft))
        }
    }

    @Test func argsAreKeptByteForByte() throws {
        let draft = try JobDraft.read("{ \"args\" :  { \"b\" : 1.50 , \"a\":\"\\u0041\" }  , \"queue\":\"q\"}").get()
        #expect(String(decoding: draft.args, as: UTF8.self) == "{ \"b\" : 1.50 , \"a\":\"\\u0041\" }")
        for args in ["null", "1", "\"s\"", "[]", "true"] {
            #expect(String(decoding: try JobDraft.read("{\"args\":\(args)}").get().args, as: UTF8.self) == args)
        }
    }

    @Test(arguments: [
        "", "null", "[]", "{}", #"{"args":{}"#, #"{"args":{}}x"#, #"{"args":{},}"#, #"{"args":}"#, #"{"queue":"q"}"#, #"{"args":{},"more":1}"#,
        #"{"args":{"a":1e999}}"#, #"{"args":"\uD800"}"#,
        #"{"args":{},"queue":1}"#, #"{"args":{},"queue":null}"#, #"{"args":{},"queue":""}"#, #"{"args":{},"queue":"a\u0000"}"#, #"{"args":{},"priority":"5"}"#,
        #"{"args":{},"priority":0}"#,
        #"{"args":{},"priority":10}"#, #"{"args":{},"priority":5.0}"#, #"{"args":{},"priority":null}"#, #"{"args":{},"run_at":1}"#,
        #"{"args":{},"run_at":"tomorrow"}"#, #"{"args":{},"run_at":"2026-01-01T00:00:00"}"#,
        #"{"args":{},"unique_key":1}"#, #"{"args":{},"unique_key":""}"#, #"{"args":{},"unique_key":"\u0000"}"#, #"{"args":{},"max_attempts":0}"#,
        #"{"args":{},"max_attempts":1001}"#, #"{"args":{},"max_attempts":"1"}"#,
        #"{"args":{},"timeout_ms":-1}"#, #"{"args":{},"timeout_ms":86400001}"#, #"{"args":{},"timeout_ms":true}"#, #"{"args":{},"tags":"t"}"#,
        #"{"args":{},"tags":[1]}"#, #"{"args":{},"tags":[""]}"#, #"{"args":{},"tags":["\u0000"]}"#,
    ]) func aBrokenDraftIsRefusedAsMalformed(_ json: String) {
        guard case .failure(let refusal) = JobDraft.read(json) else {
            Issue.record("\(json) was taken")
            return
        }
        #expect(refusal.code == .malformed && !refusal.isRetryable && refusal.message.hasPrefix("job draft"))
    }

    @Test func boundsAreInclusive() {
        func draft(_ change: (inout JobDraft) -> Void) -> Bool {
            var draft = JobDraft(kind: "k")
            change(&draft)
            guard case .success(let read) = JobDraft.read(String(decoding: draft.payload, as: UTF8.self), kind: draft.kind) else {
                #expect(draft.fault != nil)
                return false
            }
            return read == draft && draft.fault == nil
        }
        func text(_ n: Int) -> String { String(repeating: "x", count: n) }
        #expect(draft { $0.queue = text(256) } && !draft { $0.queue = text(257) })
        #expect(draft { $0.uniqueKey = text(1024) } && !draft { $0.uniqueKey = text(1025) })
        #expect(
            draft { $0.tags = Array(repeating: text(128), count: 32) } && !draft { $0.tags = Array(repeating: "t", count: 33) }
                && !draft { $0.tags = [text(129)] })
        #expect(
            draft { $0.args = Array("\"\(text(JobDraft.maxArgsBytes - 2))\"".utf8) }
                && !draft { $0.args = Array("\"\(text(JobDraft.maxArgsBytes - 1))\"".utf8) })
        for (kind, ok) in [("", false), (text(256), true), (text(257), false), ("a\0", false)] {
            if case .success = JobDraft.read(#"{"args":{}}"#, kind: kind) { #expect(ok) } else { #expect(!ok) }
        }
        let deep = { (n: Int) in #"{"args":"# + String(repeating: "[", count: n) + String(repeating: "]", count: n) + "}" }
        #expect((try? JobDraft.read(deep(63)).get()) != nil && (try? JobDraft.read(deep(64)).get()) == nil)
    }

    @Test(arguments: [
        (#"{"a":"\u0000"}"#, true), (#"{"\u0000":1}"#, true), (#""\u0000"#, true), (#""\\\u0000""#, true), (#""\\\\\u0000""#, true), (#""\u0001\u0000""#, true),
        (#""\\u0000""#, false), (#""\\\\u0000""#, false),
        (#""u0000""#, false), (#""\u00000"#, true), (#""\u0001""#, false), (#""\u000"#, false), ("\\", false), (#"\u000"#, false), ("", false),
    ]) func onlyAnEscapedNULIsOne(_ json: String, _ expected: Bool) {
        #expect(JobDraft.escapesNUL(Array(json.utf8)) == expected, "\(json)")
    }

    @Test func aNameMayBeEscaped() throws {
        #expect(try JobDraft.read(#"{"\u0061rgs":[1]}"#).get().args == Array("[1]".utf8))
    }

    @Test func aMissingUniqueKeyAndTimeMayBeNull() throws {
        let draft = try JobDraft.read(#"{"args":{},"unique_key":null,"run_at":null}"#).get()
        #expect(draft.uniqueKey == nil && draft.runAt == nil)
    }

    @Test func mutatedDraftsNeverTrapAndKeepTheRules() {
        var random = Seeded(8)
        let whole = Array(
            #"{"args":{"a":"\\u0000"},"queue":"q","priority":3,"run_at":"2026-01-01T00:00:00Z","unique_key":"u","max_attempts":3,"timeout_ms":10,"tags":["a","b"]}"#
                .utf8)
        for _ in 0..<6_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...3, using: &random) { bytes[Int.random(in: 0..<bytes.count, using: &random)] = whole.randomElement(using: &random)! }
            bytes.withUnsafeBufferPointer { buffer in
                guard let draft = try? JobDraft(kind: "k", payload: buffer) else { return }
                #expect(draft.fault == nil)
                #expect((try? JSONValue.parse(draft.args)) != nil)
            }
        }
    }

    // MARK: Failures

    @Test(arguments: [true, false]) func aFailureReadsBack(_ retry: Bool) {
        let failure = JobFailure("broken \"é\"\n", isRetryable: retry)
        #expect(JobFailure(payload: failure.payload) == failure)
    }

    @Test(arguments: ["", "{}", "[", #"{"error":1,"retry":"no"}"#]) func anUnreadableFailureIsARetryableOne(_ text: String) {
        #expect(JobFailure(payload: Array(text.utf8)) == JobFailure("unreadable failure", isRetryable: true))
    }

    @Test func failureTextIsCutBetweenCharactersAndHasNoNUL() {
        func kept(_ text: String) -> Int { JobFailure(text).message.utf8.count }
        #expect(kept("") == 0)
        #expect(kept(String(repeating: "a", count: 4096)) == 4096)
        #expect(kept(String(repeating: "a", count: 4097)) == 4096)
        #expect(kept(String(repeating: "a", count: 1_000_000)) == 4096)
        #expect(kept(String(repeating: "é", count: 2048)) == 4096)
        #expect(kept(String(repeating: "é", count: 2049)) == 4096)
        #expect(kept("a" + String(repeating: "é", count: 3000)) == 4095)
        #expect(JobFailure("a\0b\0").message == "ab")
        // Whatever stands before the cut: valid text, within the bound, the longest such beginning.
        for pad in 0...8 {
            for nul in 0...4 {
                for c in ["a", "é", "中", "😀"] {
                    let clean = String(repeating: "a", count: pad) + String(repeating: c, count: 4200 / c.utf8.count)
                    let message = JobFailure(String(repeating: "\0", count: nul) + clean).message
                    #expect(!message.unicodeScalars.contains("\u{FFFD}"))
                    #expect(clean.utf8.starts(with: message.utf8))
                    #expect((4096 - c.utf8.count + 1...4096).contains(message.utf8.count), "\(pad) \(nul) \(c)")
                }
            }
        }
    }

    @Test func statesAreNamedAsRiverNamesThem() {
        #expect(JobState.allCases.filter(\.isFinal).map(\.rawValue) == ["completed", "cancelled", "discarded"])
    }
}

@Suite struct RetryPolicyTests {
    /// attempt^4 seconds, as in River's schedule.
    static let seconds: [Int64] = [
        1, 16, 81, 256, 625, 1296, 2401, 4096, 6561, 10000, 14641, 20736, 28561, 38416, 50625, 65536, 83521, 104_976, 130_321, 160_000, 194_481, 234_256,
        279_841, 331_776,
    ]

    @Test func waitsGrowWithTheFourthPowerWithinTenPercent() {
        for (index, seconds) in Self.seconds.enumerated() {
            var least = Int64.max
            var most = Int64.min
            for job in 0..<2_000 as Range<Int64> {
                let delay = RetryPolicy.standard.delayMs(attempt: index + 1, jobID: job)
                least = min(least, delay)
                most = max(most, delay)
            }
            #expect(least >= seconds * 900 && most <= seconds * 1100, "attempt \(index + 1)")
            // The jitter uses its range.
            #expect(least < seconds * 910 && most > seconds * 1090, "attempt \(index + 1)")
        }
    }

    @Test(arguments: [-1, 0, 40, 41, 100, 310, 1000, 1001, .max, .min]) func anyAttemptHasAWaitWithinTheCap(_ attempt: Int) {
        for job in [0, 1, -1, .max, .min] as [Int64] {
            let delay = RetryPolicy.standard.delayMs(attempt: attempt, jobID: job)
            #expect(delay >= 900 && delay <= RetryPolicy.maxDelayMs / 10 * 11)
            if attempt > 40 { #expect(delay >= RetryPolicy.maxDelayMs / 10 * 9) }
        }
    }

    @Test func theSameRunAlwaysWaitsTheSame() {
        #expect(RetryPolicy.standard.delayMs(attempt: 5, jobID: 42) == RetryPolicy.standard.delayMs(attempt: 5, jobID: 42))
        #expect(Set((0..<100).map { RetryPolicy.standard.delayMs(attempt: 5, jobID: $0) }).count > 90)
    }
}
