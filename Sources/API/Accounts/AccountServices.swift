import Bytes
import HTTP
import Postgres
import Reactor
import Secrets

/// What the account routes of one loop share.
final class AccountServices {
    let options: AccountOptions
    let hasher: PasswordHasher
    let users: Users
    let sessions: Sessions
    let codes: VerificationCodes
    private let recaptcha: (any ReCaptchaCheck)?
    private let port: LoopPort
    private var sends: RateLimit
    private var registrations: RateLimit

    private static let hourNs: Int64 = 3_600_000_000_000

    init(
        _ options: AccountOptions, _ pool: PostgresPool, _ accounts: AccountGuard, _ seal: Seal, _ hasher: PasswordHasher,
        _ recaptcha: (any ReCaptchaCheck)?, on loop: isolated EventLoop
    ) {
        self.options = options
        self.hasher = hasher
        self.recaptcha = recaptcha
        users = Users(pool)
        sessions = Sessions(pool, accounts.keys)
        codes = VerificationCodes(pool, seal)
        port = LoopPort(on: loop)
        sends = RateLimit(options.sendsPerHour, perNs: Self.hourNs)
        registrations = RateLimit(options.registrationsPerHour, perNs: Self.hourNs)
    }

    // MARK: Limits

    /// Counts a code asked for by this address; throws 429.
    func countSend(_ request: Request) throws(APIError) {
        if let seconds = sends.take(request.peer.host, nowNs: Clock.monotonicNs) { throw .tooMany(retryAfterSeconds: seconds) }
    }

    func countRegistration(_ request: Request) throws(APIError) {
        if let seconds = registrations.take(request.peer.host, nowNs: Clock.monotonicNs) { throw .tooMany(retryAfterSeconds: seconds) }
    }

    /// Throws 400 for a robot, 503 when the provider cannot be asked. Nothing where nobody is to be asked.
    func checkHuman(_ body: BodyFields, _ request: Request) async throws {
        let token = try body.text("recaptcha_token", in: 0...ReCaptcha.maxTokenLength)
        guard let recaptcha else { return }
        guard let token, !token.isEmpty else { throw APIError.missing("recaptcha_token") }
        guard try await recaptcha.passes(token, address: request.peer.host) else { throw APIError.said(400, "人机验证未通过") }
    }

    // MARK: Passwords

    /// A new hash; throws 429 when too many wait.
    func hash(_ password: String) async throws(APIError) -> String {
        guard let hash = await hasher.hash(password) else { throw Self.busy }
        return hash
    }

    /// Whether the password is right; throws 429. For an unknown user (`hash` is nil) it takes as long and is counted as well.
    func verify(_ password: String, hash: String?, user: String, _ request: Request) async throws(APIError) -> Bool {
        switch await hasher.verify(password, hash: hash, LoginAttempts.Key(user: user, address: request.peer.host)) {
        case .right: return true
        case .wrong: return false
        case .locked(let seconds): throw .tooMany("尝试次数过多，请稍后再试", retryAfterSeconds: seconds)
        case .busy: throw Self.busy
        }
    }

    private static var busy: APIError { .tooMany("当前请求过多，请稍后再试", retryAfterSeconds: 2) }

    // MARK: Answers that do not tell

    /// From a request to an answer that must not show by its time what was done, ns: longer than any of it takes on an idle machine.
    static let evenNs: Int64 = 50_000_000

    /// Waits until that time is over.
    func waitEven(_ request: Request) async {
        let leftNs = request.startNs + Self.evenNs - Clock.monotonicNs
        guard leftNs > 0 else { return }
        await withUnsafeContinuation { waiter in port.after(leftNs) { waiter.resume() } }
    }
}

extension Request {
    func success(_ user: User, status: Int = 200) -> Reply { success(status: status) { w in user.write(to: &w) } }
    func success(message: String) -> Reply { success { w in w.object { w in w.member("message", message) } } }
}
