import Bytes
import HTTP
import Postgres
import Protocol

/// The operators' routes on one loop; all need an admin's token.
final class OperationsRoutes {
    private let jobs: JobQueries
    private let bus: BusPort

    init(_ pool: PostgresPool, _ bus: BusPort) {
        jobs = JobQueries(pool)
        self.bus = bus
    }

    func add(to routes: GuardedRoutes) {
        routes.on(.get, "/api/v1/ops/jobs") { [self] in try await list($0) }
        routes.on(.get, "/api/v1/ops/jobs/:id") { [self] in try await show($0) }
        routes.on(.post, "/api/v1/ops/jobs/:id/retry") { [self] in try await retry($0) }
        routes.on(.get, "/api/v1/ops/stats") { [self] _ in
            let statistics = try await jobs.statistics()
            return .json { statistics.write(to: &$0) }
        }
        routes.on(.get, "/api/v1/ops/brokers") { [self] _ in try await brokers() }
    }

    /// `{"jobs":[…],"next_before":id}`; `next_before` is null at the end.
    private func list(_ request: Request) async throws -> Reply {
        var filter = JobFilter()
        if let state = try request.text("state") {
            guard let known = JobState(rawValue: state) else {
                throw APIError.invalid("state", "state must be one of \(JobState.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            filter.state = known
        }
        filter.kind = try name("kind", request)
        filter.queue = try name("queue", request)
        filter.limit = try request.int("limit", in: 1...JobFilter.maxLimit) ?? filter.limit
        filter.before = try request.int("before", in: 0...Int.max).map(Int64.init)
        let page = try await jobs.list(filter)
        let next = page.isFull ? try page.lastID() : nil
        return try .json(capacity: 64 + page.count * 320) { w in
            try w.object { w in
                w.key("jobs")
                try page.write(to: &w)
                w.member("next_before", next.map(Int.init))
            }
        }
    }

    private func name(_ name: String, _ request: Request) throws(APIError) -> String? {
        guard let text = try request.text(name) else { return nil }
        if text.utf8.contains(0) { throw .invalid(name, "\(name) must not contain NUL") }
        return text
    }

    private func show(_ request: Request) async throws -> Reply {
        let id = try id(request)
        guard let job = try await jobs.show(id) else { throw Self.unknown(id) }
        return try .json(capacity: 1024) { try job.write(to: &$0) }
    }

    /// `{"id":…,"retried":id,"copied":false}`: `id` is the job that will run, `retried` the one that was named.
    private func retry(_ request: Request) async throws -> Reply {
        let asked = try id(request)
        let new: Int64
        let isCopy: Bool
        switch try await jobs.retry(asked) {
        case .woken(let id): (new, isCopy) = (id, false)
        case .copied(let id): (new, isCopy) = (id, true)
        case .notNeeded(let state): throw APIError(409, .conflict, "job \(asked) is \(state) already")
        case .unknown: throw Self.unknown(asked)
        }
        return .json { w in
            w.object { w in
                w.key("id")
                w.value(new)
                w.key("retried")
                w.value(asked)
                w.member("copied", isCopy)
            }
        }
    }

    /// `{"brokers":[…]}` with what each broker in reach says of itself.
    private func brokers() async throws -> Reply {
        do throws(Refusal) {
            let inspection = try await bus.inspect(timeoutMs: 3_000)
            return .json(capacity: inspection.count + 16) { w in
                w.object { w in
                    w.key("brokers")
                    w.array { $0.raw(inspection) }
                }
            }
        } catch {
            throw APIError.unavailable("no broker answers: \(error.message)", retryAfterSeconds: 1)
        }
    }

    private func id(_ request: Request) throws(APIError) -> Int64 {
        guard let id = Int64(request.param("id")), id > 0 else { throw .invalid("id", "a job's id is a whole number above 0") }
        return id
    }

    private static func unknown(_ id: Int64) -> APIError { .notFound("there is no job \(id)") }
}
