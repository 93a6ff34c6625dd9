import Bytes
import HTTP
import Postgres
import Protocol

/// The operators' routes for periodic jobs.
final class ScheduleRoutes {
    private let schedules: ScheduleQueries

    init(_ pool: PostgresPool) { schedules = ScheduleQueries(pool) }

    func add(to routes: GuardedRoutes) {
        routes.on(.get, "/api/v1/ops/schedules") { [self] _ in .json(["schedules": try await schedules.list()]) }
        routes.on(.post, "/api/v1/ops/schedules") { [self] in try await add($0) }
        routes.on(.get, "/api/v1/ops/schedules/:name") { [self] request in
            let name = try request.name("name")
            guard let schedule = try await schedules.show(name) else { throw APIError.notFound("there is no schedule \(name)") }
            return .json(schedule)
        }
        routes.on(.put, "/api/v1/ops/schedules/:name") { [self] in try await replace($0) }
        routes.on(.delete, "/api/v1/ops/schedules/:name") { [self] request in
            .json(try await schedules.remove(try request.name("name"), by: request.operatorName))
        }
        routes.on(.post, "/api/v1/ops/schedules/:name/pause") { [self] request in
            .json(try await schedules.pause(try request.name("name"), true, by: request.operatorName))
        }
        routes.on(.post, "/api/v1/ops/schedules/:name/resume") { [self] request in
            .json(try await schedules.pause(try request.name("name"), false, by: request.operatorName))
        }
        routes.on(.post, "/api/v1/ops/schedules/:name/run") { [self] request in
            .json(try await schedules.run(try request.name("name"), by: request.operatorName), status: 201)
        }
    }

    private static let names = ["cron", "zone", "job", "catch_up", "window_s"]

    /// Takes `{"name","cron","zone","job":{"kind",…},"catch_up","window_s"}`; 409 when the name is taken.
    private func add(_ request: Request) async throws -> Reply {
        let body = try BodyFields(request, knows: ["name"] + Self.names)
        return .json(try await schedules.add(try Self.order(try body.required("name"), body), by: request.operatorName), status: 201)
    }

    private func replace(_ request: Request) async throws -> Reply {
        let body = try BodyFields(request, knows: Self.names)
        return .json(try await schedules.add(try Self.order(try request.name("name"), body), replacing: true, by: request.operatorName))
    }

    private static func order(_ name: String, _ body: BodyFields) throws -> ScheduleOrder {
        guard let job = body["job"] else { throw APIError.missing("job") }
        let window = try body.int("window_s", in: 1...Int(CatchUp.maxSeconds)).map(Int64.init)
        return ScheduleOrder(
            name: name, cron: try body.required("cron"), zone: try body.text("zone") ?? "UTC", job: try JobOrder(job),
            catchUp: try ScheduleOrder.catchUp(try body.text("catch_up") ?? "last", windowSeconds: window))
    }
}
