import Bytes
import Postgres
import Reactor
import TestSupport
import Testing

@testable import API

@Suite struct SpecExampleTests {
    /// 12:00 in Beijing, the examples' moment.
    static let noon = "'2025-01-04T12:00:00+08:00'"

    @Test func `the root tells name, version and endpoints`() async throws {
        try await withAPI { api, loop in
            let answer = try await api.get("/", on: loop)
            #expect(answer.status == 200)
            let body = try answer.json()
            #expect(body.object?.map(\.key) == ["service_name", "version", "description", "status", "timestamp", "api_endpoints", "usage_examples"])
            #expect(body["service_name"] == "电动汽车充电风险监测平台后端服务")
            #expect(body["version"] == "1.1.0")
            #expect(body["description"] == "提供预测、监测和统计分析功能的RESTful API服务")
            #expect(body["status"] == "running")
            #expect(isNow(body["timestamp"]?.string ?? "", since: api.start))
            let health: JSONValue = ["path": "/api/health", "method": "GET", "description": "健康检查接口"]
            #expect(body["api_endpoints"]?["health_check"] == health)
            #expect(body["usage_examples"]?["get_health"] == "GET /api/health")
            #expect(body["usage_examples"]?["get_prediction"] == "GET /api/prediction/data?meter_id=METER_001&hours=24")
            #expect(body["usage_examples"]?["get_sites_with_status"] == "GET /api/sites/locations")
            // Every path it names answers.
            for (_, endpoint) in body["api_endpoints"]?.object ?? [] {
                let path = try #require(endpoint["path"]?.string)
                #expect(try await api.get("\(path)?meter_id=M", on: loop).status == 200 || path == "/api/health")
            }
        }
    }

    @Test func `health says connected while PostgreSQL answers`() async throws {
        try await withAPI { api, loop in
            // Each of the two loops connects by itself.
            var answer = try await api.get("/api/health", on: loop)
            try await eventually("a connection", on: loop) {
                if answer.status != 200 { answer = try await api.get("/api/health", on: loop) }
                return answer.status == 200
            }
            let example = #"{"status":"healthy","timestamp":"2025-01-04T12:00:00.000000","database":"connected"}"#
            try expectExample(answer, example, since: api.start)
        }
    }

    @Test func `without PostgreSQL health says disconnected and data routes fail in the spec's words`() async throws {
        try await withAPI(
            SetUp {
                $0.postgres.connectionString = "host=/nonexistent dbname=none"
                $0.postgres.waitLimitMs = 100
            }
        ) { api, loop in
            let health = try await api.get("/api/health", on: loop)
            #expect(health.status == 503)
            let example =
                #"{"status":"unhealthy","timestamp":"2025-01-04T12:00:00.000000","database":"disconnected","error":"数据库连接失败"}"#
            try expectExample(health, example, since: api.start)
            for path in [
                "/api/prediction/data", "/api/sites/locations", "/api/monitoring/current?meter_id=M", "/api/monitoring/anomalies?meter_id=M",
                "/api/statistics/monthly", "/api/statistics/time-periods",
            ] {
                try expectRefusal(try await api.get(path, on: loop), 500, "数据库连接失败", since: api.start)
            }
        }
    }

    @Test func `prediction data as in section 2_1`() async throws {
        try await withAPI { api, loop in
            try await api.sql(
                """
                INSERT INTO prediction_results (meter_id, "timestamp", predicted_value, warning_level, is_charging, pattern_label, anomaly_info)
                VALUES ('METER_001', \(Self.noon), 15.5, 'normal', true, '正常充电', '{"type":"none","confidence":0.95}')
                """, on: loop)
            let example =
                """
                {"success":true,"data":[{"id":1,"meter_id":"METER_001","timestamp":"2025-01-04T12:00:00","predicted_value":15.5,
                "warning_level":"normal","is_charging":true,"pattern_label":"正常充电","anomaly_info":{"type":"none","confidence":0.95}}],
                "count":1,"timestamp":"2025-01-04T12:00:00.000000"}
                """
            try expectExample(try await api.get("/api/prediction/data?meter_id=METER_001&hours=6", on: loop), example, since: api.start)
            try expectExample(try await api.get("/api/prediction/data", on: loop), example, since: api.start)
        }
    }

