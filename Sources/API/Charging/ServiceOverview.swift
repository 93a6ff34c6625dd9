import Bytes

/// What `GET /` says (spec §1.1). Written once; only the time changes.
struct ServiceOverview {
    private let before: [UInt8]
    private let after: [UInt8]
    private let style: RFC3339.Style

    static let version = "1.1.0"

    private static let endpoints: [(name: StaticString, path: String, description: String)] = [
        ("health_check", "/api/health", "健康检查接口"),
        ("prediction_data", "/api/prediction/data", "获取预测数据"),
        ("sites_locations", "/api/sites/locations", "获取充电站位置及实时状态信息"),
        ("monitoring_current", "/api/monitoring/current", "获取实时电流数据"),
        ("monitoring_anomalies", "/api/monitoring/anomalies", "获取历史异常统计"),
        ("statistics_monthly", "/api/statistics/monthly", "获取月度异常统计"),
        ("statistics_time_periods", "/api/statistics/time-periods", "获取时段异常统计"),
    ]

    private static let examples: [(name: StaticString, example: String)] = [
        ("get_health", "GET /api/health"),
        ("get_prediction", "GET /api/prediction/data?meter_id=METER_001&hours=24"),
        ("get_sites_with_status", "GET /api/sites/locations"),
        ("get_current", "GET /api/monitoring/current?meter_id=METER_001&hours=6"),
        ("get_anomalies", "GET /api/monitoring/anomalies?meter_id=METER_001&days=30"),
        ("get_monthly_statistics", "GET /api/statistics/monthly?meter_id=METER_001&year=2025&month=1"),
        ("get_time_period_statistics", "GET /api/statistics/time-periods?meter_id=METER_001&year=2025&month=1"),
    ]

    init(offset: UTCOffset) {
        style = .localMicroseconds(offset)
        var w = JSONWriter(capacity: 2048)
        w.beginObject()
        w.member("service_name", "电动汽车充电风险监测平台后端服务")
        w.member("version", Self.version)
        w.member("description", "提供预测、监测和统计分析功能的RESTful API服务")
        w.member("status", "running")
        w.key("timestamp")
        before = w.bytes
        w.bytes.removeAll(keepingCapacity: true)
        // Something must stand before the next member for its comma.
        w.null()
        let placeholder = w.bytes.count
        w.key("api_endpoints")
        w.object { w in
            for endpoint in Self.endpoints {
                w.key(endpoint.name)
                w.object { w in
                    w.member("path", endpoint.path)
                    w.member("method", "GET")
                    w.member("description", endpoint.description)
                }
            }
        }
        w.key("usage_examples")
        w.object { w in for example in Self.examples { w.member(example.name, example.example) } }
        w.endObject()
        after = Array(w.bytes[placeholder...])
    }

    func reply(_ now: Timestamp) -> Reply {
        var body: [UInt8] = []
        body.reserveCapacity(before.count + after.count + 32)
        body.append(contentsOf: before)
        body.append(UInt8(ascii: "\""))
        RFC3339.append(now, style, to: &body)
        body.append(UInt8(ascii: "\""))
        body.append(contentsOf: after)
        return .json(body)
    }
}
