import Bytes
import HTTP

/// `/api/v1/users/*` of spec zinnia-devices, for people themselves: register, log in and out, their own account.
final class UserRoutes {
    private let services: AccountServices

    init(_ services: AccountServices) { self.services = services }

    func add(open: RouteGroup, own: AccountRoutes) {
        open.onAsync(.post, "/api/v1/users/register") { [self] in try await register($0) }
        open.onAsync(.post, "/api/v1/users/login") { [self] in try await logIn($0) }
        open.onAsync(.post, "/api/v1/users/refresh") { [self] in try await refresh($0) }
        own.on(.post, "/api/v1/users/logout") { [self] in try await logOut($0, $1) }
        own.on(.post, "/api/v1/users/logout-all") { [self] in try await logOutAll($0, $1) }
        own.on(.get, "/api/v1/users/me") { [self] in try await me($0, $1) }
        own.on(.put, "/api/v1/users/me") { [self] in try await change($0, $1) }
        own.on(.put, "/api/v1/users/me/password") { [self] in try await changePassword($0, $1) }
    }

    // MARK: Without a token

    private func register(_ request: Request) async throws -> Reply {
        let body = try BodyFields(request)
        let email = try body.email()
        let username = try body.required("username", try body.username())
        let password = try body.newPassword("password")
        let needsCode = services.options.requiresEmailVerification
        let code = try body.code("verification_code")
        if needsCode, code == nil { throw APIError.missing("verification_code") }
        try services.countRegistration(request)
        try await services.checkHuman(body, request)
        // Before the hash: a wrong code must not cost one.
        if let code, !(try await services.codes.check(code, of: email, for: .registration)) { throw VerificationCodes.refusal }
        let hash = try await services.hash(password)
        return request.success(try await services.users.register(username: username, email: email, passwordHash: hash, code: code), status: 201)
    }

    private static let maxLogin = 254

    private func logIn(_ request: Request) async throws -> Reply {
        let body = try BodyFields(request)
        let login = try body.required("login", in: 1...Self.maxLogin)
        let password = try body.required("password", in: 1...PasswordHasher.maxPasswordBytes)
        guard password.utf8.count <= PasswordHasher.maxPasswordBytes else {
            throw APIError.said(invalid: "password", "最多 \(PasswordHasher.maxPasswordBytes) 字节")
        }
        let device = try body.text("device_info", in: 0...256) ?? ""
        let known = try await services.users.credentials(login: login)
        guard try await services.verify(password, hash: known?.hash, user: login, request), let known,
            let session = try await services.sessions.open(
                account: known.number, passwordHash: known.hash, deviceInfo: device, address: request.peer.host, now: request.receivedAt)
        else { throw AccountGuard.unauthorized("用户名或密码错误", isWrong: false) }
        return Self.reply(session, request)
    }

    private func refresh(_ request: Request) async throws -> Reply {
        let token = try BodyFields(request).required("refresh_token", in: 1...Sessions.maxTokenLength)
        guard let session = try await services.sessions.refresh(token, now: request.receivedAt) else {
            throw AccountGuard.unauthorized("刷新令牌无效或已过期", isWrong: false)
        }
        return Self.reply(session, request)
    }

    private static func reply(_ session: OpenSession, _ request: Request) -> Reply {
        request.success { w in
            w.object { w in
                w.key("user")
                session.user.write(to: &w)
                w.member("access_token", session.accessToken)
                w.member("refresh_token", session.refreshToken)
                w.member("token_type", "Bearer")
                w.member("expires_in", Int(WebToken.lifetimeSeconds))
            }
        }.unstored
    }

    // MARK: With one

    private func logOut(_ request: Request, _ who: Principal) async throws -> Reply {
        let token = try BodyFields(request).required("refresh_token", in: 1...Sessions.maxTokenLength)
        try await services.sessions.revoke(refreshToken: token, account: who.number)
        return request.success { w in w.null() }
    }

    private func logOutAll(_ request: Request, _ who: Principal) async throws -> Reply {
        let count = try await services.sessions.revokeAll(account: who.number)
        return request.success { w in
            w.object { w in
                w.member("message", "已登出所有设备")
                w.member("sessions_revoked", count)
            }
        }
    }

    private func me(_ request: Request, _ who: Principal) async throws -> Reply {
        guard let user = try await services.users.find(who.number) else { throw Self.gone }
        return request.success(user)
    }

    private func change(_ request: Request, _ who: Principal) async throws -> Reply {
        let body = try BodyFields(request)
        let username = try body.username()
        let metadata = try body.object("metadata")
        guard let user = try await services.users.change(who.number, username: username, metadata: metadata) else { throw Self.gone }
        return request.success(user)
    }

    private func changePassword(_ request: Request, _ who: Principal) async throws -> Reply {
        let body = try BodyFields(request)
        let current = try body.required("current_password", in: 1...RegistrationRules.passwordLengths.upperBound)
        let password = try body.newPassword("new_password")
        guard let old = try await services.users.passwordHash(who.number) else { throw Self.gone }
        // Not 401: the token is good, and a client would refresh it and ask again.
        guard try await services.verify(current, hash: old, user: who.username, request) else {
            throw APIError.said(invalid: "current_password", "当前密码错误")
        }
        let new = try await services.hash(password)
        guard try await services.users.changePassword(who.number, from: old, to: new, keeping: who.session) else {
            throw APIError.said(409, "密码已被更改，请重新登录")
        }
        return request.success { w in w.null() }
    }

    /// Deleted between the check of the token and this.
    private static var gone: APIError { AccountGuard.unauthorized("令牌已失效", isWrong: true) }
}
