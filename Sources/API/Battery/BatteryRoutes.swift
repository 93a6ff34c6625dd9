import Bytes
import HTTP
import Postgres

/// What devices have reported, for those who may see them: `/api/v1/battery/{latest,history,aggregated,stats}/{device_id}`.
final class BatteryRoutes {
    private let pool: PostgresPool

    static let limits = 1...10_000
    static let usualLimit = 100
    /// Rows of an aggregate at most.
    static let maxBuckets = 50_000

    private static let intervals: [(name: String, seconds: Int64, statement: Statement)] = [
        ("minute", 60, BatterySQL.aggregated("minute")), ("hour", 3600, BatterySQL.aggregated("hour")), ("day", 86_400, BatterySQL.aggregated("day")),
    ]

    init(_ pool: PostgresPool) { self.pool = pool }

    func add(to routes: AccountRoutes) {
        let battery = "/api/v1/battery"
        routes.on(.get, battery + "/latest/:id") { [self] in try await latest($0, $1) }
        routes.on(.get, battery + "/history/:id") { [self] in try await history($0, $1) }
        routes.on(.get, battery + "/aggregated/:id") { [self] in try await aggregated($0, $1) }
        routes.on(.get, battery + "/stats/:id") { [self] in try await stats($0, $1) }
    }

    private func latest(_ request: Request, _ who: Principal) async throws -> Reply {
        let rows = try await pool.query(BatterySQL.latest, Parameters(try request.device(), who.number), retryOnLoss: true)
        try rows.permit(.read)
        if try rows.isNull(0, 2) { throw APIError.said(404, "暂无电量数据") }
        return try request.success { try BatterySQL.latestObject.write(rows, 0, to: &$0) }
    }

    /// The newest first.
    private func history(_ request: Request, _ who: Principal) async throws -> Reply {
        let device = try request.device()
        let (start, end) = try Self.window(request)
        let limit = try request.whole("limit", Self.limits, usual: Self.usualLimit)
        let offset = try request.whole("offset", 0...Int.max, usual: 0)
        let rows = try await pool.query(BatterySQL.history, Parameters(device, who.number, start, end, limit, offset), retryOnLoss: true)
        if rows.isEmpty { try await permit(device, who) }
        var text = BatteryText(device: device.lowercased())
        // In one piece, and of the size that it will have: 10,000 rows are 2.5 MB.
        return try request.success { w in
            w.bytes.reserveCapacity(w.bytes.count + rows.count * BatteryText.rowBytes + 160)
            try w.array { try text.append(rows, to: &$0) }
        }
    }

    private func aggregated(_ request: Request, _ who: Principal) async throws -> Reply {
        let device = try request.device()
        let (start, end) = try Self.window(request)
        let name = try request.choice("interval", of: Self.intervals.map(\.name)) ?? "hour"
        guard let interval = Self.intervals.first(where: { $0.name == name }) else { throw APIError.invalid("interval", "unknown interval") }
        guard (end.seconds - start.seconds) / interval.seconds < Self.maxBuckets else {
            throw APIError.said(invalid: "interval", "时间范围过大，最多 \(Self.maxBuckets) 个时间段")
        }
        let rows = try await pool.query(interval.statement, Parameters(device, who.number, start, end), retryOnLoss: true)
        if rows.isEmpty { try await permit(device, who) }
        return try request.success { w in
            try w.array { w in
                for row in 0..<rows.count {
                    w.beginObject()
                    w.member("bucket", try rows.timestamp(row, 0), .utc)
                    w.member("avg_level", BatteryText.rounded(try rows.double(row, 1)))
                    w.member("min_level", try rows.double(row, 2))
                    w.member("max_level", try rows.double(row, 3))
                    w.member("count", try rows.int(row, 4))
                    w.endObject()
                }
            }
        }
    }

    private func stats(_ request: Request, _ who: Principal) async throws -> Reply {
        let device = try request.device()
        let (start, end) = try Self.window(request)
        let rows = try await pool.query(BatterySQL.stats, Parameters(device, who.number, start, end), retryOnLoss: true)
        guard try rows.bool(0, 0) else { throw APIError.unknownDevice }
        return try request.success { w in
            try w.object { w in
                w.member("device_id", device.lowercased())
                w.member("period_start", start, .utc)
                w.member("period_end", end, .utc)
                w.member("avg_battery_level", BatteryText.rounded(try rows.doubleIfPresent(0, 2) ?? 0))
                w.member("min_battery_level", try rows.doubleIfPresent(0, 3) ?? 0)
                w.member("max_battery_level", try rows.doubleIfPresent(0, 4) ?? 0)
                w.member("total_records", try rows.int(0, 1))
                w.member("charging_duration_minutes", BatteryText.rounded((try rows.doubleIfPresent(0, 5) ?? 0) / 60))
                w.member("low_battery_count", try rows.int(0, 6))
            }
        }
    }

    /// 404 where the account may not see the device: nothing found says nothing of that.
    private func permit(_ device: String, _ who: Principal) async throws {
        try await pool.query(BatterySQL.permission, Parameters(device, who.number), retryOnLoss: true).permit(.read)
    }

    private static func window(_ request: Request) throws(APIError) -> (start: Timestamp, end: Timestamp) {
        let start = try request.time("start_time")
        let end = try request.time("end_time")
        guard start < end else { throw APIError.said(invalid: "end_time", "必须晚于 start_time") }
        return (start, end)
    }
}
