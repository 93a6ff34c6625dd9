import Bytes
import HTTP

/// `/api/v1/users` of spec zinnia-devices, for admins: all accounts.
final class UserAdminRoutes {
    private static let maxSearch = 100

    private let services: AccountServices

    init(_ services: AccountServices) { self.services = services }

    func add(to routes: AccountRoutes) {
        routes.on(.get, "/api/v1/users") { [self] request, _ in try await list(request) }
        routes.on(.get, "/api/v1/users/:user_id") { [self] request, _ in try await detail(request) }
        routes.on(.delete, "/api/v1/users/:user_id") { [self] in try await delete($0, $1) }
    }

    private func list(_ request: Request) async throws -> Reply {
        let page = try Page(request)
        let (users, total) = try await services.users.list(try Self.filter(request), page)
        return request.success { w in page.write(total: total, &w) { w in for user in users { user.write(to: &w) } } }
    }

    private static func filter(_ request: Request) throws(APIError) -> Users.Filter {
        Users.Filter(
            role: try request.choice("role", of: AccountStore.Role.allCases.map(\.rawValue)),
            isActive: try request.choice("is_active", of: ["true", "false"]).map { $0 == "true" }, search: try request.filter("search", 1...maxSearch))
    }

    private func detail(_ request: Request) async throws -> Reply {
        guard let user = try await services.users.find(id: request.param("user_id")) else { throw Self.unknown }
        return request.success(user)
    }

    private func delete(_ request: Request, _ who: Principal) async throws -> Reply {
        let id = request.param("user_id")
        // So that there is always an admin left.
        if id.lowercased() == who.id { throw APIError.said(400, "不能删除自己的账户") }
        guard try await services.users.delete(id: id) else { throw Self.unknown }
        return .empty(204)
    }

    private static var unknown: APIError { .said(404, "用户不存在") }
}
