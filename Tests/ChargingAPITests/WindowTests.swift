import Bytes
import Reactor
import TestSupport
import Testing

@testable import API

/// Where windows, days and months begin and end.
@Suite struct WindowTests {
    private func timestamps(_ answer: Answer) throws -> [String] {
        try (answer.json()["data"]?.array ?? []).map { try #require($0["timestamp"]?.string) }
    }

    @Test func `current readings end at the meter's own newest one and exclude the window's start`() async throws {
        try await withAPI { api, loop in
            try await api.sql(
                """
                INSERT INTO time_i_data VALUES
                    ('A', '2025-01-04T10:00:00+08:00', 1, NULL), ('A', '2025-01-04T10:00:00.5+08:00', 2, 'F"1'), ('A', '2025-01-04T11:00:00+08:00', -3.25, 'F2'),
                    ('B', '2025-01-04T23:00:00+08:00', 9, NULL)
                """, on: loop)
            let answer = try await api.get("/api/monitoring/current?meter_id=A&hours=1", on: loop)
            #expect(
                answer.text.hasPrefix(
                    #"{"success":true,"data":[{"timestamp":"2025-01-04T10:00:00.500000","current_value":2.0,"dev_fac_id":"F\"1"},{"timestamp":"2025-01-04T11:00:00","current_value":-3.25,"dev_fac_id":"F2"}],"count":2,"meter_id":"A","timestamp":""#
                ), "\(answer.text)")
            let all = try await api.get("/api/monitoring/current?meter_id=A&hours=2", on: loop)
            #expect(try all.json()["data"]?[0]?["dev_fac_id"] == .null)
            #expect(try timestamps(all).count == 3)
        }
    }

    @Test func `the default window is six hours`() async throws {
        try await withAPI { api, loop in
            try await api.sql(
                "INSERT INTO time_i_data SELECT 'A', timestamptz '2025-01-04T12:00:00Z' - n * interval '1 hour', n FROM generate_series(0, 9) AS n", on: loop)
            let body = try await api.get("/api/monitoring/current?meter_id=A", on: loop).json()
            #expect(body["count"] == 6)
            // Beijing time crosses midnight; oldest first.
            #expect(body["data"]?[0]?["timestamp"] == "2025-01-04T15:00:00")
            #expect(body["data"]?[5]?["timestamp"] == "2025-01-04T20:00:00")
        }
    }

    @Test func `lists longer than a page are streamed whole and in order`() async throws {
        try await withAPI { api, loop in
            let count = ChargingRoutes.readingsPage * 2
            for extra in [0, 1] {
                try await api.sql(
                    """
                    TRUNCATE time_i_data;
                    INSERT INTO time_i_data SELECT 'A', timestamptz '2025-01-04T12:00:00Z' + n * interval '1 second', n, 'F' FROM generate_series(1, \(count + extra)) AS n
                    """, on: loop)
                let body = try await api.get("/api/monitoring/current?meter_id=A&hours=24", on: loop).json()
                let values = (body["data"]?.array ?? []).compactMap { $0["current_value"]?.double }
                #expect(values == (1...(count + extra)).map(Double.init))
                #expect(body["count"]?.int == count + extra)
                #expect(body["meter_id"] == "A")
            }
        }
    }

    @Test func `sites and forecasts longer than a page are whole`() async throws {
        try await withAPI { api, loop in
            let sites = ChargingRoutes.sitesPage + 3
            let meters = ChargingRoutes.metersPage * 2
            try await api.sql(
                """
                INSERT INTO site_data (meter_id, longitude, latitude) SELECT 'M' || to_char(n, 'FM00000'), 1, 2 FROM generate_series(1, \(sites)) AS n;
                INSERT INTO prediction_results (meter_id, "timestamp", predicted_value, warning_level, is_charging, pattern_label, anomaly_info)
                SELECT 'M' || to_char(m, 'FM00000'), timestamptz '2025-01-04' + n * interval '1 hour', n, 'normal', false, '空闲', '{}'
                FROM generate_series(1, \(meters)) AS m, generate_series(1, 3) AS n;
                -- The last meter's forecast lies before its newest reading.
                INSERT INTO time_i_data VALUES ('M\(String(100_000 + meters).dropFirst())', '2026-01-01', 1)
                """, on: loop)
            let located = try await api.get("/api/sites/locations", on: loop).json()
            #expect(located["count"]?.int == sites)
            #expect(located["data"]?.array?.count == sites)
            #expect(Set((located["data"]?.array ?? []).compactMap { $0["meter_id"]?.string }).count == sites)
            let predicted = try await api.get("/api/prediction/data", on: loop).json()
            #expect(predicted["count"]?.int == (meters - 1) * 3)
            #expect(predicted["data"]?.array?.count == (meters - 1) * 3)
            #expect(predicted["data"]?[0]?["anomaly_info"] == ["type": "none", "confidence": nil])
        }
    }

