import Bytes
import Reactor
import TestSupport
import Testing

@testable import API

@Suite struct ParameterTests {
    private static let drives = """
        INSERT INTO heliograph.drive (car, started_at, ended_at)
        SELECT 1, '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 hour', '2026-01-01T00:30:00Z'::timestamptz + n * interval '1 hour'
        FROM generate_series(1, 45) AS n;
        """

    private struct PageCase {
        let query: String
        let page: Int
        let size: Int
        let ids: [Int]
    }

    @Test func `pages out of range become those that the spec's server gives, and totals stay`() async throws {
        let newest = { (from: Int, count: Int) in (0..<count).map { from - $0 } }
        let cases = [
            PageCase(query: "", page: 1, size: 20, ids: newest(45, 20)),
            PageCase(query: "?page=3", page: 3, size: 20, ids: newest(5, 5)),
            PageCase(query: "?page=4", page: 4, size: 20, ids: []),
            PageCase(query: "?page=0&per_page=2", page: 1, size: 2, ids: [45, 44]),
            PageCase(query: "?page=-7&per_page=2", page: 1, size: 2, ids: [45, 44]),
            PageCase(query: "?per_page=0", page: 1, size: 20, ids: newest(45, 20)),
            PageCase(query: "?per_page=-1", page: 1, size: 20, ids: newest(45, 20)),
            PageCase(query: "?per_page=101", page: 1, size: 20, ids: newest(45, 20)),
            PageCase(query: "?per_page=100", page: 1, size: 100, ids: newest(45, 45)),
            PageCase(query: "?per_page=99999999999999999999", page: 1, size: 20, ids: newest(45, 20)),
            PageCase(query: "?page=99999999999999999999", page: .max, size: 20, ids: []),
            PageCase(query: "?page=9223372036854775807&per_page=100", page: .max, size: 100, ids: []),
            PageCase(query: "?page=&per_page=", page: 1, size: 20, ids: newest(45, 20)),
            PageCase(query: "?from=2026-01-02T00:00:00Z&to=2026-01-02T02:00:00Z", page: 1, size: 20, ids: [25, 24]),
        ]
        try await withGarage([Self.drives]) { api, loop in
            for one in cases {
                let said = try await api.said("GET", "/api/cars/1/drives\(one.query)", on: loop)
                let ids = said.data.array?.compactMap { $0["id"]?.int }
                let total = one.query.contains("from") ? 2 : 45
                #expect(said.status == 200 && ids == one.ids, "\(one.query)")
                #expect(said.json["pagination"] == ["page": .int(one.page), "per_page": .int(one.size), "total": .int(total)], "\(one.query)")
            }
        }
    }

