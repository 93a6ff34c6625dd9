import Bytes
import Reactor
import TestSupport
import Testing

@testable import API

@Suite struct TrackTests {
    /// More than a page, along a line with one corner; streamed ones without range.
    private static func track(_ count: Int) -> String {
        """
        INSERT INTO heliograph.drive (id, car, started_at, ended_at, start_latitude, start_longitude, end_latitude, end_longitude)
        VALUES (7, 1, '2026-05-01T08:00:00Z', '2026-05-01T12:00:00Z', 30, 120, 30.1, 120.1);
        INSERT INTO heliograph.position (id, car, drive, recorded_at, latitude, longitude, heading, speed, power, battery_level, range_km, odometer_km,
            elevation_m, inside_temp)
        SELECT n, 1, 7, '2026-05-01T08:00:00Z'::timestamptz + (n / 2) * interval '1 second', 30 + least(n, 1000) * 0.0001, 120 + greatest(n - 1000, 0) * 0.0001,
            n % 360, 50, 10, CASE WHEN n % 10 = 1 THEN 80 END, CASE WHEN n % 10 = 1 THEN 300.25 END, 1000 + n, 8, 21.3
        FROM generate_series(1, \(count)) AS n;
        """
    }

    @Test func `long tracks come whole and in order, and carry what the stream does not say`() async throws {
        try await withGarage([Self.track(4_321)]) { api, loop in
            let said = try await api.said("GET", "/api/drives/7/positions", on: loop)
            let ids = said.data.array?.compactMap { $0["id"]?.int }
            #expect(said.status == 200 && ids == Array(1...4_321) && said.answer["transfer-encoding"] == "chunked")
            let ranges = Set(said.data.array?.compactMap { $0["range_km"]?.double } ?? [])
            #expect(ranges == [300.25] && said.data[4_000]?["battery_level"] == 80 && said.data[5]?["inside_temp"] == 21.3)
            let exactPage = "DELETE FROM heliograph.position WHERE id > 4000"
            try await api.sql(exactPage, on: loop)
            let whole = try await api.said("GET", "/api/drives/7/positions", on: loop)
            #expect(whole.data.array?.count == 4_000)
        }
    }

    @Test func `simplified tracks keep ends and corners`() async throws {
        try await withGarage([Self.track(3_000)]) { api, loop in
            let said = try await api.said("GET", "/api/drives/7/positions?simplify=5", on: loop)
            let ids = said.data.array?.compactMap { $0["id"]?.int } ?? []
            // A long path is cut into pieces, whose ends stay.
            #expect(said.status == 200 && ids.first == 1 && ids.last == 3_000 && ids.contains(1_000) && ids.count <= 6)
            #expect(said.data[1]?["range_km"] == 300.25)
            let footprint = try await api.said("GET", "/api/cars/1/footprint?days=36500&simplify=5", on: loop)
            let path = footprint.data[0]?["path"]?.array ?? []
            #expect(path.count == ids.count && path.first == [30.0001, 120] && footprint.data[0]?["drive_id"] == 7)
        }
    }

    @Test func `footprints of many drives with paths come whole`() async throws {
        let drives = """
            INSERT INTO heliograph.drive (id, car, started_at, ended_at, start_latitude, start_longitude, end_latitude, end_longitude)
            SELECT n, 1, now() - n * interval '1 hour', now() - n * interval '1 hour' + interval '10 minutes', 30, 120, 31, 121 FROM generate_series(1, 25) AS n;
            INSERT INTO heliograph.position (id, car, drive, recorded_at, latitude, longitude)
            SELECT n * 10 + m, 1, n, now() - n * interval '1 hour' + m * interval '1 minute', 30 + m, 120 + m
            FROM generate_series(1, 25) AS n, generate_series(0, 1) AS m;
            """
        try await withGarage([drives]) { api, loop in
            let said = try await api.said("GET", "/api/cars/1/footprint?simplify=1", on: loop)
            let ids = said.data.array?.compactMap { $0["drive_id"]?.int }
            let paths = Set(said.data.array?.map { $0["path"]?.bytes ?? [] } ?? [])
            #expect(said.status == 200 && ids == Array(1...25) && paths == [Array("[[30.0,120.0],[31.0,121.0]]".utf8)])
        }
    }

    @Test func `a drive's GPX is well-formed, complete, and holds no foreign markup`() async throws {
        try await withGarage([Self.track(2_500)]) { api, loop in
            let name = #"'</name></trk><script>alert("1")</script>&amp;' || chr(7) || '家'"#
            try await api.sql("UPDATE heliograph.car SET name = \(name)", on: loop)
            let answer = try await api.get("/api/drives/7/export", on: loop)
            #expect(answer.status == 200 && answer["content-type"] == "application/gpx+xml; charset=utf-8")
            #expect(answer["content-disposition"] == "attachment; filename=\"drive-7.gpx\"")
            let xml = try WellFormed(answer.text)
            let points = xml.count("trkpt")
            #expect(points == 2_500 && xml.count("trkseg") == 1 && xml.count("script") == 0 && xml.count("ele") == 2_500)
            #expect(xml.root == "gpx" && xml.text("trk/name") == "</name></trk><script>alert(\"1\")</script>&amp;\u{FFFD}家 · 7")
            let last = "<trkpt lat=\"30.1\" lon=\"120.15\"><ele>8</ele><time>2026-05-01T08:20:50Z</time></trkpt>"
            #expect(answer.text.contains(last))
        }
    }

    @Test func `a drive's CSV has a header and a line for each position`() async throws {
        try await withGarage([Self.track(2_500)]) { api, loop in
            let answer = try await api.get("/api/drives/7/export?format=csv", on: loop)
            let lines = answer.text.split(separator: "\r\n", omittingEmptySubsequences: false)
            #expect(answer.status == 200 && answer["content-type"] == "text/csv; charset=utf-8" && lines.count == 2_502 && lines.last == "")
            #expect(lines[0].hasPrefix("recorded_at,latitude,longitude,heading,speed,power,battery_level,range_km,odometer,inside_temp,"))
            #expect(lines[1] == "2026-05-01T08:00:00Z,30.0001,120.0,1,50,10,80,300.25,1001.0,21.3,,8,,,,")
            #expect(lines[2] == "2026-05-01T08:00:01Z,30.0002,120.0,2,50,10,,,1002.0,21.3,,8,,,,")
        }
    }

    @Test func `texts are escaped for XML, and what XML cannot hold is replaced`() {
        let cases = [
            "a<b>&\"'": "a&lt;b&gt;&amp;&quot;&apos;", "]]>": "]]&gt;", "\u{0}\u{B}\u{1F}": "\u{FFFD}\u{FFFD}\u{FFFD}", "\t\n": "\t\n",
            "\u{FFFE}😀": "\u{FFFD}😀",
        ]
        for (text, escaped) in cases {
            let made = GPXText.escaped(text)
            #expect(made == escaped)
        }
    }
}
