import Bytes
import Postgres

extension ChargingRoutes {
    /// Spec §2.1: the stored forecast from the meter's newest reading on (or from its own first point, where there is no reading).
    func prediction(_ request: Request) async throws -> Reply {
        let parameters = ChargingParameters(request)
        let hours = try parameters.whole("hours", ChargingParameters.hours, default: 24)
        let meter = try parameters.meter()
        let list = ListReply(
            dialect: dialect, context: request.context, rowBytes: 240,
            write: { [offset] rows, w in try Self.writeForecast(rows, offset, to: &w) },
            next: { [pool] had in
                // Whole meters per page: the last row names the last meter.
                guard meter == nil, had.count > 0 else { return nil }
                let last = try had.string(had.count - 1, 1)
                return try await pool.query(ChargingSQL.predictionOfMeters, Parameters(last, hours, Self.metersPage), retryOnLoss: true)
            })
        if let meter {
            return try list.reply(try await pool.query(ChargingSQL.prediction, Parameters(meter, hours), retryOnLoss: true), isWhole: true)
        }
        let rows = try await pool.query(ChargingSQL.predictionOfMeters, Parameters("", hours, Self.metersPage), retryOnLoss: true)
        return try list.reply(rows, isWhole: try Self.meterCount(rows) < Self.metersPage)
    }

    private static func meterCount(_ rows: PostgresRows) throws -> Int {
        var count = 0
        for row in 0..<rows.count {
            let isSame = row > 0 ? try rows.utf8(row, 1).elementsEqual(rows.utf8(row - 1, 1)) : false
            if !isSame { count += 1 }
        }
        return count
    }

    private static func writeForecast(_ rows: PostgresRows, _ offset: UTCOffset, to w: inout JSONWriter) throws -> Int {
        var count = 0
        for row in 0..<rows.count {
            // A meter whose forecast lies before the window.
            guard let id = try rows.int64IfPresent(row, 0) else { continue }
            count += 1
            w.beginObject()
            w.key("id")
            w.value(id)
            w.key("meter_id")
            w.value(utf8: try rows.utf8(row, 1))
            w.member("timestamp", try rows.timestamp(row, 2), .local(offset))
            w.member("predicted_value", try rows.double(row, 3))
            w.key("warning_level")
            w.value(utf8: try rows.utf8(row, 4))
            w.member("is_charging", try rows.bool(row, 5))
            w.key("pattern_label")
            w.value(utf8: try rows.utf8(row, 6))
            w.key("anomaly_info")
            w.beginObject()
            w.key("type")
            if let type = try rows.utf8IfPresent(row, 7) { w.value(utf8: type) } else { w.value("none") }
            w.member("confidence", try rows.doubleIfPresent(row, 8))
            w.endObject()
            w.endObject()
        }
        return count
    }
}
