import Bytes
import Testing

@Suite struct JSONReaderTests {
    @Test(
        arguments: [
            ("null", .null), (" true ", .bool(true)), ("\t\r\n false", .bool(false)), ("0", .int(0)), ("-1", .int(-1)), ("7", .int(7)),
            ("9223372036854775807", .int(.max)), ("-9223372036854775808", .int(.min)), ("9223372036854775808", .double(0x1p63)),
            ("-9223372036854775809", .double(-0x1p63)), ("123456789012345678901234567890", .double(123_456_789_012_345_677_877_719_597_056)),
            ("1.0", .double(1)), ("1.5", .double(1.5)), ("-0.001", .double(-0.001)), ("1e3", .double(1000)), ("1E+2", .double(100)), ("1e-2", .double(0.01)),
            ("0e0", .double(0)),
            ("0.1", .double(0.1)), ("0.30000000000000004", .double(0.30000000000000004)), ("2.2250738585072014e-308", .double(2.2250738585072014e-308)),
            ("1.7976931348623157e308", .double(.greatestFiniteMagnitude)), ("5e-324", .double(.leastNonzeroMagnitude)), ("1e-400", .double(0)),
            ("9007199254740993.0", .double(9_007_199_254_740_992)),
            ("0.00000000000000000000000000000000000001", .double(1e-38)), ("\"\"", .string("")), ("\"a\u{7F}b\"", .string("a\u{7F}b")),
            (#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{C}\n\r\t")), (#""\u0041\u00e9\u4E2d""#, .string("Aé中")), (#""\uD83D\uDE00""#, .string("😀")),
            (#""\u0000""#, .string("\0")),
            (#""\uFFFF""#, .string("\u{FFFF}")), ("\"😀é\"", .string("😀é")), ("[]", .array([])), ("[ ]", .array([])), ("[1,[2],{}]", [1, [2], [:]]),
            ("{}", .object([])),
            (#"{"a":1,"b":[true,null]}"#, ["a": 1, "b": [true, nil]]), (#"{"":0}"#, ["": 0]), (#"{"a" : 1 , "a" : 2}"#, .object([("a", 1), ("a", 2)])),
        ] as [(String, JSONValue)]) func documentsOfRFC8259AreRead(_ text: String, _ expected: JSONValue)
    {
        let value = parse(text).value
        #expect(value == expected, "\(text)")
        #expect(skips(Array(text.utf8)))
        // 1 and 1.0 are equal as values: the case must be the documented one.
        switch (value, expected) {
        case (.int, .double), (.double, .int): Issue.record("\(text) has the other number case")
        default: break
        }
    }

    @Test func minusZeroKeepsItsSignAndIsAnInteger() throws {
        guard case .double(let d) = try JSONValue.parse(Array("-0".utf8)) else { return #expect(Bool(false), "-0 must keep its sign") }
        #expect(d == 0 && d.sign == .minus)
        #expect(try JSONReader.read(Array("-0".utf8)) { (r) throws(JSONError) in try r.int() } == 0)
    }

    @Test(
        arguments: [
            ("", .unexpectedEnd), ("  ", .unexpectedEnd), ("nul", .unexpectedEnd), ("nulL", .unexpectedByte), ("nullx", .trailing), ("True", .unexpectedByte),
            ("tru e", .unexpectedByte),
            ("NaN", .unexpectedByte), ("Infinity", .unexpectedByte), ("-Infinity", .badNumber), ("+1", .unexpectedByte), ("01", .badNumber),
            ("-01", .badNumber), ("00", .badNumber),
            ("-", .badNumber), ("1.", .badNumber), (".5", .unexpectedByte), ("1.e3", .badNumber), ("1e", .badNumber), ("1e+", .badNumber), ("1e-", .badNumber),
            ("0x10", .trailing),
            ("1_000", .trailing), ("1 2", .trailing), ("1e400", .outOfRange), ("-1e400", .outOfRange), ("1e99999999999999999999", .outOfRange),
            ("[", .unexpectedEnd), ("]", .unexpectedByte),
            ("[1", .unexpectedEnd), ("[1,", .unexpectedEnd), ("[1,]", .unexpectedByte), ("[,1]", .unexpectedByte), ("[1 2]", .unexpectedByte),
            ("[1}", .unexpectedByte), ("{", .unexpectedEnd),
            ("{\"a\"", .unexpectedEnd), ("{\"a\":", .unexpectedEnd), ("{\"a\":}", .unexpectedByte), ("{\"a\":1,}", .wrongType), ("{a:1}", .wrongType),
            ("{'a':1}", .wrongType), ("{1:1}", .wrongType),
            ("{\"a\" 1}", .unexpectedByte), ("{\"a\":1 \"b\":2}", .unexpectedByte), ("{,}", .wrongType), ("{}{}", .trailing), ("\"", .unexpectedEnd),
            ("\"a", .unexpectedEnd), ("\"\\\"", .unexpectedEnd),
            ("\"\\", .unexpectedEnd), ("\"\\x\"", .badString), ("\"\\'\"", .badString), ("\"\\u\"", .unexpectedEnd), ("\"\\u12\"", .unexpectedEnd),
            ("\"\\u12G4\"", .badString), ("\"\\U0041\"", .badString),
            ("\"\\uD800\"", .badString), ("\"\\uD800x\"", .badString), ("\"\\uD800\\u0041\"", .badString), ("\"\\uD800\\uD800\"", .badString),
            ("\"\\uDC00\"", .badString), ("\"\\uDC00\\uD800\"", .badString),
            ("\"\\uD83D\\n\"", .badString), ("\"\\uD83D\\uDE0", .unexpectedEnd), ("\"\n\"", .badString), ("\"\t\"", .badString), ("\"\0\"", .badString),
            ("\"\u{1F}\"", .badString),
            ("\u{FEFF}1", .unexpectedByte), ("\u{A0}1", .unexpectedByte), ("\u{C}1", .unexpectedByte), ("/*c*/1", .unexpectedByte), ("1//c", .trailing),
            ("1\0", .trailing),
        ] as [(String, JSONError.Reason)]) func whatIsNotJSONIsRefusedWithAReason(_ text: String, _ reason: JSONError.Reason)
    {
        #expect(parse(text).error?.reason == reason, "\(text.debugDescription)")
        #expect(!skips(Array(text.utf8)))
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0xAF], [0xC1, 0xBF], [0xC3], [0xE0, 0x80, 0xAF], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF],
            [0xF0, 0x80, 0x80, 0xAF], [0xF0, 0x8F, 0xBF, 0xBF],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFE], [0xFF], [0xE4, 0xB8], [0xC3, 0x41], [0xC3, 0x5C, 0x6E],
        ] as [[UInt8]]) func stringsMustBeUTF8(_ bad: [UInt8])
    {
        #expect(parse([0x22] + bad + [0x22]).error?.reason == .badUTF8)
        #expect(parse([0x7B, 0x22] + bad + [0x22, 0x3A, 0x31, 0x7D]).error?.reason == .badUTF8)
        // Outside a string a stray byte is no white space either.
        #expect(parse(bad + [0x31]).error?.reason == .unexpectedByte)
    }

    @Test(arguments: [("[", "]"), (#"{"a":"#, "}")]) func nestingIsBoundedWhateverTheDepth(_ open: String, _ close: String) {
        func nested(_ n: Int) -> [UInt8] { Array((String(repeating: open, count: n) + "1" + String(repeating: close, count: n)).utf8) }
        #expect(parse(nested(64)).value != nil)
        #expect(parse(nested(65)).error?.reason == .tooDeep)
        #expect(parse(nested(3), maxDepth: 3).value != nil)
        #expect(parse(nested(4), maxDepth: 3).error?.reason == .tooDeep)
        #expect(parse(Array(String(repeating: open, count: 200_000).utf8)).error?.reason == .tooDeep)
        // Width is not depth.
        #expect(parse("[" + (0..<200).map { _ in "[[]]" }.joined(separator: ",") + "]").value?.array?.count == 200)
    }

    @Test func namesMatchWithEscapesUndone() throws {
        let text = Array(#"{"\u0061rgs":1,"args":2,"argsx":3,"arg":4}"#.utf8)
        var matches: [Bool] = []
        try JSONReader.read(text) { (r) throws(JSONError) in
            try r.object { (r, key) throws(JSONError) in
                matches.append(key.equals("args"))
                try r.skip()
            }
        }
        #expect(matches == [true, true, false, false])
    }

    @Test func typedReadsRefuseOtherTypes() {
        func fails(_ text: String, _ body: (inout JSONReader) throws(JSONError) -> Void) -> JSONError.Reason? {
            do throws(JSONError) {
                try JSONReader.read(Array(text.utf8)) { (r) throws(JSONError) in try body(&r) }
                return nil
            } catch {
                return error.reason
            }
        }
        for other in ["\"1\"", "true", "null", "[]", "{}"] { #expect(fails(other) { (r) throws(JSONError) in _ = try r.int() } == .wrongType, "\(other)") }
        for other in ["1", "true", "null", "[]", "{}"] { #expect(fails(other) { (r) throws(JSONError) in _ = try r.string() } == .wrongType, "\(other)") }
        for other in ["1", "\"\"", "null", "[]", "{}"] { #expect(fails(other) { (r) throws(JSONError) in _ = try r.bool() } == .wrongType, "\(other)") }
        for other in ["1", "\"\"", "null", "[]"] {
            #expect(fails(other) { (r) throws(JSONError) in try r.object { (r, _) throws(JSONError) in try r.skip() } } == .wrongType, "\(other)")
        }
        for other in ["1", "\"\"", "null", "{}"] {
            #expect(fails(other) { (r) throws(JSONError) in try r.array { (r) throws(JSONError) in try r.skip() } } == .wrongType, "\(other)")
        }
        for large in ["1.5", "1e2", "9223372036854775808"] { #expect(fails(large) { (r) throws(JSONError) in _ = try r.int() } == .outOfRange, "\(large)") }
    }

    @Test func decimalsReadAsTheStandardLibraryReadsThem() {
        var random = Seeded(11)
        for _ in 0..<10_000 {
            let digits = Int.random(in: 1...25, using: &random)
            var text = random.next() & 1 == 0 ? "-" : ""
            text += "\(Int.random(in: 0...9, using: &random))."
            for _ in 0..<digits { text += "\(Int.random(in: 0...9, using: &random))" }
            if random.next() & 3 == 0 { text += "e\(Int.random(in: -330...300, using: &random))" }
            let value = parse(text).value?.double
            if value?.bitPattern != Double(text)?.bitPattern { Issue.record("\(text) is read as \(String(describing: value))") }
        }
    }

    @Test func randomAndMutatedBytesNeverTrapAndWhatIsReadIsWrittenBack() {
        var random = Seeded(20_260_101)
        let seeds = [
            #"{"a":[1,-2.5e3,"x\u00e9\uD83D\uDE00\n",null,true,{"b":{}}],"c":"中😀","d":12345678901234567890}"#, #"[[],[[]],"\\\"",0.1,-0,1e-7]"#,
            #"{"queue":"q","args":{"k":[false]}}"#,
        ].map { Array($0.utf8) }
        let alphabet = Array("{}[]\",:\\u0123456789eE+-.truefalsn \t\nDdCc".utf8) + [0xC3, 0xA9, 0xED, 0xA0, 0x80, 0xF0, 0xFF, 0]
        var accepted = 0
        for round in 0..<15_000 {
            var bytes: [UInt8]
            switch round % 3 {
            case 0: bytes = random.bytes(Int.random(in: 0...24, using: &random))
            case 1: bytes = (0..<Int.random(in: 0...16, using: &random)).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &random)] }
            default:
                bytes = seeds[Int.random(in: 0..<seeds.count, using: &random)]
                for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
                    let i = Int.random(in: 0..<bytes.count, using: &random)
                    switch random.next() % 4 {
                    case 0: bytes[i] = alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                    case 1: bytes.remove(at: i)
                    case 2: bytes.insert(alphabet[Int.random(in: 0..<alphabet.count, using: &random)], at: i)
                    default: bytes.removeSubrange(i...)
                    }
                }
            }
            let result = parse(bytes)
            if skips(bytes) != (result.value != nil) { Issue.record("skip and tree disagree about \(bytes)") }
            if let error = result.error, !(0...bytes.count).contains(error.offset) { Issue.record("offset \(error.offset) in \(bytes)") }
            guard let value = result.value else { continue }
            accepted += 1
            if parse(value.bytes).value != value { Issue.record("\(bytes) is written as something else") }
        }
        // Otherwise the test above would prove nothing about what is accepted.
        #expect(accepted > 300)
    }
}

@Suite struct JSONValueTests {
    @Test func objectsAreEqualWhateverTheOrderOfTheirMembers() {
        let pairs: [(JSONValue, JSONValue, Bool)] = [
            (["a": 1, "b": 2], ["b": 2, "a": 1], true), (["a": 1], ["a": 1.0], true), (["a": 1], ["a": 2], false), (["a": 1], ["b": 1], false),
            (.object([("a", 1), ("a", 1)]), .object([("a", 1), ("b", 2)]), false), (.object([("a", 1), ("a", 2)]), .object([("a", 1), ("a", 2)]), true),
            (.object([("a", 1), ("a", 2)]), .object([("a", 2), ("a", 1)]), false), ([1, 2], [2, 1], false), ("1", 1, false), (nil, false, false),
        ]
        for (a, b, expected) in pairs {
            #expect((a == b) == expected, "\(a) \(b)")
            #expect((b == a) == expected, "\(b) \(a)")
            #expect(a == a && b == b)
            if expected { #expect(a.hashValue == b.hashValue) }
        }
    }
}
