import API
import Bytes
import Postgres
import Reactor
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct RegistrationTests {
    @Test func `a registration answers 201 with the user of the spec`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let answer = try await api.post(
                "/api/v1/users/register",
                #"{"email":"User@Example.com","username":"johndoe","password":"SecurePass123!","confirm_password":"SecurePass123!","unknown":[1]}"#, on: loop)
            #expect(answer.status == 201, "\(answer.text)")
            let json = try answer.json()
            #expect(json["code"]?.int == 201)
            #expect(json["message"]?.string == "success")
            #expect(json["request_id"]?.string != nil)
            let now = try #require(json["timestamp"]?.string.flatMap { RFC3339.parse($0) })
            let user = try #require(json["data"])
            let names = user.object?.map(\.key)
            #expect(
                names == ["id", "email", "username", "role", "is_active", "email_verified", "metadata", "created_at", "updated_at", "last_login_at"])
            #expect(user["id"]?.string?.utf8.count == 36)
            #expect(user["email"]?.string == "user@example.com")
            #expect(user["username"]?.string == "johndoe")
            #expect(user["role"]?.string == "user")
            #expect(user["is_active"]?.bool == true)
            #expect(user["email_verified"]?.bool == false)
            #expect(user["metadata"] == .object([]))
            let created = try #require(user["created_at"]?.string.flatMap { RFC3339.parse($0) })
            #expect(abs(created.seconds(since: now)) < 10)
            #expect(user["updated_at"] == user["created_at"])
            #expect(user["last_login_at"]?.isNull == true)
            let stored = try await api.pool.query("SELECT password_hash FROM heliograph.account")
            #expect(try stored.string(0, 0).hasPrefix("$argon2id$"))
        }
    }

    @Test func `a taken name and a taken address read the same`() async throws {
        try await withAPI(People.setUp) { api, loop in
            _ = try await api.client("anna", on: loop)
            let name = try await api.post(
                "/api/v1/users/register", People.registration("ANNA", [("email", "new@example.com")]), on: loop)
            let address = try await api.post(
                "/api/v1/users/register", People.registration("berta", [("email", "Anna@EXAMPLE.com")]), on: loop)
            #expect(name.status == 409)
            #expect(address.status == 409)
            #expect(try name.json()["message"]?.string == "该邮箱或用户名已被使用")
            #expect(try name.json()["message"] == address.json()["message"])
        }
    }

    private static func register(_ api: TestAPI, _ name: String, _ code: JSONValue?, on loop: isolated EventLoop) async throws -> Answer {
        let more: [(String, JSONValue)] = code.map { [("verification_code", $0)] } ?? []
        return try await api.post("/api/v1/users/register", People.registration(name, more), on: loop)
    }

    @Test func `where addresses are verified an account needs the code that was mailed, once`() async throws {
        try await withAPI(People.verified) { api, loop in
            let config = try await api.get("/api/v1/auth/registration/config", on: loop).json()["data"]
            #expect(config == ["require_email_verification": true, "require_recaptcha": false, "recaptcha_site_key": nil])
            #expect(try await Self.register(api, "anna", nil, on: loop).status == 400)
            #expect(try await Self.register(api, "anna", "123456", on: loop).status == 400)
            try await api.askCode("anna@example.com", on: loop)
            let code = try #require(try await api.code("anna@example.com"))
            #expect(try await Self.register(api, "anna", .string(other(code)), on: loop).status == 400)
            #expect(try await Self.register(api, "berta", .string(code), on: loop).status == 400)
            let verify = People.body([("email", "anna@example.com"), ("code", .string(code)), ("purpose", "registration")])
            let verified = try await api.post("/api/v1/auth/verification/verify", verify, on: loop)
            #expect(verified.status == 200)
            #expect(try verified.json()["data"]?["message"]?.string != nil)
            let made = try await Self.register(api, "anna", .string(code), on: loop)
            #expect(made.status == 201, "\(made.text)")
            #expect(try made.json()["data"]?["email_verified"]?.bool == true)
            // Used up.
            #expect(try await api.post("/api/v1/auth/verification/verify", verify, on: loop).status == 400)
            let left = try await api.pool.query("SELECT count(*) FROM heliograph.verification_code")
            #expect(try left.int(0, 0) == 0)
        }
    }

    @Test func `a name that is taken leaves the code as it was`() async throws {
        try await withAPI(People.setUp) { api, loop in
            _ = try await api.client("anna", on: loop)
            try await api.askCode("new@example.com", on: loop)
            let code = try #require(try await api.code("new@example.com"))
            let more: [(String, JSONValue)] = [("email", "new@example.com"), ("verification_code", .string(code))]
            #expect(try await api.post("/api/v1/users/register", People.registration("anna", more), on: loop).status == 409)
            #expect(try await api.post("/api/v1/users/register", People.registration("berta", more), on: loop).status == 201)
        }
    }

    @Test func `registrations of one address are limited`() async throws {
        let few = SetUp {
            People.setUp.apply(&$0)
            $0.accounts.registrationsPerHour = 1
        }
        try await withAPI(few) { api, loop in
            var refused: Answer?
            // Each of the two loops counts for itself; a taken name counts too.
            for _ in 0..<3 where refused == nil {
                let answer = try await api.post("/api/v1/users/register", People.registration("anna"), on: loop)
                if answer.status == 429 { refused = answer }
            }
            let answer = try #require(refused)
            #expect(Int(answer["retry-after"] ?? "").map { (3_500...3_600).contains($0) } == true)
        }
    }
}
