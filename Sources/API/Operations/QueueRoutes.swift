import Bytes
import HTTP
import Postgres

/// The operators' routes for whole queues and kinds: pause, limits.
final class QueueRoutes {
    private let control: QueueControl
    private let jobs: JobQueries

    init(_ pool: PostgresPool) {
        control = QueueControl(pool)
        jobs = JobQueries(pool)
    }

    func add(to routes: GuardedRoutes) {
        routes.on(.get, "/api/v1/ops/queues") { [self] _ in
            let queues = try await jobs.statistics().queues
            return .json(["queues": queues])
        }
        routes.on(.post, "/api/v1/ops/queues/:queue/pause") { [self] request in
            .json(try await control.pause(try request.name("queue"), by: request.operatorName))
        }
        routes.on(.post, "/api/v1/ops/queues/:queue/resume") { [self] request in
            .json(try await control.resume(try request.name("queue"), by: request.operatorName))
        }
        routes.on(.get, "/api/v1/ops/limits") { [self] _ in .json(["limits": try await control.limits()]) }
        routes.on(.put, "/api/v1/ops/limits/:kind") { [self] in try await limit($0) }
        routes.on(.delete, "/api/v1/ops/limits/:kind") { [self] request in
            let kind = try request.name("kind")
            try await control.unlimit(kind, by: request.operatorName)
            return .json(["kind": .string(kind), "removed": true])
        }
    }

    /// Takes `{"max_running","per_second","burst"}`: what is left out is not limited.
    private func limit(_ request: Request) async throws -> Reply {
        let body = try BodyFields(request, knows: ["max_running", "per_second", "burst"])
        let limit = QueueControl.Limit(
            maxRunning: try body.int("max_running", in: 0...1_000_000), perSecond: try body.number("per_second"),
            burst: try body.int("burst", in: 1...1_000_000))
        return .json(try await control.limit(try request.name("kind"), limit, by: request.operatorName))
    }
}
