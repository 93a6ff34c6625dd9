import Bytes
import HandlerKit
import Postgres
import Protocol
import Reactor
import TestSupport
import Testing

@testable import Workers

@Suite(.timeLimit(.minutes(2))) struct GeocodeTests {
    @Test(arguments: [
        (30.2741, 120.1551, 30.271771, 120.159794), (31.2304, 121.4737, 31.228458, 121.478223), (39.9042, 116.4074, 39.905603, 116.413642),
        (22.5431, 114.0579, 22.540383, 114.063014), (24.983561, 102.665039, 24.980500, 102.666369), (22.53994, 113.945617, 22.536929, 113.950496),
        (52.52, 13.405, 52.52, 13.405), (-33.86, 151.21, -33.86, 151.21),
    ])
    func chineseCoordinatesAreThoseOfTheReference(_ latitude: Double, _ longitude: Double, _ wantedLatitude: Double, _ wantedLongitude: Double) {
        let place = ChinaCoordinates.gcj02(latitude, longitude)
        #expect(abs(place.latitude - wantedLatitude) < 0.000_001)
        #expect(abs(place.longitude - wantedLongitude) < 0.000_001)
    }

    @Test func coordinatesAreWrittenWithSixDecimals() {
        #expect([0, -0.5, 120.1551, -179.9999999, 0.000_000_4].map(URLText.degrees) == ["0.000000", "-0.500000", "120.155100", "-180.000000", "0.000000"])
        #expect(URLText.escaped("a b&ü") == "a%20b%26%C3%BC")
    }

    private static func amap(_ parts: String) -> [UInt8] {
        Array(#"{"status":"1","info":"OK","infocode":"10000","regeocode":\#(parts)}"#.utf8)
    }

    @Test func amapsAnswerIsReadWithItsEmptyLists() {
        let whole = Self.amap(
            """
            {"formatted_address":"浙江省杭州市西湖区文三路123号","addressComponent":{"country":"中国","province":"浙江省","city":"杭州市","district":"西湖区",\
            "township":"文新街道","neighborhood":{"name":[],"type":[]},"streetNumber":{"street":"文三路","number":"123号","location":"120.1,30.2"}}}
            """)
        #expect(
            AmapAnswer.read(status: 200, whole)
                == .address(
                    PlaceAddress(
                        formatted: "浙江省杭州市西湖区文三路123号", country: "中国", province: "浙江省", city: "杭州市", district: "西湖区", township: "文新街道", street: "文三路",
                        number: "123号")))
        let municipality = Self.amap(
            """
            {"formatted_address":"上海市黄浦区","addressComponent":{"country":"中国","province":"上海市","city":[],"district":"黄浦区","township":[],\
            "streetNumber":{"street":[],"number":[]}}}
            """)
        #expect(
            AmapAnswer.read(status: 200, municipality)
                == .address(PlaceAddress(formatted: "上海市黄浦区", country: "中国", province: "上海市", city: "上海市", district: "黄浦区")))
        let abroad = Self.amap(
            #"{"formatted_address":[],"addressComponent":{"country":[],"province":[],"city":[],"district":[],"streetNumber":{"street":[],"number":[]}}}"#)
        #expect(AmapAnswer.read(status: 200, abroad) == .elsewhere)
    }

    @Test(arguments: [
        ("10003", PlaceAnswer.later(.nextDay, reason: "amap 10003: X")), ("10004", .later(.nextMinute, reason: "amap 10004: X")),
        ("10021", .later(.nextSecond, reason: "amap 10021: X")), ("10001", .refused("amap 10001: X")), ("10002", .refused("amap 10002: X")),
        ("10005", .refused("amap 10005: X")), ("10007", .refused("amap 10007: X")), ("10016", .failed("amap 10016: X")),
    ])
    func amapsRefusalsAreToldApart(_ code: String, _ answer: PlaceAnswer) {
        #expect(AmapAnswer.read(status: 200, Array(#"{"status":"0","info":"X","infocode":"\#(code)"}"#.utf8)) == answer)
    }

    @Test func nominatimsAnswerIsRead() {
        let answer = """
            {"display_name":"5, Dorfstraße, Altdorf","address":{"house_number":"5","road":"Dorfstraße","village":"Altdorf","municipality":"Verbund","county":"Kreis",\
            "territory":"ACT","country":"Land"}}
            """
        #expect(
            NominatimAnswer.read(status: 200, Array(answer.utf8))
                == .address(
                    PlaceAddress(
                        formatted: "5, Dorfstraße, Altdorf", country: "Land", province: "ACT", city: "Altdorf", district: "Kreis", street: "Dorfstraße",
                        number: "5")))
        #expect(NominatimAnswer.read(status: 200, Array(#"{"error":"Unable to geocode"}"#.utf8)) == .nothing)
        #expect(NominatimAnswer.read(status: 200, Array(#"{"error":"busy"}"#.utf8)) == .failed("nominatim: busy"))
        #expect(NominatimAnswer.read(status: 403, Array("Access blocked".utf8)) == .refused("nominatim: 403 Access blocked"))
        #expect(NominatimAnswer.read(status: 429, []) == .later(.nextMinute, reason: "status 429"))
        #expect(NominatimAnswer.read(status: 503, []) == .failed("status 503"))
        #expect(NominatimAnswer.read(status: 200, Array("<html>".utf8)) == .failed("not an answer of nominatim's"))
    }

    @Test func pausesEndWhenQuotasAreFullAgain() {
        // 2026-03-02T00:00:30Z is 08:00:30 in Beijing.
        let now = LogbookWorld.at(30)
        #expect(GeocodeWorker.milliseconds(.nextMinute, from: now) == 30_500)
        #expect(GeocodeWorker.milliseconds(.nextDay, from: now) == Int64(16 * 3_600 - 30) * 1_000 + 60_000)
        #expect(GeocodeWorker.milliseconds(.nextSecond, from: now) == 1_500)
    }

    // MARK: The worker

    /// A geocoder whose answers the test gives.
    final class Source {
        var answers: [(status: Int, body: String)] = []
        var asked: [(url: String, headers: [(String, String)])] = []
        var isAway = false

        func get(_ url: String, _ headers: [(String, String)]) throws -> (status: Int, body: [UInt8]) {
            asked.append((url, headers))
            if isAway { throw Overdue(what: "an answer") }
            let answer = answers.removeFirst()
            return (answer.status, Array(answer.body.utf8))
        }
    }

    private static func withWorker(
        _ settings: GeocodingSettings, _ body: @Sendable (KitFleet, Source, PostgresPool, isolated EventLoop) async throws -> Void
    ) async throws {
        try await withLogbook { world, loop in
            let source = Source()
            let fleet = try await KitFleet.start(at: LogbookWorld.at(30), on: loop)
            fleet.register(on: loop) { runtime in
                GeocodeWorker(world.pool, settings, get: { url, headers in try source.get(url, headers) }, now: { fleet.now }).register(runtime, on: loop)
            }
            var failure: (any Error)?
            do {
                try await body(fleet, source, world.pool, loop)
            } catch {
                failure = error
            }
            await fleet.stop(on: loop)
            if let failure { throw failure }
        }
    }

    private static func ask(_ fleet: KitFleet, _ latitude: Double, _ longitude: Double, on loop: isolated EventLoop) async throws -> Int64 {
        try await fleet.enqueue(VehicleNames.geocode, ["latitude": .double(latitude), "longitude": .double(longitude)], on: loop).id
    }

    @Test func aPlaceInChinaIsAskedOfAmapInItsCoordinatesAndKept() async throws {
        try await Self.withWorker(GeocodingSettings(amapKey: "k&1")) { fleet, source, pool, loop in
            source.answers = [(200, #"{"status":"1","infocode":"10000","regeocode":{"formatted_address":"A","addressComponent":{"province":"P","city":[]}}}"#)]
            let id = try await Self.ask(fleet, 30.2741, 120.1551, on: loop)
            try await fleet.drain(on: loop)
            #expect(fleet.job(id)?.state == .completed)
            #expect(source.asked.first?.url == "https://restapi.amap.com/v3/geocode/regeo?key=k%261&location=120.159794,30.271771&extensions=base")
            let rows = try await pool.query("SELECT address::text, provider FROM heliograph.place WHERE key = heliograph.place_key(30.2741, 120.1551)")
            #expect(try rows.string(0, 0) == #"{"city": "P", "province": "P", "formatted_address": "A"}"#)
            #expect(try rows.string(0, 1) == "amap")
            // The same place again: nobody is asked.
            _ = try await Self.ask(fleet, 30.27411, 120.15511, on: loop)
            try await fleet.drain(on: loop)
            #expect(source.asked.count == 1)
        }
    }

    @Test func placesAbroadAreAskedOfNominatimWithAName() async throws {
        try await Self.withWorker(GeocodingSettings(amapKey: "k", nominatimURL: "http://osm.test/", languages: "de")) { fleet, source, pool, loop in
            source.answers = [
                (200, #"{"display_name":"Berlin","address":{"city":"Berlin"}}"#),
                (200, #"{"status":"1","regeocode":{"formatted_address":[],"addressComponent":[]}}"#),
                (200, #"{"error":"Unable to geocode"}"#),
            ]
            _ = try await Self.ask(fleet, 52.52, 13.405, on: loop)
            try await fleet.drain(on: loop)
            // In the box, and not in China.
            _ = try await Self.ask(fleet, 37.5665, 126.978, on: loop)
            try await fleet.drain(on: loop)
            #expect(source.asked.map { String($0.url.prefix(18)) } == ["http://osm.test/re", "https://restapi.am", "http://osm.test/re"])
            #expect(source.asked[0].url == "http://osm.test/reverse?format=jsonv2&addressdetails=1&zoom=18&lat=52.520000&lon=13.405000")
            let names = source.asked[0].headers.map { "\($0.0): \($0.1)" }
            #expect(names.contains("Accept-Language: de") && names.contains { $0.hasPrefix("User-Agent: Heliograph") })
            #expect(try await pool.query("SELECT count(*) FROM heliograph.place WHERE address IS NULL AND provider = 'nominatim'").int(0, 0) == 1)
        }
    }

    @Test func quotasSnoozeKeysDiscardOutagesRetry() async throws {
        try await Self.withWorker(GeocodingSettings(amapKey: "k")) { fleet, source, pool, loop in
            source.answers = [(200, #"{"status":"0","info":"ACCESS_TOO_FREQUENT","infocode":"10004"}"#)]
            let limited = try await Self.ask(fleet, 30, 120, on: loop)
            try await fleet.drain(on: loop)
            #expect(fleet.job(limited)?.state == .scheduled)
            source.answers = [(200, #"{"status":"1","regeocode":{"formatted_address":"A","addressComponent":{"province":"P"}}}"#)]
            try await fleet.advance(by: .seconds(31), on: loop)
            #expect(fleet.job(limited)?.state == .completed)

            source.answers = [(200, #"{"status":"0","info":"INVALID_USER_KEY","infocode":"10001"}"#)]
            let refused = try await Self.ask(fleet, 31, 120, on: loop)
            try await fleet.drain(on: loop)
            #expect(fleet.job(refused)?.state == .discarded)
            #expect(fleet.job(refused)?.errors.last?.error == "amap 10001: INVALID_USER_KEY")

            source.isAway = true
            let away = try await Self.ask(fleet, 32, 120, on: loop)
            try await fleet.drain(on: loop)
            #expect(fleet.job(away)?.state == .retryable)

            let nowhere = try await Self.ask(fleet, 52, 13, on: loop)
            try await fleet.drain(on: loop)
            #expect(fleet.job(nowhere)?.state == .discarded)
            let wrong = try await Self.ask(fleet, 91, 13, on: loop)
            try await fleet.drain(on: loop)
            #expect(fleet.job(wrong)?.state == .discarded)
        }
    }

    @Test func theFleetAsksOnceASecond() async throws {
        try await withLogbook { world, loop in
            let limit = try await world.text("SELECT concat_ws(' ', per_second, burst) FROM heliograph.job_limit WHERE kind = 'vehicles.geocode'")
            #expect(limit == "1 1")
        }
    }
}
