import Bytes
import HTTP

/// `/api/v1/auth/*` of spec zinnia-devices: what a browser asks before it registers, and codes by mail. No answer tells whether an account exists.
final class SecurityRoutes {
    private let services: AccountServices

    init(_ services: AccountServices) { self.services = services }

    func add(to group: RouteGroup) {
        group.on(.get, "/api/v1/auth/recaptcha/config") { [self] in recaptchaConfig($0) }
        group.on(.get, "/api/v1/auth/registration/config") { [self] in registrationConfig($0) }
        group.onAsync(.post, "/api/v1/auth/verification/send") { [self] in try await send($0) }
        group.onAsync(.post, "/api/v1/auth/verification/verify") { [self] in try await verify($0) }
        group.onAsync(.post, "/api/v1/auth/password-reset/send") { [self] in try await sendReset($0) }
        group.onAsync(.post, "/api/v1/auth/password-reset/confirm") { [self] in try await confirmReset($0) }
    }

    private func recaptchaConfig(_ request: Request) -> Reply {
        request.success { w in
            w.object { w in
                w.member("enabled", services.options.recaptcha != nil)
                w.member("site_key", services.options.recaptcha?.siteKey)
            }
        }
    }

    private func registrationConfig(_ request: Request) -> Reply {
        request.success { w in
            w.object { w in
                w.member("require_email_verification", services.options.requiresEmailVerification)
                w.member("require_recaptcha", services.options.recaptcha != nil)
                w.member("recaptcha_site_key", services.options.recaptcha?.siteKey)
            }
        }
    }

    // MARK: Codes

    private func send(_ request: Request) async throws -> Reply {
        let body = try BodyFields(request)
        return try await send(try body.email(), for: try body.purpose(), body, request)
    }

    private func sendReset(_ request: Request) async throws -> Reply {
        let body = try BodyFields(request)
        return try await send(try body.email(), for: .passwordReset, body, request)
    }

    private func send(_ email: String, for purpose: VerificationCodes.Purpose, _ body: BodyFields, _ request: Request) async throws -> Reply {
        try services.countSend(request)
        try await services.checkHuman(body, request)
        let wait = try await services.codes.send(to: email, for: purpose, locale: Self.locale(request))
        await services.waitEven(request)
        if let wait { throw APIError.tooMany("验证码发送过于频繁，请稍后再试", retryAfterSeconds: wait) }
        return request.success { w in
            w.object { w in
                w.member("message", "如果该邮箱可以接收验证码，验证码已发送")
                w.member("expires_in_minutes", VerificationCodes.lifetimeMinutes)
            }
        }
    }

    /// English for browsers that name it first.
    private static func locale(_ request: Request) -> String {
        ASCII.equalsIgnoringCase(Array((request.header("accept-language") ?? "").utf8.prefix(2)), "en") ? "en" : "zh"
    }

    private func verify(_ request: Request) async throws -> Reply {
        let body = try BodyFields(request)
        let (email, code, purpose) = (try body.email(), try body.requiredCode(), try body.purpose())
        guard try await services.codes.check(code, of: email, for: purpose) else { throw VerificationCodes.refusal }
        return request.success(message: "验证码验证成功")
    }

    private func confirmReset(_ request: Request) async throws -> Reply {
        let body = try BodyFields(request)
        let (email, code, password) = (try body.email(), try body.requiredCode(), try body.newPassword("new_password"))
        // Before the hash: a wrong code must not cost one.
        guard try await services.codes.check(code, of: email, for: .passwordReset) else { throw VerificationCodes.refusal }
        try await services.users.resetPassword(email, code: code, hash: try await services.hash(password))
        return request.success(message: "密码已重置，请重新登录")
    }
}
