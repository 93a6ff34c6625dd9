import Bytes
import HTTP
import Postgres

/// `POST /api/v1/ops/login`: a name and a password for an admin's token.
final class LoginRoute {
    /// How long a token from a log-in is good, in seconds.
    static let lifetimeSeconds: Int64 = 12 * 3600

    private let store: AccountStore

    init(_ store: AccountStore) { self.store = store }

    func add(to group: RouteGroup) {
        group.onAsync(.post, "/api/v1/ops/login") { [self] in try await login($0) }
    }

    private func login(_ request: Request) async throws -> Reply {
        let body = try request.json()
        guard let username = body["username"]?.string else { throw APIError.missing("username") }
        guard let password = body["password"]?.string else { throw APIError.missing("password") }
        guard AccountStore.isUsername(username) else { throw APIError.invalid("username", AccountError.badUsername.description) }
        guard password.utf8.count <= PasswordHasher.maxPasswordBytes else { throw APIError.invalid("password", AccountError.badPassword.description) }

        let known = try await store.credentials(username)
        switch await store.hasher.verify(password, hash: known?.hash, LoginAttempts.Key(user: username, address: request.peer.host)) {
        case .right: break
        case .wrong: throw TokenGuard.unauthorized("wrong user name or password", isWrong: false)
        case .locked(let seconds): throw Self.tooMany("too many failed attempts", seconds)
        case .busy: throw Self.tooMany("too many log-ins at once", 2)
        }
        guard let known, known.role == .admin else { throw TokenGuard.forbidden(.admin) }
        let token = try await store.createToken(.admin, label: "login", account: known.number, lifetimeSeconds: Self.lifetimeSeconds)
        return Reply.json { w in
            w.object { w in
                w.member("token", token.text)
                w.member("expires_at", token.expiresAt, .utc)
            }
        }.unstored
    }

    private static func tooMany(_ message: String, _ seconds: Int) -> APIError {
        APIError(429, .tooManyRequests, message).retrying(afterSeconds: seconds)
    }
}
