import Bytes
import HTTP
import Postgres

/// Who asks, by an access token of the account system; in `Request.principal`.
struct Principal: Sendable {
    var number: Int64
    /// UUID.
    var id: String
    var username: String
    var email: String?
    var isAdmin: Bool
    /// UUID of the session.
    var session: String
}

/// Checks access tokens on one loop. The session is looked up for every request: what is logged out, deleted or switched off is out at once.
final class AccountGuard {
    let keys: SigningKeys
    private let pool: PostgresPool

    init(_ pool: PostgresPool) {
        self.pool = pool
        keys = SigningKeys(pool)
    }

    private static let lookUp = Statement(
        """
        SELECT a.number, a.id::text, a.username, a.email, a.role = 'admin'
        FROM heliograph.session AS s JOIN heliograph.account AS a ON a.number = s.account
        WHERE s.id = $1::uuid AND a.id = $2::uuid AND s.revoked_at IS NULL AND s.expires_at > now() AND a.is_active
        """)

    /// Who sent the request; throws 401.
    func principal(_ request: Request) async throws -> Principal {
        guard let text = BearerToken.of(request) else { throw Self.unauthorized("缺少令牌", isWrong: false) }
        return try await principal(of: text, at: request.receivedAt)
    }

    /// Who holds an access token; throws 401.
    func principal(of text: String, at time: Timestamp) async throws -> Principal {
        let token: WebToken
        switch try await keys.verify(text, nowSeconds: time.seconds) {
        case .success(let good): token = good
        case .failure(.expired): throw Self.unauthorized("令牌已过期", isWrong: true)
        case .failure: throw Self.unauthorized("令牌无效", isWrong: true)
        }
        let rows = try await pool.query(Self.lookUp, Parameters(token.session, token.account), retryOnLoss: true)
        guard !rows.isEmpty else { throw Self.unauthorized("令牌已失效", isWrong: true) }
        return Principal(
            number: try rows.int64(0, 0), id: try rows.string(0, 1), username: try rows.string(0, 2), email: try rows.stringIfPresent(0, 3),
            isAdmin: try rows.bool(0, 4), session: token.session)
    }

    /// - Parameter isWrong: whether a token came.
    static func unauthorized(_ reason: String, isWrong: Bool) -> APIError {
        .said(401, "认证失败：\(reason)").challenging(isWrong ? "invalid_token" : nil)
    }
}

/// Routes for people who are logged in.
struct AccountRoutes {
    let group: RouteGroup
    let accounts: AccountGuard
    /// Only for admins.
    var needsAdmin = false

    func on(_ method: HTTPMethod, _ pattern: String, _ handler: @escaping (Request, Principal) async throws -> Reply) {
        group.onAsync(method, pattern) { [accounts, needsAdmin] request in
            let principal = try await accounts.principal(request)
            request.principal = principal
            if needsAdmin, !principal.isAdmin { throw APIError(403, .forbidden, "only for admins") }
            return try await handler(request, principal)
        }
    }
}
