import Bytes
import HTTP
import Postgres
import Protocol

/// The operators' routes for single jobs and sets of them, on one loop; all need an admin's token.
final class JobRoutes {
    private let jobs: JobQueries

    init(_ pool: PostgresPool) { jobs = JobQueries(pool) }

    func add(to routes: GuardedRoutes) {
        routes.on(.get, "/api/v1/ops/jobs") { [self] in try await list($0) }
        routes.on(.post, "/api/v1/ops/jobs") { [self] in try await enqueue($0) }
        routes.on(.get, "/api/v1/ops/jobs/:id") { [self] in try await show($0) }
        routes.on(.get, "/api/v1/ops/jobs/:id/why") { [self] in try await why($0) }
        routes.on(.post, "/api/v1/ops/jobs/:id/retry") { [self] in try await retry($0) }
        routes.on(.post, "/api/v1/ops/jobs/:id/cancel") { [self] in try await stop($0, .cancelled) }
        routes.on(.post, "/api/v1/ops/jobs/:id/discard") { [self] in try await stop($0, .discarded) }
        routes.on(.post, "/api/v1/ops/jobs/cancel") { [self] in try await stopMany($0, .cancelled) }
        routes.on(.post, "/api/v1/ops/jobs/discard") { [self] in try await stopMany($0, .discarded) }
        routes.on(.get, "/api/v1/ops/stats") { [self] _ in
            let statistics = try await jobs.statistics()
            return .json { statistics.write(to: &$0) }
        }
    }

    /// `{"jobs":[…],"next_before":id}`; `next_before` is null at the end.
    private func list(_ request: Request) async throws -> Reply {
        func text(_ name: String) throws(APIError) -> String? {
            guard let text = try request.text(name) else { return nil }
            if text.utf8.contains(0) { throw .invalid(name, "\(name) must not contain NUL") }
            return text
        }
        let filter = JobFilter(
            state: try Self.state(text("state")), kind: try text("kind"), queue: try text("queue"), tag: try text("tag"), error: try text("error"),
            replay: try request.int("replay", in: 1...Int.max).map(Int64.init), orderingKey: try text("ordering_key"),
            before: try request.int("before", in: 0...Int.max).map(Int64.init), limit: try request.int("limit", in: 1...JobFilter.maxLimit) ?? 50)
        let page = try await jobs.list(filter)
        let next = page.isFull ? try page.lastID() : nil
        return try .json(capacity: 64 + page.count * 400) { w in
            try w.object { w in
                w.key("jobs")
                try page.write(to: &w)
                w.member("next_before", next.map(Int.init))
            }
        }
    }

    private static func state(_ text: String?) throws(APIError) -> JobState? {
        guard let text else { return nil }
        guard let known = JobState(rawValue: text) else {
            throw FieldWording.english.refusal("state", .word(JobState.allCases.map(\.rawValue)))
        }
        return known
    }

    private func show(_ request: Request) async throws -> Reply {
        let id = try request.id(of: "job")
        guard let job = try await jobs.show(id) else { throw Self.unknown(id) }
        return try .json(capacity: 1024) { try job.write(to: &$0) }
    }

    private func why(_ request: Request) async throws -> Reply {
        let id = try request.id(of: "job")
        guard let why = try await jobs.why(id) else { throw Self.unknown(id) }
        return .json(why)
    }

    /// 201 `{"id","duplicate":false}`, or 200 with the id of the job that holds the unique key.
    private func enqueue(_ request: Request) async throws -> Reply {
        let answer = try await jobs.enqueue(try JobOrder(request.json()), by: request.operatorName)
        return .json(answer, status: answer["duplicate"] == true ? 200 : 201)
    }

    /// `{"id":…,"retried":id,"copied":false}`: `id` is the job that will run, `retried` the one that was named.
    private func retry(_ request: Request) async throws -> Reply {
        let asked = try request.id(of: "job")
        let (new, isCopy) = try await jobs.retry(asked, by: request.operatorName).made(of: asked)
        return .json(["id": .int(Int(new)), "retried": .int(Int(asked)), "copied": .bool(isCopy)])
    }

    /// `{"id","outcome"}`; 409 when it has finished already.
    private func stop(_ request: Request, _ ending: JobQueries.Ending) async throws -> Reply {
        let id = try request.id(of: "job")
        guard let outcome = try await jobs.stop([id], as: ending, by: request.operatorName)[0] else { throw Self.unknown(id) }
        switch outcome["outcome"]?.string {
        case "unknown": throw Self.unknown(id)
        case "finished": throw APIError(409, .conflict, "job \(id) has finished")
        default: return .json(outcome)
        }
    }

    /// Takes `{"ids":[…]}`, answered by `{"jobs":[{"id","outcome"}]}`; or `{"filter":{…},"preview":true}`, where a filter without conditions needs
    /// `"all":true`, answered by `{"matches","sample"}` and without `preview` by `{"stopped","asked"}`.
    private func stopMany(_ request: Request, _ ending: JobQueries.Ending) async throws -> Reply {
        let body = try BodyFields(request, knows: ["ids", "filter", "preview", "all"])
        if let ids = body["ids"] {
            guard body["filter"] == nil, let items = ids.array, !items.isEmpty, items.count <= JobQueries.maxIDs,
                items.allSatisfy({ ($0.int ?? 0) > 0 })
            else { throw APIError.invalid("ids", "ids must be 1 to \(JobQueries.maxIDs) whole numbers above 0, without a filter") }
            let outcomes = try await jobs.stop(items.compactMap { $0.int.map(Int64.init) }, as: ending, by: request.operatorName)
            return .json(["jobs": outcomes])
        }
        let filter = try Self.filter(body["filter"])
        if !filter.hasCondition, try body.bool("all") != true {
            throw APIError.invalid("filter", "the filter has no condition; say \"all\": true to mean every job")
        }
        if try body.bool("preview") == true { return .json(try await jobs.previewStop(filter)) }
        return .json(try await jobs.stop(filter, as: ending, by: request.operatorName))
    }

    private static func filter(_ json: JSONValue?) throws(APIError) -> JobFilter {
        var filter = JobFilter()
        guard let members = (json ?? [:]).object else { throw .invalid("filter", "filter must be an object") }
        for (name, value) in members {
            if name == "replay" {
                guard let id = value.int, id > 0 else { throw .invalid("filter", "filter: replay must be a whole number above 0") }
                filter.replay = Int64(id)
                continue
            }
            guard let text = value.string, !text.isEmpty, !text.utf8.contains(0) else {
                throw .invalid("filter", "filter: \(name.prefix(64)) must be a text without NUL")
            }
            switch name {
            case "state": filter.state = try state(text)
            case "kind": filter.kind = text
            case "queue": filter.queue = text
            case "tag": filter.tag = text
            case "error": filter.error = text
            case "ordering_key": filter.orderingKey = text
            default: throw .invalid("filter", "filter: unknown member \(name.prefix(64))")
            }
        }
        return filter
    }

    private static func unknown(_ id: Int64) -> APIError { .notFound("there is no job \(id)") }
}
