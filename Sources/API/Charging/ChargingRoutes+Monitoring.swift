import Bytes
import Postgres

extension ChargingRoutes {
    /// Spec §3.1: the readings of the last hours before the meter's newest one, oldest first.
    func current(_ request: Request) async throws -> Reply {
        let parameters = ChargingParameters(request)
        let meter = try parameters.requiredMeter()
        let hours = try parameters.whole("hours", ChargingParameters.hours, default: 6)
        let page = Self.readingsPage
        let rows = try await pool.query(ChargingSQL.current, Parameters(meter, hours, page), retryOnLoss: true)
        let list = ListReply(
            dialect: dialect, context: request.context, rowBytes: 90,
            write: { [offset] rows, w in
                var writer = ReadingText(offset: offset)
                return try writer.append(rows, to: &w)
            },
            next: { [pool] had in
                guard had.count == page else { return nil }
                let last = try had.timestamp(had.count - 1, 0)
                let more = try await pool.query(ChargingSQL.currentAfter, Parameters(meter, last, page), retryOnLoss: true)
                return more.isEmpty ? nil : more
            },
            extra: { $0.member("meter_id", meter) })
        return try list.reply(rows, isWhole: rows.count < page)
    }

    /// Spec §3.2. The days end at the newest row that the meter has, reading or anomaly.
    func anomalies(_ request: Request) async throws -> Reply {
        let parameters = ChargingParameters(request)
        let meter = try parameters.requiredMeter()
        let days = try parameters.whole("days", ChargingParameters.days, default: 30)
        let shares = try AnomalyShares(try await pool.query(ChargingSQL.anomalies, Parameters(meter, days), retryOnLoss: true))
        return request.success { w in
            w.object { w in
                w.member("meter_id", meter)
                w.member("period_days", days)
                w.member("total_anomalies", shares.total)
                w.key("anomaly_types")
                shares.write(to: &w)
            }
        }
    }
}
