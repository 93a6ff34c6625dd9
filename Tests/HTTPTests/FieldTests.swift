import Bytes
import Testing

@testable import HTTP

@Suite struct FieldTests {
    @Test func percentDecodingIsStrictAboutEscapesUTF8AndNUL() {
        #expect(PercentCoding.decode("a%20b+c") == "a b+c")
        #expect(PercentCoding.decode("a%20b+c", plusIsSpace: true) == "a b c")
        #expect(PercentCoding.decode("%E4%B8%ad") == "中")
        for bad in ["%", "%4", "%zz", "%FF", "%C0%AF", "%00", "%ED%A0%80"] { #expect(PercentCoding.decode(bad) == nil, "\(bad)") }
        #expect(PercentCoding.encode("a b/中~") == "a%20b%2F%E4%B8%AD~")
        var random = Seeded(3)
        for _ in 0..<2000 {
            let text = String((0..<8).compactMap { _ in Unicode.Scalar(UInt32.random(in: 1...0x10FFFF, using: &random)).map(Character.init) })
            #expect(PercentCoding.decode(PercentCoding.encode(text)) == text)
        }
    }

    @Test func queriesKeepOrderAndRepeatedValues() throws {
        let q = try #require(Query("a=1&b=x+y&&a=%32&flag&=v&c==="))
        #expect(q["a"] == "1")
        #expect(q.all("a") == ["1", "2"])
        #expect(q["b"] == "x y")
        #expect(q["flag"] == "")
        #expect(q["c"] == "==")
        #expect(q["none"] == nil)
        #expect(Query("a=%FF") == nil)
        #expect(Query("%GG=1") == nil)
        #expect(Query("") == Query())
    }

    @Test func mediaTypesAreTakenApart() throws {
        let json = try #require(MediaType("Application/JSON; Charset=\"utf-8\""))
        #expect(json.essence == "application/json")
        #expect(json.parameters == ["charset": "utf-8"])
        #expect(json.isJSON)
        #expect(MediaType("application/problem+json")?.isJSON == true)
        for bad in ["", "json", "a/", "/b", "a/b c", "a/b;c", "a/b;c=\"d"] { #expect(MediaType(bad) == nil, "\(bad)") }
    }

    @Test(
        arguments: [
            (nil, false), ("", false), ("gzip", true), ("GZIP", true), ("deflate, gzip;q=0.5", true), ("gzip;q=0", false), ("gzip;q=0.000", false), ("*", true),
            ("*;q=0", false), ("gzip;q=0, *", false), ("identity", false), ("identity;q=1, gzip;q=0.5", false), ("br", false), ("gzip;q=2", false),
            ("gzip ; q=1.0 , br", true),
            ("identity;q=0, gzip;q=0.001", true), (",,,gzip", true), ("gzip;x=1", false),
        ] as [(String?, Bool)]) func gzipIsUsedOnlyWhenWanted(_ field: String?, _ expected: Bool)
    {
        #expect(AcceptEncoding(field).prefersGzip == expected, "\(field ?? "nil")")
    }

    @Test(
        arguments: [
            (nil, .whole), ("bytes=0-0", .part(0..<1)), ("bytes=0-", .part(0..<10)), ("bytes=5-100", .part(5..<10)), ("bytes=-3", .part(7..<10)),
            ("bytes=-30", .part(0..<10)),
            ("bytes=10-", .unsatisfiable), ("bytes=-0", .unsatisfiable), ("bytes=5-4", .whole), ("bytes=0-1,3-4", .whole), ("items=0-1", .whole),
            ("bytes=a-b", .whole),
            ("bytes", .whole), ("bytes=", .whole), ("bytes=99999999999999999999-", .whole), ("bytes=--1", .whole), ("Bytes=1-2", .part(1..<3)),
        ] as [(String?, ByteRange)]) func rangesResolveAgainstTheLength(_ field: String?, _ expected: ByteRange)
    {
        #expect(ByteRange(field, length: 10) == expected, "\(field ?? "nil")")
    }

    @Test func rangesOfNothingAreUnsatisfiable() {
        #expect(ByteRange("bytes=0-", length: 0) == .unsatisfiable)
        #expect(ByteRange("bytes=-1", length: 0) == .unsatisfiable)
    }

    @Test func datesGoRound() {
        let text = "Sun, 06 Nov 1994 08:49:37 GMT"
        #expect(HTTPDate.parse(text) == Timestamp(seconds: 784_111_777))
        #expect(HTTPDate.string(Timestamp(seconds: 784_111_777)) == text)
        var random = Seeded(5)
        for _ in 0..<2000 {
            let t = Timestamp(seconds: Int64.random(in: 0...4_000_000_000, using: &random))
            #expect(HTTPDate.parse(HTTPDate.string(t)) == t)
        }
        for bad in ["", "Mon, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT"] {
            #expect(HTTPDate.parse(bad) == nil, "\(bad)")
        }
    }

    @Test func tagsMatchByTheirRules() {
        let tag = EntityTag("1-2")
        for list in ["\"1-2\"", "W/\"1-2\"", "\"x\", \"1-2\"", "*", ", \"1-2\""] { #expect(tag.isNamed(in: list), "\(list)") }
        for list in ["", "1-2", "\"1-3\"", "\"1-2", "W\"1-2\""] { #expect(!tag.isNamed(in: list), "\(list)") }
        #expect(tag.isStrongly("\"1-2\""))
        #expect(!tag.isStrongly("W/\"1-2\""))
        #expect(!EntityTag("1-2", weak: true).isStrongly("\"1-2\""))
        #expect(EntityTag("a", weak: true).description == "W/\"a\"")
    }

    @Test func sha1AndBase64MatchTheirStandards() {
        func hex(_ bytes: [UInt8]) -> String { bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
        #expect(hex(SHA1.digest([])) == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
        #expect(hex(SHA1.digest(Array("abc".utf8))) == "a9993e364706816aba3e25717850c26c9cd0d89d")
        #expect(hex(SHA1.digest([UInt8](repeating: 0x61, count: 1_000))) == "291e9a6c66994949b57ba5e650361e98fc36b1ba")
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy")] {
            #expect(Base64.encode(Array(plain.utf8)) == coded)
            #expect(Base64.decode(coded) == Array(plain.utf8))
        }
        for bad in ["Z", "Zg=", "Zh==", "Zm9=", "Zm9v=", "Zm 9v", "====", "Z===", "Zg==Zg=="] { #expect(Base64.decode(bad) == nil, "\(bad)") }
    }

    @Test func responseFieldsCannotBeSplit() {
        var out: [UInt8] = []
        ResponseHead.begin(status: 200, date: Array("D".utf8), to: &out)
        ResponseHead.field("Location", "/a\r\nX: y", to: &out)
        ResponseHead.framing(.length(12), to: &out)
        ResponseHead.end(to: &out)
        #expect(String(decoding: out, as: UTF8.self) == "HTTP/1.1 200 OK\r\nDate: D\r\nLocation: /a  X: y\r\nContent-Length: 12\r\n\r\n")
    }

    @Test func chunksReadBackAsTheyWereWritten() {
        var out = Array("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
        ResponseHead.chunk([UInt8](repeating: 0x41, count: 300), to: &out)
        ResponseHead.chunk([], to: &out)
        ResponseHead.chunk([0x42], to: &out)
        ResponseHead.lastChunk(to: &out)
        #expect(read([out]).bodies == [[UInt8](repeating: 0x41, count: 300) + [0x42]])
    }
}
