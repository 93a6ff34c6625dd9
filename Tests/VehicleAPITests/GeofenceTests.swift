import Bytes
import Postgres
import Reactor
import TestSupport
import Testing

@testable import API

@Suite struct GeofenceTests {
    /// One drive from A to B, a charge and a parking at B, a charge in C. A = 31.0, 121.0; B = 31.1, 121.1; C = 31.2, 121.2.
    private static let log = """
        INSERT INTO heliograph.drive (id, car, started_at, ended_at, start_latitude, start_longitude, end_latitude, end_longitude)
        VALUES (1, 1, '2026-01-01T00:00:00Z', '2026-01-01T01:00:00Z', 31, 121, 31.1, 121.1);
        INSERT INTO heliograph.parking (id, car, started_at, ended_at, latitude, longitude)
        VALUES (1, 1, '2026-01-01T01:00:00Z', '2026-01-01T05:00:00Z', 31.1, 121.1);
        INSERT INTO heliograph.charge (id, car, started_at, ended_at, duration_min, energy_added_kwh, energy_used_kwh, latitude, longitude, cost, is_free, is_fast) VALUES
            (1, 1, '2026-01-01T02:00:00Z', '2026-01-01T03:00:00Z', 60, 20, 21.5, 31.1, 121.1, NULL, false, false),
            (2, 1, '2026-01-02T02:00:00Z', '2026-01-02T03:00:00Z', 60, 20, NULL, 31.1, 121.1, 9.9, false, false),
            (3, 1, '2026-01-03T02:00:00Z', '2026-01-03T03:00:00Z', 90, 30, NULL, 31.1, 121.1, NULL, true, true),
            (4, 1, '2026-01-04T02:00:00Z', '2026-01-04T03:00:00Z', 90, 30, NULL, 31.2, 121.2, NULL, false, true),
            (5, 1, '2026-01-05T02:00:00Z', NULL, 90, 30, NULL, 31.1, 121.1, NULL, false, false);
        """

    private static func body(_ name: String, _ latitude: Double, _ longitude: Double, _ radius: Int = 100, _ more: String = "") -> String {
        #"{"name":"\#(name)","latitude":\#(latitude),"longitude":\#(longitude),"radius_m":\#(radius)\#(more)}"#
    }

    private func links(_ api: TestAPI, on loop: isolated EventLoop) async throws -> String {
        try await api.pool.query(
            """
            SELECT coalesce(d.start_geofence, 0) || ' ' || coalesce(d.end_geofence, 0) || ' ' || coalesce(p.geofence, 0) || ' ' ||
                (SELECT string_agg(coalesce(geofence, 0)::text, ' ' ORDER BY id) FROM heliograph.charge)
            FROM heliograph.drive AS d, heliograph.parking AS p
            """
        ).string(0, 0)
    }

    @Test func `fences are made, listed, replaced and removed, and the past follows`() async throws {
        try await withGarage([Self.log]) { api, loop in
            let made = try await api.said("POST", "/api/geofences", Self.body("B", 31.1, 121.1), on: loop)
            #expect(made.status == 201 && made.data["id"] == 1 && made.data["radius_m"] == 100 && made.data["billing"] == .null)
            #expect(made.json["relinked"] == ["drives": 1, "charges": 4, "parkings": 1, "costs": 0])
            #expect(try await links(api, on: loop) == "0 1 1 1 1 1 0 1")
            let names = ["id", "name", "latitude", "longitude", "radius_m", "billing", "price", "session_fee", "created_at", "updated_at"]
            let members = made.data.object?.map(\.key)
            #expect(members == names)

            // One nearer to A's centre takes its place there; a wide one about both does not.
            #expect(try await api.said("POST", "/api/geofences", Self.body("A", 31.0001, 121, 4_999), on: loop).status == 201)
            #expect(try await links(api, on: loop) == "2 1 1 1 1 1 0 1")
            let wide = try await api.said("POST", "/api/geofences", Self.body("wide", 31.0003, 121, 4_000), on: loop)
            #expect(wide.json["relinked"]?["drives"] == 0)
            let list = try await api.said("GET", "/api/geofences", on: loop)
            let listed = list.data.array?.compactMap { $0["name"]?.string }
            #expect(listed == ["A", "B", "wide"])
            #expect(try await api.said("GET", "/api/geofences/1", on: loop).data == made.data)

            let moved = try await api.said("PUT", "/api/geofences/1", Self.body("C", 31.2, 121.2), on: loop)
            #expect(moved.status == 200 && moved.data["name"] == "C" && moved.json["relinked"] == ["drives": 1, "charges": 5, "parkings": 1, "costs": 0])
            #expect(try await links(api, on: loop) == "2 0 0 0 0 0 1 0")
            let removed = try await api.said("DELETE", "/api/geofences/2", on: loop)
            #expect(removed.status == 204)
            #expect(try await links(api, on: loop) == "3 0 0 0 0 0 1 0")
            #expect(try await api.said("DELETE", "/api/geofences/2", on: loop).json == ["error": "geofence not found"])
            #expect(try await api.said("PUT", "/api/geofences/2", Self.body("x", 1, 1), on: loop).status == 404)
            let taken = try await api.said("POST", "/api/geofences", Self.body("wide", 1, 1), on: loop)
            #expect(taken.status == 409 && !taken.error.isEmpty)
            #expect(try await api.said("PUT", "/api/geofences/1", Self.body("wide", 1, 1), on: loop).status == 409)
            #expect(try await links(api, on: loop) == "3 0 0 0 0 0 1 0")
        }
    }

