import HTTP
import Testing

@Suite struct RequestParserTests {
    @Test(arguments: RequestCases.good.indices) func wellFormedRequestsAreReadWholeAndByteByByteAlike(_ i: Int) {
        let (text, bodies) = RequestCases.good[i]
        let whole = read(text)
        #expect(whole.fault == nil, "\(text)")
        #expect(whole.bodies == bodies.map { Array($0.utf8) })
        #expect(read(Array(text.utf8).map { [$0] }) == whole)
        var random = Seeded(UInt64(i))
        for _ in 0..<20 { #expect(read(split(Array(text.utf8), &random)) == whole) }
    }

    @Test(arguments: RequestCases.bad.indices) func malformedRequestsAreRefusedHoweverTheyArrive(_ i: Int) {
        let (text, status) = RequestCases.bad[i]
        let whole = read(text)
        #expect(whole.fault == status, "\(text.debugDescription)")
        #expect(whole.bodies.isEmpty, "nothing of a refused request is handed on")
        let single = read(Array(text.utf8).map { [$0] })
        #expect(single.fault == status)
        #expect(single.bodies.isEmpty)
    }

    @Test func limitsHaveTheirOwnStatus() {
        let long = String(repeating: "a", count: 8200)
        #expect(read("GET /\(long) HTTP/1.1\r\nHost: a\r\n\r\n").fault == 414)
        #expect(read("GET /\(long)").fault == 414)
        #expect(read("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "b", count: 33_000))").fault == 431)
        #expect(read("GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X: y\r\n", count: 99) + "\r\n").fault == nil)
        #expect(read("GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X: y\r\n", count: 100) + "\r\n").fault == 431)
        var small = HTTPLimits()
        small.body = 4
        #expect(read("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", limits: small).fault == 413)
        #expect(read("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\n", limits: small).fault == 413)
        #expect(read("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", limits: small).fault == nil)
    }

    @Test func garbageIsRefusedAtItsFirstByte() {
        #expect(read([[0x16, 0x03, 0x01]]).fault == 400, "a TLS hello")
        #expect(read([[0x0A]]).fault == 400)
        #expect(read("GET / HTTP/1.1\r\nHost: a\r\n\u{0}").fault == 400)
    }

    @Test(arguments: [
        ("HTTP/1.1", "", true), ("HTTP/1.1", "Connection: close\r\n", false), ("HTTP/1.1", "Connection: x, Close\r\n", false), ("HTTP/1.0", "", false),
        ("HTTP/1.0", "Connection: keep-alive\r\n", true), ("HTTP/1.0", "Connection: keep-alive, close\r\n", false),
    ]) func keepAliveFollowsVersionAndConnection(_ version: String, _ field: String, _ expected: Bool) throws {
        #expect(try head("GET / \(version)\r\nHost: a\r\n\(field)\r\n").keepAlive == expected)
    }

    @Test func headsAnswerByNameInAnyCase() throws {
        let h = try head("GET /p%2Fq/r?a=1 HTTP/1.1\r\nHost: a\r\nAccept: x\r\nACCEPT: y\r\nExpect: 100-Continue\r\nConnection: Upgrade\r\n\r\n")
        #expect(h.value("accept") == "x")
        #expect(h.list("Accept") == "x, y")
        #expect(h.count("accept") == 2)
        #expect(h.value("accept-encoding") == nil)
        #expect(h.rawPath == "/p%2Fq/r")
        #expect(h.rawQuery == "a=1")
        #expect(h.expectsContinue)
        #expect(h.wantsUpgrade)
        #expect(try head("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expectsContinue == false)
        #expect(try head("GET http://h/p?q HTTP/1.1\r\nHost: h\r\n\r\n").rawPath == "/p")
    }

    @Test func randomBytesNeverCrashAndNeverLoop() {
        var random = Seeded(42)
        for _ in 0..<20_000 { _ = read(split(random.bytes(Int.random(in: 1...80, using: &random)), &random)) }
    }

    @Test func mutatedRequestsReadAlikeHoweverTheyAreSplit() {
        var random = Seeded(7)
        let seeds = RequestCases.good.map { Array($0.text.utf8) } + RequestCases.bad.map { Array($0.text.utf8.prefix(400)) }
        for round in 0..<20_000 {
            var bytes = seeds[round % seeds.count]
            for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[at] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: at)
                case 2: bytes.insert(bytes[at], at: at)
                default: bytes[at] ^= 1 << UInt8(random.next() & 7)
                }
            }
            #expect(read([bytes]) == read(split(bytes, &random)))
        }
    }
}