    @Test func `what is no number is refused, what names nothing is not found`() async throws {
        let refused = [
            "/api/cars/abc", "/api/cars/1.5/state", "/api/cars/%00/drives", "/api/cars/+1", "/api/cars/%E4%B8%80", "/api/cars/1%00", "/api/drives/x",
            "/api/drives/-/positions", "/api/drives/1e3/export", "/api/charges/null", "/api/charges/0x1/details", "/api/parkings/NaN",
            "/api/parkings/one/events", "/api/geofences/x", "/api/cars/x/stats", "/api/cars/x/footprint", "/api/cars/1/drives?page=two",
            "/api/cars/1/charges?per_page=1.0", "/api/cars/1/parkings?page=%00", "/api/cars/1/footprint?days=many", "/api/cars/1/stats?days=x",
            "/api/cars/1/stats?offset=8x", "/api/cars/1/footprint?simplify=-1", "/api/drives/1/positions?simplify=nan",
            "/api/drives/1/positions?simplify=1e9", "/api/drives/1/export?format=kml", "/api/cars/1/drives?from=yesterday",
        ]
        let unknown = [
            "/api/cars/2": "car not found", "/api/cars/-1": "car not found", "/api/cars/0/state": "car not found",
            "/api/cars/9007199254740993/drives": "car not found", "/api/cars/99999999999999999999999": "car not found",
            "/api/cars/-99999999999999999999999/charges": "car not found", "/api/cars/2/parkings": "car not found",
            "/api/cars/2/footprint": "car not found", "/api/cars/2/stats": "car not found", "/api/drives/9": "drive not found",
            "/api/drives/9/positions": "drive not found", "/api/drives/9/export": "drive not found", "/api/charges/9": "charge not found",
            "/api/charges/9/details": "charge not found", "/api/parkings/9": "parking not found", "/api/parkings/9/events": "parking not found",
            "/api/geofences/9": "geofence not found", "/api/cars/1/nothing": "no such path",
        ]
        try await withGarage { api, loop in
            for path in refused {
                let said = try await api.said("GET", path, on: loop)
                #expect(said.status == 400 && said.json.object?.count == 1 && !said.error.isEmpty, "\(path): \(said.answer.text)")
            }
            for (path, message) in unknown {
                let said = try await api.said("GET", path, on: loop)
                #expect(said.status == 404 && said.json == ["error": .string(message)], "\(path): \(said.answer.text)")
            }
            #expect(try await api.said("POST", "/api/cars/2/suspend", on: loop).json == ["error": "car not found"])
            #expect(try await api.said("POST", "/api/cars/x/resume", on: loop).status == 400)
            let method = try await api.said("DELETE", "/api/cars/1", on: loop)
            #expect(method.status == 405 && method.json.object?.count == 1)
            // Known, but nobody has heard of it.
            #expect(try await api.said("GET", "/api/cars/1/state", on: loop).status == 404)
        }
    }

    @Test func `ids of the provider beyond 2^53 are whole`() async throws {
        try await withGarage { api, loop in
            try await api.sql("UPDATE heliograph.car SET tesla_id = 9223372036854775807, tesla_vehicle_id = 9007199254740993", on: loop)
            let text = try await api.get("/api/cars/1", on: loop).text
            #expect(text.contains(#""tesla_id":9223372036854775807,"tesla_vehicle_id":9007199254740993,"#))
        }
    }

    @Test func `the footprint has the days asked for, and only drives with two ends`() async throws {
        let drives = """
            INSERT INTO heliograph.drive (car, started_at, ended_at, start_latitude, start_longitude, end_latitude, end_longitude)
            SELECT 1, now() - n * interval '1 day', now() - n * interval '1 day' + interval '10 minutes', 30, 120, 30.1, 120.1
            FROM unnest(ARRAY[1, 50, 89, 91, 400]) AS n;
            INSERT INTO heliograph.drive (car, started_at, ended_at) VALUES (1, now() - interval '3 days', now() - interval '2 days');
            INSERT INTO heliograph.drive (car, started_at, start_latitude, start_longitude) VALUES (1, now() - interval '1 minute', 30, 120);
            """
        try await withGarage([drives]) { api, loop in
            for (query, ids) in [
                ("", [1, 2, 3]), ("?days=90", [1, 2, 3]), ("?days=2", [1]), ("?days=92", [1, 2, 3, 4]), ("?days=0", [1, 2, 3]), ("?days=-5", [1, 2, 3]),
                ("?days=99999999999999999999", [1, 2, 3, 4, 5]),
            ] {
                let said = try await api.said("GET", "/api/cars/1/footprint\(query)", on: loop)
                let found = said.data.array?.compactMap { $0["drive_id"]?.int }
                #expect(said.status == 200 && found == ids, "\(query)")
            }
        }
    }

    @Test func `numbers as clients write them`() {
        let cases: [(String, Int?)] = [
            ("1", 1), ("-1", -1), ("007", 7), ("9223372036854775807", .max), ("9223372036854775808", .max), ("-9999999999999999999999", .min), ("", nil),
            ("-", nil), ("+1", nil), ("1 ", nil), ("1.0", nil), ("٣", nil), ("1\u{0}", nil),
        ]
        for (text, number) in cases {
            let parsed = WholeText.parse(text)
            #expect(parsed == number, "\(text)")
        }
    }
}