    @Test func `site locations as in section 2_2`() async throws {
        try await withAPI { api, loop in
            try await api.sql(
                """
                INSERT INTO site_data VALUES ('METER_001', 116.4074, 39.9042, 'FAC_001', 60, 250, 200), ('METER_002', 116.4084, 39.9052, 'FAC_002', 120, 300, 250);
                INSERT INTO heliograph.charging_latest (meter_id, "timestamp", i, shard)
                    VALUES ('METER_001', \(Self.noon), 45.2, 0), ('METER_002', \(Self.noon), 25.8, 0), ('METER_003', \(Self.noon), 1, 0);
                INSERT INTO current_data (meter_id, "timestamp", anomaly_type) VALUES
                    ('METER_001', '2025-01-04T11:45:00+08:00', '高值异常'), ('METER_001', '2025-01-04T11:30:00+08:00', '电流波动');
                INSERT INTO heliograph.meter_state
                    (meter_id, watermark, state, warning_level, warning_at, is_charging, pattern_label, is_anomaly, confidence) VALUES
                    ('METER_001', \(Self.noon), '', 'yellow', \(Self.noon), true, '正常充电', false, 1),
                    ('METER_002', \(Self.noon), '', 'green', \(Self.noon), true, '正常充电', false, 1)
                """, on: loop)
            let example =
                """
                {"success":true,"data":[
                {"meter_id":"METER_001","longitude":116.4074,"latitude":39.9042,"dev_fac_id":"FAC_001","rated_power":60.0,
                "max_input_current":250.0,"max_output_current":200.0,"latest_current":45.2,"current_timestamp":"2025-01-04T12:00:00.000000",
                "anomaly_type":"高值异常","is_anomaly":true,"anomaly_timestamp":"2025-01-04T11:45:00.000000","warning_level":"yellow",
                "warning_timestamp":"2025-01-04T12:00:00.000000","overall_status":"warning"},
                {"meter_id":"METER_002","longitude":116.4084,"latitude":39.9052,"dev_fac_id":"FAC_002","rated_power":120.0,
                "max_input_current":300.0,"max_output_current":250.0,"latest_current":25.8,"current_timestamp":"2025-01-04T12:00:00.000000",
                "anomaly_type":null,"is_anomaly":false,"anomaly_timestamp":null,"warning_level":"green",
                "warning_timestamp":"2025-01-04T12:00:00.000000","overall_status":"normal"}],
                "count":2,"timestamp":"2025-01-04T12:00:00.000000"}
                """
            try expectExample(try await api.get("/api/sites/locations", on: loop), example, since: api.start)
        }
    }

    @Test func `current readings as in section 3_1`() async throws {
        try await withAPI { api, loop in
            try await api.sql("INSERT INTO time_i_data VALUES ('METER_001', \(Self.noon), 15.5, 'FAC_001')", on: loop)
            let example =
                """
                {"success":true,"data":[{"timestamp":"2025-01-04T12:00:00","current_value":15.5,"dev_fac_id":"FAC_001"}],
                "count":1,"meter_id":"METER_001","timestamp":"2025-01-04T12:00:00.000000"}
                """
            try expectExample(try await api.get("/api/monitoring/current?meter_id=METER_001&hours=6", on: loop), example, since: api.start)
            try expectRefusal(try await api.get("/api/monitoring/current", on: loop), 400, "缺少必需参数: meter_id", since: api.start)
        }
    }

    private static func anomalies(_ type: String, _ count: Int, from start: String, every interval: String) -> String {
        """
        INSERT INTO current_data (meter_id, "timestamp", anomaly_type)
        SELECT 'METER_001', timestamptz '\(start)' + n * interval '\(interval)', '\(type)' FROM generate_series(1, \(count)) AS n;
        """
    }

