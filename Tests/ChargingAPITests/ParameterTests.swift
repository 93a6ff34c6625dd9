import Bytes
import Reactor
import TestSupport
import Testing

@testable import API

@Suite struct ParameterTests {
    @Test func `bad parameters are refused by name`() async throws {
        let hours = "参数 hours 无效: 必须是 1 到 8760 之间的整数"
        let days = "参数 days 无效: 必须是 1 到 3650 之间的整数"
        let year = "参数 year 无效: 必须是 1970 到 2100 之间的整数"
        let month = "参数 month 无效: 必须是 1 到 12 之间的整数"
        let meter = "参数 meter_id 无效: 不能包含控制字符"
        let missing = "缺少必需参数: meter_id"
        let cases: [(path: String, error: String)] = [
            ("/api/prediction/data?hours=-1", hours), ("/api/prediction/data?hours=0", hours), ("/api/prediction/data?hours=8761", hours),
            ("/api/prediction/data?meter_id=A&hours=abc", hours), ("/api/prediction/data?hours=1.5", hours),
            ("/api/monitoring/current?meter_id=A&hours=-1", hours), ("/api/monitoring/current?meter_id=A&hours=abc", hours),
            ("/api/monitoring/current?meter_id=A&hours=0", hours), ("/api/monitoring/current?meter_id=A&hours=99999999999999999999", hours),
            ("/api/monitoring/current?meter_id=A&hours=%2B6x", hours),
            ("/api/monitoring/current", missing), ("/api/monitoring/current?meter_id=", missing), ("/api/monitoring/current?hours=6", missing),
            ("/api/monitoring/current?meter_id=A%1FB", meter), ("/api/prediction/data?meter_id=%0A", meter),
            ("/api/monitoring/anomalies", missing), ("/api/monitoring/anomalies?meter_id=A&days=0", days),
            ("/api/monitoring/anomalies?meter_id=A&days=-30", days), ("/api/monitoring/anomalies?meter_id=A&days=3651", days),
            ("/api/statistics/monthly?month=13", month), ("/api/statistics/monthly?month=0", month), ("/api/statistics/monthly?month=-1", month),
            ("/api/statistics/monthly?year=1969", year), ("/api/statistics/monthly?year=2101", year), ("/api/statistics/monthly?year=x", year),
            ("/api/statistics/time-periods?month=13", month), ("/api/statistics/time-periods?year=99999999999", year),
            ("/api/statistics/time-periods?meter_id=%07", meter),
        ]
        try await withAPI { api, loop in
            for (path, error) in cases {
                let answer = try await api.get(path, on: loop)
                #expect(answer.status == 400, "\(path): \(answer.text)")
                try expectRefusal(answer, 400, error, since: api.start)
            }
            // No text at all.
            for value in ["%FF", "A%00", "%zz"] { #expect(try await api.get("/api/monitoring/current?meter_id=\(value)", on: loop).status == 400) }
        }
    }

    @Test func `an unknown meter has empty lists and zeros`() async throws {
        try await withAPI { api, loop in
            let unknown = "%E4%B8%8D%E5%AD%98%E5%9C%A8%27;--"
            let name = "不存在';--"
            let end = #""timestamp":"2025-01-04T12:00:00.000000"}"#
            let cases: [(path: String, example: String)] = [
                ("/api/prediction/data?meter_id=\(unknown)", #"{"success":true,"data":[],"count":0,"# + end),
                ("/api/prediction/data", #"{"success":true,"data":[],"count":0,"# + end),
                ("/api/sites/locations", #"{"success":true,"data":[],"count":0,"# + end),
                ("/api/monitoring/current?meter_id=\(unknown)", #"{"success":true,"data":[],"count":0,"meter_id":"\#(name)","# + end),
                (
                    "/api/monitoring/anomalies?meter_id=\(unknown)",
                    #"{"success":true,"data":{"meter_id":"\#(name)","period_days":30,"total_anomalies":0,"anomaly_types":[]},"# + end
                ),
                (
                    "/api/statistics/monthly?meter_id=\(unknown)&year=2025&month=1",
                    #"{"success":true,"data":{"meter_id":"\#(name)","year":2025,"month":1,"total_anomalies":0,"anomaly_distribution":[]},"# + end
                ),
                (
                    "/api/statistics/time-periods?year=2025&month=2",
                    #"{"success":true,"data":{"meter_id":null,"year":2025,"month":2,"time_period_stats":{"凌晨(00:00-06:00)":[],"上午(06:00-12:00)":[],"下午(12:00-18:00)":[],"晚上(18:00-24:00)":[]}},"#
                        + end
                ),
            ]
            for (path, example) in cases {
                let answer = try await api.get(path, on: loop)
                #expect(answer.status == 200, "\(path)")
                try expectExample(answer, example, since: api.start)
            }
        }
    }

    @Test(arguments: [(8, 15, 53.33), (7, 15, 46.67), (25, 45, 55.56), (1, 3, 33.33), (2, 3, 66.67), (3, 3, 100.0), (0, 5, 0), (0, 0, 0), (1, 8, 12.5)])
    func `percentages have two digits`(count: Int, total: Int, percent: Double) {
        #expect(AnomalyShares.percentage(count, of: total) == percent)
    }
}
