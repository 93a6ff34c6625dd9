import Bytes
import HTTP
import Postgres

/// The routes of `spec/ev-charging-risk.md` on one loop. Reads go straight to PostgreSQL.
final class ChargingRoutes {
    let pool: PostgresPool
    let dialect: ChargingDialect
    let offset: UTCOffset
    let overview: ServiceOverview

    /// Rows read at once. One page is answered from memory, more are streamed.
    static let readingsPage = 5_000
    static let sitesPage = 2_000
    static let metersPage = 20

    init(_ pool: PostgresPool, offset: UTCOffset) {
        self.pool = pool
        self.offset = offset
        dialect = ChargingDialect(offset: offset)
        overview = ServiceOverview(offset: offset)
    }

    /// `open` answers anybody, `data` is guarded in production.
    func add(open: RouteGroup, data: GuardedRoutes) {
        open.on(.get, "/") { [self] in overview.reply($0.receivedAt) }
        open.on(.get, "/api/health") { [self] in health($0) }
        data.on(.get, "/api/prediction/data") { [self] in try await prediction($0) }
        data.on(.get, "/api/sites/locations") { [self] in try await sites($0) }
        data.on(.get, "/api/monitoring/current") { [self] in try await current($0) }
        data.on(.get, "/api/monitoring/anomalies") { [self] in try await anomalies($0) }
        data.on(.get, "/api/statistics/monthly") { [self] in try await monthly($0) }
        data.on(.get, "/api/statistics/time-periods") { [self] in try await timePeriods($0) }
    }

    /// Spec §1.2; what the pool knows, without asking the database.
    private func health(_ request: Request) -> Reply {
        let isUp = pool.isConnected
        return .json(status: isUp ? 200 : 503, capacity: 128) { w in
            w.object { w in
                w.member("status", isUp ? "healthy" : "unhealthy")
                w.member("timestamp", request.receivedAt, .localMicroseconds(offset))
                w.member("database", isUp ? "connected" : "disconnected")
                if !isUp { w.member("error", dialect.text(.databaseUnavailable)) }
            }
        }
    }
}
