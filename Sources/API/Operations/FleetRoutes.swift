import Bytes
import HTTP
import Postgres
import Protocol

/// The operators' routes for the fleet as a whole: brokers, audit trail.
final class FleetRoutes {
    private let jobs: JobQueries
    private let trail: AuditTrail
    private let bus: BusPort

    init(_ pool: PostgresPool, _ bus: BusPort) {
        jobs = JobQueries(pool)
        trail = AuditTrail(pool)
        self.bus = bus
    }

    func add(to routes: GuardedRoutes) {
        routes.on(.get, "/api/v1/ops/brokers") { [self] _ in try await brokers() }
        routes.on(.get, "/api/v1/ops/audit") { [self] request in
            let limit = try request.int("limit", in: 1...AuditTrail.maxLimit) ?? 50
            let before = try request.int("before", in: 0...Int.max).map(Int64.init)
            return .json(["audit": try await trail.list(before: before, limit: limit)])
        }
    }

    /// `{"brokers":[…],"inspection":{…},"error":null}`: all brokers that the database knows, and what the one in reach says of itself; with none in
    /// reach `inspection` is null and `error` says why.
    private func brokers() async throws -> Reply {
        let known = try await jobs.brokers()
        var inspection: [UInt8]?
        var failure: String?
        do throws(Refusal) { inspection = try await bus.inspect(timeoutMs: 3_000) } catch { failure = error.message }
        return .json(capacity: 512 + (inspection?.count ?? 0)) { w in
            w.object { w in
                w.member("brokers", known)
                w.key("inspection")
                if let inspection { w.raw(inspection) } else { w.null() }
                w.member("error", failure)
            }
        }
    }
}