    @Test func `a point belongs to the fence whose circle it lies in, by metres`() async throws {
        try await withGarage([Self.log]) { api, loop in
            // 0.001° of latitude is 111.19 m.
            #expect(try await api.said("POST", "/api/geofences", Self.body("near", 31.001, 121, 112), on: loop).json["relinked"]?["drives"] == 1)
            #expect(try await api.said("PUT", "/api/geofences/1", Self.body("near", 31.001, 121, 111), on: loop).json["relinked"]?["drives"] == 1)
            #expect(try await links(api, on: loop) == "0 0 0 0 0 0 0 0")
            try await api.sql("UPDATE heliograph.drive SET start_latitude = 10, start_longitude = 179.9999", on: loop)
            let dateline = try await api.said("POST", "/api/geofences", Self.body("date line", 10, -179.9999, 100), on: loop)
            #expect(dateline.json["relinked"]?["drives"] == 1)
            try await api.sql("UPDATE heliograph.drive SET start_latitude = 89.99, start_longitude = 180", on: loop)
            let pole = try await api.said("POST", "/api/geofences", Self.body("pole", 89.99, 0, 4_000), on: loop)
            #expect(pole.json["relinked"]?["drives"] == 1)
        }
    }

    @Test func `charges without a cost get the fence's when asked, and only then`() async throws {
        try await withGarage([Self.log]) { api, loop in
            let priced = Self.body("B", 31.1, 121.1, 100, #","billing":"per_kwh","price":1.5,"session_fee":2"#)
            #expect(try await api.said("POST", "/api/geofences", priced, on: loop).json["relinked"]?["costs"] == 0)
            func costs() async throws -> String {
                try await api.pool.query("SELECT string_agg(coalesce(cost::text, '-'), ' ' ORDER BY id) FROM heliograph.charge").string(0, 0)
            }
            #expect(try await costs() == "- 9.9 - - -")
            let applied = try await api.said("PUT", "/api/geofences/1?apply_cost=true", priced, on: loop)
            #expect(applied.json["relinked"]?["costs"] == 2)
            // 2 + 1.5 × 21.5; what has a cost keeps it; free is free; elsewhere and open ones have none.
            #expect(try await costs() == "34.25 9.9 0 - -")
            let minutes = Self.body("C", 31.2, 121.2, 100, #","billing":"per_minute","price":0.1"#)
            #expect(try await api.said("POST", "/api/geofences?apply_cost=true", minutes, on: loop).json["relinked"]?["costs"] == 1)
            #expect(try await costs() == "34.25 9.9 0 9 -")
            #expect(try await api.said("POST", "/api/geofences?apply_cost=yes", Self.body("D", 1, 1), on: loop).status == 400)
            #expect(try await api.said("GET", "/api/geofences", on: loop).data.array?.count == 2)
        }
    }

    @Test func `fences that are none are refused`() async throws {
        let bodies = [
            "", "7", "{}", Self.body("", 1, 1), Self.body(String(repeating: "n", count: 101), 1, 1), Self.body("a\\u0000b", 1, 1), Self.body("a", 90.1, 1),
            Self.body("a", -91, 1), Self.body("a", 1, 180.5), Self.body("a", 1, 1, 0), Self.body("a", 1, 1, 5_000), Self.body("a", 1, 1, -5),
            #"{"name":"a","latitude":"1","longitude":1,"radius_m":5}"#, #"{"name":"a","latitude":1,"longitude":1,"radius_m":5.5}"#,
            #"{"name":"a","latitude":1e999,"longitude":1,"radius_m":5}"#, #"{"name":7,"latitude":1,"longitude":1,"radius_m":5}"#,
            #"{"name":"a","longitude":1,"radius_m":5}"#, Self.body("a", 1, 1, 5, #","billing":"per_kwh""#), Self.body("a", 1, 1, 5, #","price":1"#),
            Self.body("a", 1, 1, 5, #","billing":"per_mile","price":1"#), Self.body("a", 1, 1, 5, #","session_fee":-1"#),
            Self.body("a", 1, 1, 5, #","billing":"per_kwh","price":1000001"#), Self.body("a", 1, 1, 5, #","colour":"red""#),
        ]
        try await withGarage { api, loop in
            for body in bodies {
                let said = try await api.said("POST", "/api/geofences", body, on: loop)
                #expect(said.status == 400 && said.json.object?.count == 1 && !said.error.isEmpty, "\(body): \(said.answer.text)")
            }
            #expect(try await api.count("SELECT count(*) FROM heliograph.geofence", on: loop) == 0)
        }
    }
}
