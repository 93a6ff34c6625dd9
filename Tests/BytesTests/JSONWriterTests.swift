import Bytes
import Testing

@Suite struct JSONWriterTests {
    private func text(_ body: (inout JSONWriter) -> Void) -> String {
        var w = JSONWriter()
        body(&w)
        return w.string
    }

    @Test(arguments: [
        ("", #""""#), ("a", #""a""#), ("\"\\/", #""\"\\/""#), ("\n\r\t", #""\n\r\t""#), ("\0\u{1}\u{8}\u{C}\u{1F}", #""\u0000\u0001\u0008\u000c\u001f""#),
        ("\u{7F}é中😀\u{2028}", "\"\u{7F}é中😀\u{2028}\""),
        ("\"", #""\"""#), ("x\\", #""x\\""#),
    ]) func stringsAreEscaped(_ string: String, _ json: String) {
        let written = text { w in w.value(string) }
        #expect(written == json)
        #expect(parse(json).value == .string(string))
    }

    @Test(
        arguments: [
            (0.0, "0.0"), (-0.0, "-0.0"), (60, "60.0"), (-1.5, "-1.5"), (0.001, "0.001"), (0.005, "0.005"), (-0.05, "-0.05"), (12.034, "12.034"),
            (0.1 + 0.2, "0.30000000000000004"), (1e15, "1000000000000000.0"),
            (99_999_999_999.999, "99999999999.999"), (0.0001, "0.0001"), (.leastNonzeroMagnitude, "5e-324"), (.infinity, "null"), (-.infinity, "null"),
            (.nan, "null"),
        ] as [(Double, String)]) func doublesAreWrittenShortestWithADecimalPoint(_ value: Double, _ json: String)
    {
        let written = text { w in w.value(value) }
        #expect(written == json)
    }

    @Test func everyFiniteDoubleReadsBackAsItself() {
        var random = Seeded(5)
        for round in 0..<50_000 {
            // Random bit patterns are nearly all huge or tiny: every other one is a reading with few decimals.
            let value =
                round & 1 == 0
                ? Double(bitPattern: random.next())
                : Double(Int64.random(in: -10_000_000...10_000_000, using: &random)) / [1.0, 10, 100, 1000, 10_000, 3].randomElement(using: &random)!
            guard value.isFinite else { continue }
            let json = text { $0.value(value) }
            guard case .success(.double(let back)) = parse(json) else {
                Issue.record("\(value) was written as \(json)")
                continue
            }
            if back.bitPattern != value.bitPattern { Issue.record("\(value) was written as \(json)") }
        }
    }

    @Test(arguments: [0, 1, -1, 9, 10, 1_234_567_890, .max, .min]) func integersReadBackAsThemselves(_ value: Int) {
        let written = text { w in w.value(value) }
        #expect(written == String(value))
        #expect(parse(String(value)).value?.int == value)
    }

    @Test func commasStandBetweenMembersOnly() {
        let json = text { w in
            w.object { w in
                w.member("none", nil as Int?)
                w.key("empty")
                w.array { _ in }
                w.key("a\"b")
                w.object { w in w.member("x", true) }
                w.key("list")
                w.array { w in
                    w.null()
                    w.array { $0.value(1) }
                    w.raw(Array("{\"r\":0}".utf8))
                    w.value("s")
                }
                w.member("d", 1.0)
                w.member("t", Timestamp(seconds: 0), .utc)
                w.member("v", ["k": [1, nil]])
            }
        }
        #expect(json == #"{"none":null,"empty":[],"a\"b":{"x":true},"list":[null,[1],{"r":0},"s"],"d":1.0,"t":"1970-01-01T00:00:00Z","v":{"k":[1,null]}}"#)
        #expect(parse(json).value != nil)
    }

    @Test func randomTreesReadBackAsThemselves() {
        var random = Seeded(77)
        func tree(_ depth: Int) -> JSONValue {
            switch Int.random(in: 0..<(depth > 4 ? 5 : 7), using: &random) {
            case 0: return .null
            case 1: return .bool(random.next() & 1 == 0)
            case 2: return .int(Int(truncatingIfNeeded: random.next()))
            case 3: return .double(Double(Int.random(in: -99_999...99_999, using: &random)) / 100 + 0.001)
            case 4:
                let scalars = (0..<Int.random(in: 0...6, using: &random)).compactMap { _ in Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &random)) }
                return .string(String(String.UnicodeScalarView(scalars)))
            case 5: return .array((0..<Int.random(in: 0...4, using: &random)).map { _ in tree(depth + 1) })
            default: return .object((0..<Int.random(in: 0...4, using: &random)).map { ("k\($0)\n", tree(depth + 1)) })
            }
        }
        for _ in 0..<1_500 {
            let value = tree(0)
            #expect(parse(value.bytes).value == value)
        }
    }
}
