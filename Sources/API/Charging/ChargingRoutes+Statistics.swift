import Bytes
import Postgres

extension ChargingRoutes {
    /// The keys of spec §4.2, by quarter of the local day.
    private static let periods: [StaticString] = ["凌晨(00:00-06:00)", "上午(06:00-12:00)", "下午(12:00-18:00)", "晚上(18:00-24:00)"]

    /// Spec §4.1.
    func monthly(_ request: Request) async throws -> Reply {
        let (meter, month) = try scope(request)
        let start = month.start(offset)
        let end = month.end(offset)
        let rows: PostgresRows
        if let meter {
            rows = try await pool.query(ChargingSQL.monthOfMeter, Parameters(start, end, meter), retryOnLoss: true)
        } else {
            rows = try await pool.query(ChargingSQL.month, Parameters(start, end), retryOnLoss: true)
        }
        let shares = try AnomalyShares(rows)
        return request.success { w in
            w.object { w in
                Self.write(meter, month, to: &w)
                w.member("total_anomalies", shares.total)
                w.key("anomaly_distribution")
                shares.write(to: &w)
            }
        }
    }

    /// Spec §4.2. All four periods are there, empty ones too.
    func timePeriods(_ request: Request) async throws -> Reply {
        let (meter, month) = try scope(request)
        let start = month.start(offset)
        let end = month.end(offset)
        let rows: PostgresRows
        if let meter {
            rows = try await pool.query(ChargingSQL.periodsOfMeter, Parameters(start, end, offset.seconds, meter), retryOnLoss: true)
        } else {
            rows = try await pool.query(ChargingSQL.periods, Parameters(start, end, offset.seconds), retryOnLoss: true)
        }
        return try request.success { w in
            try w.object { w in
                Self.write(meter, month, to: &w)
                w.key("time_period_stats")
                try w.object { w in
                    var row = 0
                    for (period, name) in Self.periods.enumerated() {
                        w.key(name)
                        w.beginArray()
                        while row < rows.count, try rows.int(row, 0) == period {
                            w.beginObject()
                            w.key("anomaly_type")
                            w.value(utf8: try rows.utf8(row, 1))
                            w.member("count", try rows.int(row, 2))
                            w.endObject()
                            row += 1
                        }
                        w.endArray()
                    }
                }
            }
        }
    }

    private func scope(_ request: Request) throws(APIError) -> (meter: String?, month: LocalMonth) {
        let parameters = ChargingParameters(request)
        return (try parameters.meter(), try parameters.month(offset))
    }

    private static func write(_ meter: String?, _ month: LocalMonth, to w: inout JSONWriter) {
        w.member("meter_id", meter)
        w.member("year", month.year)
        w.member("month", month.month)
    }
}
