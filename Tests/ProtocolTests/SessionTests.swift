import Bytes
import Protocol
import Testing

@Suite struct SessionTests {
    private static let windows = #""windows":{"jobs":1,"batches":2,"requests":3}"#
    private static let whole = #"{"role":"worker","name":"w","kinds":["a"],"streams":["s"],"requests":["r"],\#(windows)}"#

    private func hello(_ json: String) -> Hello? { Hello(payload: Array(json.utf8)) }

    @Test(arguments: Role.allCases) func aHelloReadsBack(_ role: Role) {
        let hello = Hello(
            role: role, name: "w-1 \"é\"", kinds: ["charging.predict", "x"], streams: ["s"], requests: [],
            windows: Windows(jobs: 10, batches: 0, requests: 1_000_000))
        #expect(Hello(payload: hello.payload) == hello)
        #expect(
            self.hello(Self.whole)
                == Hello(role: .worker, name: "w", kinds: ["a"], streams: ["s"], requests: ["r"], windows: Windows(jobs: 1, batches: 2, requests: 3)))
    }

    @Test func aHelloWithAFieldMissingOrOfAnotherTypeIsNone() throws {
        let members = try #require(JSONValue.parse(Array(Self.whole.utf8)).object)
        let wrong: [JSONValue] = [
            nil, true, 1, 1.5, "boss", [1], ["a", nil], ["x": 1], .string(String(repeating: "n", count: 257)), [""],
            [.string(String(repeating: "n", count: 257))],
        ]
        for (index, member) in members.enumerated() {
            var rest = members
            rest.remove(at: index)
            #expect(Hello(payload: JSONValue.object(rest).bytes) == nil, "without \(member.key)")
            for value in wrong {
                if member.key == "name", value == "boss" { continue }
                var changed = members
                changed[index].value = value
                #expect(Hello(payload: JSONValue.object(changed).bytes) == nil, "\(member.key) \(value)")
            }
        }
        for json in ["", "{}", "[]", "null", "{", Self.whole + "x", Self.whole.replacing("worker", with: "Worker")] { #expect(hello(json) == nil, "\(json)") }
        // The bounds themselves are allowed.
        let n = String(repeating: "n", count: 256)
        #expect(Hello(payload: Hello(role: .api, name: n, kinds: [n]).payload) != nil)
    }

    @Test(arguments: [
        (#"{"jobs":0,"batches":0,"requests":0}"#, true), (#"{"jobs":1000000,"batches":1,"requests":1}"#, true),
        (#"{"jobs":1000001,"batches":1,"requests":1}"#, false),
        (#"{"jobs":-1,"batches":1,"requests":1}"#, false), (#"{"jobs":1.5,"batches":1,"requests":1}"#, false),
        (#"{"jobs":"1","batches":1,"requests":1}"#, false), (#"{"jobs":null,"batches":1,"requests":1}"#, false),
        (#"{"jobs":1,"batches":1}"#, false), (#"{"jobs":1e3,"batches":1,"requests":1}"#, false),
        (#"{"jobs":99999999999999999999,"batches":1,"requests":1}"#, false), ("[]", false), ("", false), ("\u{0}", false),
    ]) func windowsAreWholeNumbersWithinTheirBound(_ json: String, _ ok: Bool) {
        let windows = Windows(payload: Array(json.utf8))
        #expect((windows != nil) == ok, "\(json)")
        if let windows { #expect(Windows(payload: windows.payload) == windows) }
    }

    @Test func aWelcomeReadsBack() {
        for epoch in [1, .max, .min] as [Int64] { #expect(Welcome(payload: Welcome(broker: "b", epoch: epoch).payload) == Welcome(broker: "b", epoch: epoch)) }
        for json in ["", "{}", #"{"broker":1,"epoch":1}"#, #"{"broker":"b","epoch":"1"}"#, #"{"broker":"b"}"#, #"{"broker":"b","epoch":1.5}"#] {
            #expect(Welcome(payload: Array(json.utf8)) == nil, "\(json)")
        }
    }

    @Test(arguments: Refusal.Code.allCases) func aRefusalReadsBackAndSaysWhetherARetryCanHelp(_ code: Refusal.Code) {
        let refusal = Refusal(code, "because \"x\"\n")
        #expect(Refusal(payload: refusal.payload) == refusal)
        #expect(refusal.isRetryable == ![.malformed, .failed].contains(code))
        #expect(Refusal(payload: Refusal(code, "", retry: !refusal.isRetryable).payload).isRetryable != refusal.isRetryable)
        #expect(refusal.description.hasPrefix(code.rawValue))
    }

    @Test(arguments: ["", "null", "[]", "{", "{}", #"{"code":1,"message":2,"retry":3}"#, #"{"code":"no such code"}"#, "\u{0}\u{1}"])
    func anUnreadableRefusalIsStillOne(_ text: String) {
        let refusal = Refusal(payload: Array(text.utf8))
        #expect(refusal.code == .failed && refusal.message == "unreadable refusal" && !refusal.isRetryable)
    }

    @Test func aTopicsStreamIsThePartBeforeTheFirstDot() {
        for (topic, stream) in [("charging.METER.1", "charging"), ("fleet", "fleet"), (".x", ""), ("", ""), ("é.x", "é")] {
            #expect(Topic.stream(of: topic) == stream)
        }
        #expect(Topic.stream(of: Topic.charging("a.b")) == Topic.Stream.charging.rawValue)
        #expect(Topic.stream(of: Topic.jobs("k")) == Topic.Stream.jobs.rawValue)
    }
}