    @Test func `forecasts begin at the meter's newest reading, or at their own first point without one`() async throws {
        try await withAPI { api, loop in
            try await api.sql(
                """
                INSERT INTO prediction_results (meter_id, "timestamp", predicted_value, warning_level, is_charging, pattern_label, anomaly_info)
                SELECT m, timestamptz '2025-01-04T12:00:00+08:00' + n * interval '1 hour', n, 'yellow', false, '空闲', '{"type":"电流波动","confidence":1}'
                FROM unnest(ARRAY['A', 'B']) AS m, generate_series(0, 9) AS n;
                INSERT INTO time_i_data VALUES ('A', '2025-01-04T14:30:00+08:00', 1)
                """, on: loop)
            let read = try timestamps(try await api.get("/api/prediction/data?meter_id=A&hours=2", on: loop))
            #expect(read == ["2025-01-04T15:00:00", "2025-01-04T16:00:00"])
            let unread = try timestamps(try await api.get("/api/prediction/data?meter_id=B&hours=1", on: loop))
            #expect(unread == ["2025-01-04T12:00:00", "2025-01-04T13:00:00"])
            let all = try await api.get("/api/prediction/data?hours=1", on: loop).json()
            #expect(all["count"] == 3)
            #expect((all["data"]?.array ?? []).map { $0["meter_id"] } == ["A", "B", "B"])
            #expect(all["data"]?[0]?["anomaly_info"] == ["type": "电流波动", "confidence": 1.0])
        }
    }

    @Test func `anomaly days end at the newest row of the meter, reading or anomaly`() async throws {
        try await withAPI { api, loop in
            try await api.sql(
                """
                INSERT INTO current_data (meter_id, "timestamp", anomaly_type) VALUES
                    ('A', '2025-01-01T00:00:00Z', '漏流'), ('A', '2025-01-02T00:00:00Z', '电流过高'), ('B', '2025-02-01T00:00:00Z', '漏流')
                """, on: loop)
            let total = { (days: Int) async throws -> Int? in
                try await api.get("/api/monitoring/anomalies?meter_id=A&days=\(days)", on: loop).json()["data"]?["total_anomalies"]?.int
            }
            #expect(try await total(1) == 1)
            #expect(try await total(2) == 2)
            try await api.sql("INSERT INTO time_i_data VALUES ('A', '2025-01-02T12:00:00Z', 1)", on: loop)
            #expect(try await total(1) == 1)
            #expect(try await total(2) == 2)
            try await api.sql("INSERT INTO time_i_data VALUES ('A', '2025-01-03T00:00:00Z', 1)", on: loop)
            #expect(try await total(1) == 0)
        }
    }

    /// Instants around local midnights, with the month and the period that they belong to.
    @Test func `days and months are local ones`() async throws {
        try await withAPI { api, loop in
            try await api.sql(
                """
                INSERT INTO current_data (meter_id, "timestamp", anomaly_type) VALUES
                    ('A', '2024-12-31T15:59:59.999999Z', 'december'), ('A', '2024-12-31T16:00:00Z', 'first'), ('A', '2025-01-31T15:59:59.999999Z', 'last'),
                    ('A', '2025-01-31T16:00:00Z', 'february'), ('A', '2025-01-10T21:59:59Z', 'before six'), ('A', '2025-01-10T22:00:00Z', 'at six'),
                    ('A', '2025-01-10T03:59:59Z', 'before noon'), ('A', '2025-01-10T04:00:00Z', 'at noon'), ('A', '2025-01-10T10:00:00Z', 'at eighteen')
                """, on: loop)
            let month = try await api.get("/api/statistics/monthly?year=2025&month=1", on: loop).json()
            #expect(month["data"]?["meter_id"] == .null)
            #expect(month["data"]?["total_anomalies"] == 7)
            let stats = try await api.get("/api/statistics/time-periods?year=2025&month=1", on: loop).json()["data"]?["time_period_stats"]
            func types(_ period: String) -> [String?]? { stats?[period]?.array?.map { $0["anomaly_type"]?.string } }
            #expect(types("凌晨(00:00-06:00)") == ["before six", "first"])
            #expect(types("上午(06:00-12:00)") == ["at six", "before noon"])
            #expect(types("下午(12:00-18:00)") == ["at noon"])
            #expect(types("晚上(18:00-24:00)") == ["at eighteen", "last"])
            let december = try await api.get("/api/statistics/monthly?meter_id=A&year=2024&month=12", on: loop).json()
            #expect(december["data"]?["anomaly_distribution"]?[0] == ["anomaly_type": "december", "count": 1, "percentage": 100.0])
        }
    }

