import Bytes
import HTTP
import Postgres

/// The operators' routes for replays.
final class ReplayRoutes {
    private let replays: ReplayQueries

    init(_ pool: PostgresPool) { replays = ReplayQueries(pool) }

    func add(to routes: GuardedRoutes) {
        routes.on(.post, "/api/v1/ops/replays/preview") { [self] in try await preview($0) }
        routes.on(.post, "/api/v1/ops/replays") { [self] in try await start($0) }
        routes.on(.get, "/api/v1/ops/replays") { [self] request in
            .json(["replays": try await replays.list(limit: try request.int("limit", in: 1...500) ?? 50)])
        }
        routes.on(.get, "/api/v1/ops/replays/:id") { [self] request in
            let id = try request.id(of: "replay")
            guard let replay = try await replays.show(id) else { throw APIError.notFound("there is no replay \(id)") }
            return .json(replay)
        }
        for turn in ReplayQueries.Turn.allCases {
            routes.on(.post, "/api/v1/ops/replays/:id/\(turn.rawValue)") { [self] request in
                .json(try await replays.turn(try request.id(of: "replay"), turn, by: request.operatorName))
            }
        }
    }

    /// Takes `{"filter":{…},"examples":10}`.
    private func preview(_ request: Request) async throws -> Reply {
        let body = try BodyFields(request, knows: ["filter", "examples"])
        guard let filter = body["filter"] else { throw APIError.missing("filter") }
        return .json(try await replays.preview(filter, examples: try body.int("examples", in: 0...100) ?? 10))
    }

    /// Takes `{"filter":{…},"per_second":200,"dry_run":false,"queue","priority"}`.
    private func start(_ request: Request) async throws -> Reply {
        let body = try BodyFields(request, knows: ["filter", "per_second", "dry_run", "queue", "priority"])
        guard let filter = body["filter"] else { throw APIError.missing("filter") }
        var order = ReplayOrder(filter: filter, isDryRun: try body.bool("dry_run") ?? false, queue: try body.text("queue"))
        if let rate = try body.number("per_second") { order.perSecond = rate }
        order.priority = try body.int("priority", in: 1...9)
        return .json(try await replays.start(order, by: request.operatorName), status: 201)
    }
}