    @Test func `anomaly history as in section 3_2`() async throws {
        try await withAPI { api, loop in
            try await api.sql(
                Self.anomalies("电流过高", 8, from: "2025-01-01T00:00:00+08:00", every: "1 hour")
                    + Self.anomalies("电流波动", 7, from: "2025-01-02T00:00:00+08:00", every: "1 hour"), on: loop)
            let example =
                """
                {"success":true,"data":{"meter_id":"METER_001","period_days":30,"total_anomalies":15,"anomaly_types":[
                {"anomaly_type":"电流过高","count":8,"percentage":53.33},{"anomaly_type":"电流波动","count":7,"percentage":46.67}]},
                "timestamp":"2025-01-04T12:00:00.000000"}
                """
            try expectExample(try await api.get("/api/monitoring/anomalies?meter_id=METER_001&days=30", on: loop), example, since: api.start)
            try expectExample(try await api.get("/api/monitoring/anomalies?meter_id=METER_001", on: loop), example, since: api.start)
        }
    }

    @Test func `monthly statistics as in section 4_1`() async throws {
        try await withAPI { api, loop in
            try await api.sql(
                Self.anomalies("电流过高", 25, from: "2025-01-01T00:00:00+08:00", every: "1 day")
                    + Self.anomalies("电流波动", 20, from: "2025-01-01T00:00:00+08:00", every: "1 hour"), on: loop)
            let example =
                """
                {"success":true,"data":{"meter_id":"METER_001","year":2025,"month":1,"total_anomalies":45,"anomaly_distribution":[
                {"anomaly_type":"电流过高","count":25,"percentage":55.56},{"anomaly_type":"电流波动","count":20,"percentage":44.44}]},
                "timestamp":"2025-01-04T12:00:00.000000"}
                """
            try expectExample(try await api.get("/api/statistics/monthly?meter_id=METER_001&year=2025&month=1", on: loop), example, since: api.start)
        }
    }

    @Test func `time periods as in section 4_2`() async throws {
        try await withAPI { api, loop in
            try await api.sql(
                Self.anomalies("电流过高", 5, from: "2025-01-02T00:59:00+08:00", every: "1 minute")
                    + Self.anomalies("电流波动", 8, from: "2025-01-02T07:00:00+08:00", every: "1 minute")
                    + Self.anomalies("电流过高", 12, from: "2025-01-02T13:00:00+08:00", every: "1 minute")
                    + Self.anomalies("电流波动", 6, from: "2025-01-02T19:00:00+08:00", every: "1 minute"), on: loop)
            let example =
                """
                {"success":true,"data":{"meter_id":"METER_001","year":2025,"month":1,"time_period_stats":{
                "凌晨(00:00-06:00)":[{"anomaly_type":"电流过高","count":5}],"上午(06:00-12:00)":[{"anomaly_type":"电流波动","count":8}],
                "下午(12:00-18:00)":[{"anomaly_type":"电流过高","count":12}],"晚上(18:00-24:00)":[{"anomaly_type":"电流波动","count":6}]}},
                "timestamp":"2025-01-04T12:00:00.000000"}
                """
            let path = "/api/statistics/time-periods?meter_id=METER_001&year=2025&month=1"
            try expectExample(try await api.get(path, on: loop), example, since: api.start)
        }
    }

    @Test func `unknown paths and methods are refused in the spec's envelope`() async throws {
        try await withAPI { api, loop in
            for path in ["/nowhere", "/api/nowhere", "/api/monitoring", "/api/monitoring/current/"] {
                try expectRefusal(try await api.get(path, on: loop), 404, "接口不存在", since: api.start)
            }
            let post = try await api.post("/api/health", "{}", on: loop)
            #expect(post.status == 405)
            #expect(post["allow"] == "GET, HEAD, OPTIONS")
        }
    }
}