    @Test func `another zone moves times, days and months`() async throws {
        try await withAPI(SetUp { $0.chargingOffset = UTCOffset(seconds: -5 * 3600) }) { api, loop in
            try await api.sql(
                """
                INSERT INTO current_data (meter_id, "timestamp", anomaly_type) VALUES ('A', '2025-02-01T04:59:59Z', 'last');
                INSERT INTO time_i_data VALUES ('A', '2025-02-01T04:59:59Z', 1)
                """, on: loop)
            #expect(try await api.get("/api/statistics/monthly?year=2025&month=1", on: loop).json()["data"]?["total_anomalies"] == 1)
            #expect(try timestamps(try await api.get("/api/monitoring/current?meter_id=A", on: loop)) == ["2025-01-31T23:59:59"])
        }
    }

    @Test func `statistics default to the local month of the request`() async throws {
        try await withAPI { api, loop in
            let before = LocalMonth(of: Clock.wall, .beijing)
            let body = try await api.get("/api/statistics/monthly", on: loop).json()
            let after = LocalMonth(of: Clock.wall, .beijing)
            let month = LocalMonth(year: body["data"]?["year"]?.int ?? 0, month: body["data"]?["month"]?.int ?? 0)
            #expect(month == before || month == after)
        }
    }

    @Test(arguments: [(2024, 12, 31), (2025, 1, 31), (2025, 2, 28), (2024, 2, 29), (1970, 1, 31), (2100, 12, 31)])
    func `a month ends where the next begins`(year: Int, month: Int, days: Int64) {
        let value = LocalMonth(year: year, month: month)
        #expect(value.end(.beijing).seconds - value.start(.beijing).seconds == days * 86_400)
        #expect(LocalMonth(of: value.start(.beijing), .beijing) == value)
        #expect(LocalMonth(of: value.end(.beijing).adding(microseconds: -1), .beijing) == value)
    }

    @Test func `states of sites follow level, anomaly and age`() async throws {
        try await withAPI { api, loop in
            try await api.sql(
                """
                INSERT INTO site_data (meter_id, longitude, latitude) SELECT m, 1, 2 FROM unnest(ARRAY['bare', 'red', 'stale', 'old anomaly', 'anomaly', 'unjudged']) AS m;
                INSERT INTO heliograph.charging_latest (meter_id, "timestamp", i, shard) VALUES
                    ('red', '2025-01-04T12:00:00Z', 1, 0), ('stale', '2025-01-04T10:59:59Z', 1, 0), ('old anomaly', '2025-01-04T11:00:00Z', 1, 0),
                    ('anomaly', '2025-01-04T12:00:00Z', 1, 0), ('unjudged', '2025-01-04T12:00:00Z', 1, 0);
                INSERT INTO heliograph.meter_state
                    (meter_id, watermark, state, warning_level, warning_at, is_charging, pattern_label, is_anomaly, confidence)
                SELECT m, '2025-01-04', '', l, '2025-01-04', true, '空闲', false, 1
                FROM (VALUES ('red', 'red'), ('stale', 'red'), ('old anomaly', 'green'), ('anomaly', 'green')) AS v(m, l);
                INSERT INTO current_data (meter_id, "timestamp", anomaly_type) VALUES
                    ('old anomaly', '2025-01-03T10:59:59Z', '漏流'), ('anomaly', '2025-01-03T12:00:00Z', '漏流'), ('bare', '2025-01-03T12:00:00Z', '漏流')
                """, on: loop)
            let data = try await api.get("/api/sites/locations", on: loop).json()["data"]?.array ?? []
            func row(_ meter: String) -> [JSONValue?] {
                let site = data.first { $0["meter_id"]?.string == meter }
                return ["warning_level", "is_anomaly", "anomaly_type", "overall_status"].map { site?[$0] }
            }
            #expect(row("bare") == ["unknown", false, .null, "unknown"])
            #expect(row("red") == ["red", false, .null, "critical"])
            #expect(row("stale") == ["unknown", false, .null, "unknown"])
            #expect(row("old anomaly") == ["green", false, .null, "normal"])
            #expect(row("anomaly") == ["green", true, "漏流", "warning"])
            #expect(row("unjudged") == ["unknown", false, .null, "unknown"])
            #expect(data.first?["rated_power"] == .null)
        }
    }
}
