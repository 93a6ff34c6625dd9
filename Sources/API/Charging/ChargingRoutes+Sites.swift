import Bytes
import Postgres

/// The overall state of a site (spec §2.2, 综合状态说明).
enum OverallStatus: String {
    case normal, warning, critical, unknown

    init(level: String, isAnomaly: Bool) {
        switch level {
        case "red": self = .critical
        case "yellow": self = .warning
        case _ where isAnomaly: self = .warning
        case "green": self = .normal
        default: self = .unknown
        }
    }
}

extension ChargingRoutes {
    /// Spec §2.2: every site with what its meter last said.
    func sites(_ request: Request) async throws -> Reply {
        let page = Self.sitesPage
        let rows = try await pool.query(ChargingSQL.sites, Parameters("", page), retryOnLoss: true)
        let list = ListReply(
            dialect: dialect, context: request.context, rowBytes: 480,
            write: { [offset] rows, w in
                for row in 0..<rows.count { try Self.writeSite(rows, row, offset, to: &w) }
                return rows.count
            },
            next: { [pool] had in
                guard had.count == page else { return nil }
                let last = try had.string(had.count - 1, 0)
                let more = try await pool.query(ChargingSQL.sites, Parameters(last, page), retryOnLoss: true)
                return more.isEmpty ? nil : more
            })
        return try list.reply(rows, isWhole: rows.count < page)
    }

    private static func writeSite(_ rows: PostgresRows, _ row: Int, _ offset: UTCOffset, to w: inout JSONWriter) throws {
        let style = RFC3339.Style.localMicroseconds(offset)
        func text(_ column: Int, _ w: inout JSONWriter) throws {
            if let value = try rows.utf8IfPresent(row, column) { w.value(utf8: value) } else { w.null() }
        }
        w.beginObject()
        w.key("meter_id")
        try text(0, &w)
        w.member("longitude", try rows.double(row, 1))
        w.member("latitude", try rows.double(row, 2))
        w.key("dev_fac_id")
        try text(3, &w)
        w.member("rated_power", try rows.doubleIfPresent(row, 4))
        w.member("max_input_current", try rows.doubleIfPresent(row, 5))
        w.member("max_output_current", try rows.doubleIfPresent(row, 6))
        w.member("latest_current", try rows.doubleIfPresent(row, 7))
        w.member("current_timestamp", try rows.timestampIfPresent(row, 8), style)
        w.key("anomaly_type")
        try text(9, &w)
        let isAnomaly = try !rows.isNull(row, 9)
        w.member("is_anomaly", isAnomaly)
        w.member("anomaly_timestamp", try rows.timestampIfPresent(row, 10), style)
        let level = try rows.string(row, 11)
        w.member("warning_level", level)
        w.member("warning_timestamp", try rows.timestampIfPresent(row, 12), style)
        w.member("overall_status", OverallStatus(level: level, isAnomaly: isAnomaly).rawValue)
        w.endObject()
    }
}
