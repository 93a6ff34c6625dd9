import HTTP
import Postgres
import Reactor

/// Checks tokens on one loop.
final class TokenGuard {
    private let pool: PostgresPool
    private var cache = TokenCache()

    init(_ pool: PostgresPool) { self.pool = pool }

    private static let lookUp = Statement(
        """
        SELECT t.scope, t.account, coalesce(a.username, 'token' || coalesce(':' || nullif(t.label, ''), ''))
        FROM heliograph.token AS t LEFT JOIN heliograph.account AS a ON a.number = t.account
        WHERE t.hash = sha256(convert_to($1, 'UTF8')) AND (t.expires_at IS NULL OR t.expires_at > now()) AND a.is_active IS NOT FALSE
        """)

    /// Lets the request pass when its token has the scope; else throws 401 or 403, or 503 when the database cannot be asked.
    func require(_ scope: Scope, _ request: Request) async throws {
        let holder = try await holder(of: BearerToken.of(request))
        guard holder.scope.covers(scope) else { throw Self.forbidden(scope) }
        request.principal = holder
    }

    /// Who holds a token.
    func holder(of token: String?) async throws -> TokenHolder {
        guard let token else { throw Self.unauthorized("a token is needed: Authorization: Bearer …", isWrong: false) }
        let known: TokenHolder?
        if let cached = cache.find(token, nowNs: Clock.monotonicNs) {
            known = cached
        } else {
            known = try await ask(token)
            cache.put(token, known, nowNs: Clock.monotonicNs)
        }
        guard let known else { throw Self.unauthorized("the token is unknown or has expired", isWrong: true) }
        return known
    }

    private func ask(_ token: String) async throws -> TokenHolder? {
        do {
            let rows = try await pool.query(Self.lookUp, Parameters(token), retryOnLoss: true)
            guard rows.count > 0, let scope = Scope(rawValue: try rows.string(0, 0)) else { return nil }
            return TokenHolder(scope: scope, account: try rows.int64IfPresent(0, 1), name: try rows.string(0, 2))
        } catch let error where error.isRetryable {
            throw APIError.unavailable("the token cannot be checked now", retryAfterSeconds: 1)
        }
    }

    /// - Parameter isWrong: whether a token came.
    static func unauthorized(_ message: String, isWrong: Bool) -> APIError {
        APIError(401, .unauthorized, message).challenging(isWrong ? "invalid_token" : nil)
    }

    static func forbidden(_ scope: Scope) -> APIError {
        APIError(403, .forbidden, "the token's scope does not reach: \(scope.rawValue) is needed")
            .challenging("insufficient_scope", scope: scope.rawValue)
    }
}

/// Routes that a token opens; without `scope` anybody may come in.
struct GuardedRoutes {
    let group: RouteGroup
    let tokens: TokenGuard
    let scope: Scope?

    func on(_ method: HTTPMethod, _ pattern: String, _ handler: @escaping (Request) async throws -> Reply) {
        guard let scope else { return group.onAsync(method, pattern, handler) }
        group.onAsync(method, pattern) { [tokens] request in
            try await tokens.require(scope, request)
            return try await handler(request)
        }
    }
}
