import Bytes
import Testing

@testable import Workers

@Suite struct RuleTests {
    // MARK: Sharing

    @Test func `all pollers find the same owner, shares are about even, and only the things of who goes move`() {
        let pollers = ["a:1:x", "b:2:y", "c:3:z"]
        let all = Rendezvous(pollers)
        let turned = Rendezvous(pollers.reversed())
        let less = Rendezvous(["a:1:x", "c:3:z"])
        var counts: [String: Int] = [:]
        for car in Int64(1)...3_000 {
            let owner = all.owner(of: car)!
            counts[owner, default: 0] += 1
            #expect(turned.owner(of: car) == owner)
            if owner != "b:2:y" { #expect(less.owner(of: car) == owner) }
        }
        for poller in pollers { #expect((800...1_200).contains(counts[poller] ?? 0), "\(counts)") }
        #expect(Rendezvous([]).owner(of: 1) == nil)
    }

    // MARK: Lists

    private static func listed(_ teslaID: Int64, _ vehicleID: Int64, _ vin: String) -> ListedCar {
        ListedCar(teslaID: teslaID, vehicleID: vehicleID, vin: vin, name: "", json: .null)
    }

    @Test func `a list gives cars by their ids, of whatever size and shape, and passes over what is no car`() throws {
        let text = """
            {"response":[{"id":1492931000000001,"id_s":"9223372036854775806","vehicle_id":1126341070917908,"vin":"LRW1","display_name":"家"},
             {"energy_site_id":5,"resource_type":"solar"},{"id":9007199254740993,"vehicle_id":"9007199254740995","vin":null},
             {"id":7,"vehicle_id":null},{"id":"x","vehicle_id":8},{"id":-1,"vehicle_id":8},{"id":9007199254740993,"vehicle_id":9},5,null],"count":9}
            """
        let cars = try #require(CarListing.read(try JSONValue.parse(Array(text.utf8))))
        #expect(cars.map(\.teslaID) == [9_223_372_036_854_775_806, 9_007_199_254_740_993])
        #expect(cars.map(\.vehicleID) == [1_126_341_070_917_908, 9_007_199_254_740_995])
        #expect(cars.map(\.vin) == ["LRW1", ""])
        #expect(cars[0].name == "家")
        for broken in [#"{"response":null}"#, "{}", #"{"response":{"id":1}}"#, "[]"] {
            #expect(CarListing.read(try JSONValue.parse(Array(broken.utf8))) == nil)
        }
    }

    @Test func `cars are found by id, then by the stream's id, then by VIN where that car is not in the list otherwise`() {
        let known = [
            KnownCar(number: 1, teslaID: 11, vehicleID: 21, vin: "A"), KnownCar(number: 2, teslaID: 12, vehicleID: 22, vin: "B"),
            KnownCar(number: 3, teslaID: 13, vehicleID: 23, vin: "C"), KnownCar(number: 4, teslaID: 14, vehicleID: 24, vin: "D", isGone: true),
        ]
        let l = Self.listed
        let cases: [([ListedCar], present: [Int64], new: Int, gone: [Int64])] = [
            ([l(11, 21, "A"), l(12, 22, "B"), l(13, 23, "C")], [1, 2, 3], 0, []),
            ([l(99, 21, "A"), l(12, 22, "B"), l(13, 23, "C")], [1, 2, 3], 0, []),
            ([l(98, 99, "A"), l(12, 22, "B"), l(13, 23, "C")], [1, 2, 3], 0, []),
            // Two cars with one VIN are two cars.
            ([l(11, 21, "A"), l(15, 25, "A")], [1], 1, [2, 3]),
            ([l(15, 25, "A"), l(11, 21, "A")], [1], 1, [2, 3]),
            // No VIN is nobody's.
            ([l(15, 25, "")], [], 1, [1, 2, 3]),
            // One that was gone is back.
            ([l(14, 24, "D")], [4], 0, [1, 2, 3]), ([l(50, 51, "D")], [4], 0, [1, 2, 3]), ([], [], 0, [1, 2, 3]),
        ]
        for (list, present, new, gone) in cases {
            let changes = CarListing.compare(list, known)
            #expect(Set(changes.present.map(\.number)) == Set(present), "\(list)")
            #expect(changes.new.count == new, "\(list)")
            #expect(changes.gone == gone, "\(list)")
        }
    }

    // MARK: Tokens

    private static func jwt(_ claims: String) -> String { "e30.\(base64URL(Array(claims.utf8))).c2ln" }

    private static func base64URL(_ bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        var text = ""
        for i in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[i..<min(i + 3, bytes.count)]
            let word = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for k in 0...group.count { text.append(digits[word >> (18 - 6 * k) & 63]) }
        }
        return text
    }

    @Test func `the region follows from the token, and settings are stronger`() {
        let cases: [(String, Bool)] = [
            (Self.jwt(#"{"iss":"https://auth.tesla.cn/oauth2/v3"}"#), true), (Self.jwt(#"{"iss":"https://auth.tesla.com/oauth2/v3"}"#), false),
            (Self.jwt(#"{"iss":"https://auth.tesla.com/x.cn"}"#), false), (Self.jwt("{}"), false), ("cn-abc", true), ("eu-abc", false), ("qts-abc", false),
            ("a.b.c", false), ("x", false),
        ]
        for (access, isChinese) in cases {
            let tokens = TokenPair(access: access, refresh: "r")
            #expect(tokens.isChinese == isChinese, "\(access)")
            let hosts = VehicleHosts(tokens, VehicleOptions())
            #expect(hosts.api == (isChinese ? "https://owner-api.vn.cloud.tesla.cn" : "https://owner-api.teslamotors.com"))
            #expect(hosts.stream.hasPrefix(isChinese ? "wss://streaming.vn.cloud.tesla.cn/" : "wss://streaming.vn.teslamotors.com/"))
        }
        var options = VehicleOptions()
        options.apiURL = "http://a:1/"
        options.authURL = "http://b:2"
        options.streamURL = "ws://c:3/streaming/"
        let hosts = VehicleHosts(TokenPair(access: "cn-x", refresh: "r"), options)
        #expect(hosts.api == "http://a:1" && hosts.auth == "http://b:2" && hosts.stream == "ws://c:3/streaming/")
        #expect(TokenPair(access: Self.jwt(#"{"exp":1767225600,"iat":1767196800}"#), refresh: "r").expiresAt == Timestamp(seconds: 1_767_225_600))
    }

    @Test func `a token file is two tokens, or nothing`() {
        #expect(TokenPair(json: Array(#"{"access_token":"a","refresh_token":"b","x":1}"#.utf8)) == TokenPair(access: "a", refresh: "b"))
        for text in [
            "", "{}", #"{"access_token":"a"}"#, #"{"access_token":1,"refresh_token":"b"}"#, #"{"access_token":"a b","refresh_token":"b"}"#,
            #"{"access_token":"a\nX: 1","refresh_token":"b"}"#, "[1]",
        ] {
            #expect(TokenPair(json: Array(text.utf8)) == nil, "\(text)")
        }
    }

    // MARK: Budget, mailbox

    @Test func `a budget is for a UTC day`() {
        let noon = Timestamp(seconds: 20_000 * 86_400 + 43_200)
        var budget = RequestBudget(most: 3)
        for _ in 0..<2 { budget.spend(at: noon) }
        #expect(!budget.isSpent(at: noon))
        budget.spend(at: noon)
        #expect(budget.nextDay(at: noon) == Timestamp(seconds: 20_001 * 86_400))
        #expect(budget.nextDay(at: noon.adding(seconds: 43_200)) == nil)
        budget.spend(at: noon.adding(seconds: 43_200))
        #expect(budget.used == 1)
        var boundless = RequestBudget(most: 0)
        for _ in 0..<10 { boundless.spend(at: noon) }
        #expect(!boundless.isSpent(at: noon))
        // What another process has asked today counts.
        #expect(RequestBudget(most: 3, day: 20_000, used: 3).isSpent(at: noon))
        #expect(!RequestBudget(most: 3, day: 19_999, used: 3).isSpent(at: noon))
    }

    @Test func `a full mailbox gives up its oldest frame, keeps answers and refuses commands`() {
        var mailbox = CarMailbox()
        _ = mailbox.append(.answer(.failure(.server), raw: []))
        for i in 0..<(CarMailbox.mostFrames + 10) {
            let at = Timestamp(seconds: Int64(i))
            _ = mailbox.append(.streamed(.frame(StreamFrame(at: at, receivedAt: at)), raw: []))
        }
        #expect(mailbox.takeDropped() == 10)
        for i in 0..<20 { #expect(mailbox.append(.command(.resume, CommandReply())) == (i < CarMailbox.mostCommands)) }
        let items = mailbox.takeAll()
        #expect(items.count == 1 + CarMailbox.mostFrames + CarMailbox.mostCommands)
        guard case .answer = items[0], case .streamed(.frame(let first), _) = items[1] else {
            Issue.record("another order")
            return
        }
        #expect(first.at == Timestamp(seconds: 10))
        #expect(mailbox.isEmpty)
    }

    // MARK: The stream

    @Test func `what the stream says is told apart`() {
        let cases: [(String, StreamMessage)] = [
            (#"{"msg_type":"control:hello","connection_timeout":0}"#, .hello),
            (#"{"msg_type":"data:update","tag":"12","value":"1,2"}"#, .update(tag: "12", value: "1,2")),
            (#"{"msg_type":"data:update","tag":12,"value":"1,2"}"#, .update(tag: "12", value: "1,2")),
            (#"{"msg_type":"data:update","tag":"12","value":5}"#, .other),
            (
                #"{"msg_type":"data:error","tag":"1","error_type":"vehicle_disconnected","value":"v"}"#,
                .error(tag: "1", kind: "vehicle_disconnected", value: "v")
            ),
            (#"{"msg_type":"data:error"}"#, .error(tag: nil, kind: "", value: "")), ("{", .other), ("[]", .other), (#"{"msg_type":1}"#, .other),
        ]
        for (text, message) in cases { #expect(StreamMessage(Array(text.utf8)) == message, "\(text)") }
    }

    @Test func `a stream comes back at the reference's pace`() {
        var pace = StreamPace(reconnectSeconds: 5)
        // Nobody in it: 15 to 30 s; every tenth time by a new connection.
        for n in 1...20 {
            let next = pace.vehicleDisconnected(0.5)
            #expect(next.seconds == 22.5)
            #expect(next.isNewConnection == (n % 10 == 0))
        }
        pace.frame(hasShift: true)
        let quick = (1...10).map { _ in pace.vehicleDisconnected(0).seconds }
        #expect(abs(quick[0] - 1.3) < 1e-9 && abs(quick[1] - 1.69) < 1e-9)
        #expect(quick[8] == 8 && quick[9] == 8)
        #expect(pace.patienceSeconds == 10)
        var told: [Int] = []
        for n in 1...26 where pace.silent() { told.append(n) }
        #expect(told == [5, 15, 25])
        #expect(pace.patienceSeconds == 30)
        pace.frame(hasShift: false)
        #expect(pace.patienceSeconds == 10)
        #expect((1...6).map { _ in pace.lost(0) } == [5, 10, 20, 40, 60, 60])
    }
}
