import API
import Bytes
import Postgres
import Reactor
import Secrets
import TestSupport

/// What the tests know of the running server's accounts.
enum People {
    static let password = "SecurePass123!"
    static let key = [UInt8](repeating: 7, count: Seal.keyBytes)

    /// Codes for everybody who asks, from one address.
    static let setUp = SetUp {
        $0.sealKey = key
        $0.accounts.sendsPerHour = 1_000
        $0.accounts.registrationsPerHour = 1_000
    }
    static let verified = SetUp {
        setUp.apply(&$0)
        $0.accounts.requiresEmailVerification = true
    }

    static func body(_ members: [(String, JSONValue)]) -> String {
        String(decoding: JSONValue.object(members.map { (key: $0.0, value: $0.1) }).bytes, as: UTF8.self)
    }

    static func registration(_ name: String, _ more: [(String, JSONValue)] = []) -> String {
        body(
            [("email", .string("\(name)@example.com")), ("username", .string(name)), ("password", .string(password)), ("confirm_password", .string(password))]
                + more)
    }
}

/// A client that is logged in.
struct Client {
    var id: String
    var access: String
    var refresh: String
}

extension TestAPI {
    /// Registers `name` with the usual password and logs in.
    func client(_ name: String, isAdmin: Bool = false, on loop: isolated EventLoop) async throws -> Client {
        let made = try await post("/api/v1/users/register", People.registration(name), on: loop)
        guard made.status == 201 else { throw Overdue(what: "an account: \(made.text)") }
        if isAdmin { try await sql("UPDATE heliograph.account SET role = 'admin' WHERE username = '\(name)'", on: loop) }
        return try await logIn(name, on: loop)
    }

    func logIn(_ login: String, password: String = People.password, on loop: isolated EventLoop) async throws -> Client {
        let answer = try await post("/api/v1/users/login", People.body([("login", .string(login)), ("password", .string(password))]), on: loop)
        guard answer.status == 200 else { throw Overdue(what: "a log-in: \(answer.text)") }
        return try Self.client(answer)
    }

    static func client(_ answer: Answer) throws -> Client {
        let data = try answer.json()["data"]
        guard let id = data?["user"]?["id"]?.string, let access = data?["access_token"]?.string, let refresh = data?["refresh_token"]?.string else {
            throw Overdue(what: "a log-in: \(answer.text)")
        }
        return Client(id: id, access: access, refresh: refresh)
    }

    func refresh(_ token: String, on loop: isolated EventLoop) async throws -> Answer {
        try await post("/api/v1/users/refresh", People.body([("refresh_token", .string(token))]), on: loop)
    }

    func status(_ access: String, on loop: isolated EventLoop) async throws -> Int { try await get("/api/v1/users/me", token: access, on: loop).status }

    /// Asks for a code; throws unless it is made.
    func askCode(_ email: String, _ purpose: String = "registration", on loop: isolated EventLoop) async throws {
        let answer = try await post("/api/v1/auth/verification/send", People.body([("email", .string(email)), ("purpose", .string(purpose))]), on: loop)
        guard answer.status == 200 else { throw Overdue(what: "a code: \(answer.text)") }
    }

    /// The code as the mailer reads it; nil where none is sent.
    func code(_ email: String, _ purpose: String = "registration") async throws -> String? {
        let rows = try await pool.query("SELECT sealed FROM heliograph.verification_code WHERE email = $1 AND purpose = $2", Parameters(email, purpose))
        guard let sealed = try rows.isEmpty ? nil : rows.bytesIfPresent(0, 0) else { return nil }
        return Seal(key: People.key)?.open(sealed, context: "verification:\(email):\(purpose)").map { String(decoding: $0, as: UTF8.self) }
    }

    /// As if so many seconds had passed for codes.
    func age(codes seconds: Int, on loop: isolated EventLoop) async throws {
        try await sql(
            """
            UPDATE heliograph.verification_code SET sent_at = sent_at - interval '\(seconds) s', expires_at = expires_at - interval '\(seconds) s',
                sends_since = sends_since - interval '\(seconds) s'
            """, on: loop)
    }
}

/// A code of six digits that is another one.
func other(_ code: String) -> String { code == "000000" ? "000001" : "000000" }
