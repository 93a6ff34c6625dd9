import API
import Bytes
import Postgres
import Reactor
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct CodeTests {
    private static func verify(_ email: String, _ code: String, _ purpose: String = "registration") -> String {
        People.body([("email", .string(email)), ("code", .string(code)), ("purpose", .string(purpose))])
    }

    @Test func `a code is kept hashed and sealed, and a job without it is there with it`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let body = People.body([("email", "New@Example.com"), ("purpose", "registration"), ("recaptcha_token", "...")])
            let answer = try await api.request(
                "POST", "/api/v1/auth/verification/send", [("Accept-Language", "en-US,zh;q=0.5")], body: Array(body.utf8), on: loop)
            #expect(answer.status == 200, "\(answer.text)")
            #expect(try answer.json()["data"]?.object?.map(\.key) == ["message", "expires_in_minutes"])
            #expect(try answer.json()["data"]?["expires_in_minutes"]?.int == 10)
            let code = try #require(try await api.code("new@example.com"))
            #expect(code.utf8.count == 6)
            let jobs = try await api.pool.query("SELECT args, unique_key FROM heliograph.job WHERE kind = 'mail.verification'")
            #expect(jobs.count == 1)
            #expect(try jobs.json(0, 0) == ["email": "new@example.com", "purpose": "registration", "locale": "en"])
            let leaks = try await api.pool.query(
                "SELECT (SELECT count(*) FROM heliograph.job AS j WHERE strpos(j.args::text, $1) > 0) + (SELECT count(*) FROM heliograph.verification_code AS c WHERE strpos(c::text, $1) > 0 OR strpos(c::text, encode(convert_to($1, 'UTF8'), 'hex')) > 0)",
                Parameters(code))
            #expect(try leaks.int(0, 0) == 0)
        }
    }

    @Test func `there is one code a minute for an address, and five an hour`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let body = People.body([("email", "new@example.com"), ("purpose", "registration")])
            for n in 1...5 {
                try await api.askCode("new@example.com", on: loop)
                let again = try await api.post("/api/v1/auth/verification/send", body, on: loop)
                #expect(again.status == 429)
                let wait = Int(again["retry-after"] ?? "") ?? 0
                #expect((n == 5 ? 3_000...3_600 : 50...60).contains(wait), "\(n): \(wait)")
                try await api.age(codes: 61, on: loop)
            }
            #expect(try await api.post("/api/v1/auth/verification/send", body, on: loop).status == 429)
            // The other purpose is counted for itself.
            #expect(try await api.post("/api/v1/auth/password-reset/send", #"{"email":"new@example.com"}"#, on: loop).status == 200)
            try await api.age(codes: 3_600, on: loop)
            try await api.askCode("new@example.com", on: loop)
        }
    }

    private struct Asker {
        let api: TestAPI

        func verify(_ email: String, _ code: String, _ purpose: String = "registration", on loop: isolated EventLoop) async throws -> Int {
            try await api.post("/api/v1/auth/verification/verify", CodeTests.verify(email, code, purpose), on: loop).status
        }

        func confirm(_ code: String, on loop: isolated EventLoop) async throws -> Answer {
            let members: [(String, JSONValue)] = [
                ("email", "anna@example.com"), ("code", .string(code)), ("new_password", "NewSecure123!"), ("confirm_password", "NewSecure123!"),
            ]
            return try await api.post("/api/v1/auth/password-reset/confirm", People.body(members), on: loop)
        }
    }

    @Test func `five wrong tries, ten minutes or a newer one end a code`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let asker = Asker(api: api)
            try await api.askCode("a@example.com", on: loop)
            let first = try #require(try await api.code("a@example.com"))
            for _ in 0..<4 { #expect(try await asker.verify("a@example.com", other(first), on: loop) == 400) }
            #expect(try await asker.verify("A@example.com", first, on: loop) == 200)
            #expect(try await asker.verify("a@example.com", first, on: loop) == 200)
            #expect(try await asker.verify("a@example.com", first, "password_reset", on: loop) == 400)
            #expect(try await asker.verify("b@example.com", first, on: loop) == 400)
            #expect(try await asker.verify("a@example.com", other(first), on: loop) == 400)
            #expect(try await asker.verify("a@example.com", first, on: loop) == 400)

            try await api.age(codes: 61, on: loop)
            try await api.askCode("a@example.com", on: loop)
            let second = try #require(try await api.code("a@example.com"))
            if second != first { #expect(try await asker.verify("a@example.com", first, on: loop) == 400) }
            try await api.age(codes: 590, on: loop)
            #expect(try await asker.verify("a@example.com", second, on: loop) == 200)
            try await api.age(codes: 11, on: loop)
            #expect(try await asker.verify("a@example.com", second, on: loop) == 400)
            // What was verified expires too.
            let register = People.registration("anna", [("email", "a@example.com"), ("verification_code", .string(second))])
            #expect(try await api.post("/api/v1/users/register", register, on: loop).status == 400)
        }
    }

    @Test func `what is sent and answered is the same for known and unknown addresses, but for the mail`() async throws {
        try await withAPI(People.setUp) { api, loop in
            _ = try await api.client("known", on: loop)
            let cases: [(path: String, purpose: String, mailed: String)] = [
                ("/api/v1/auth/verification/send", "registration", "unknown@example.com"),
                ("/api/v1/auth/password-reset/send", "password_reset", "known@example.com"),
            ]
            for (path, purpose, mailed) in cases {
                for turn in 0..<2 {
                    var seen: [String] = []
                    for name in ["known", "unknown"] {
                        let body = People.body([("email", .string("\(name)@example.com")), ("purpose", .string(purpose))])
                        let answer = try await api.post(path, body, on: loop)
                        #expect(answer.status == (turn == 0 ? 200 : 429))
                        let json = try answer.json()
                        seen.append(
                            "\(json["code"]?.int ?? 0) \(json["message"]?.string ?? "") \(json["data"].map { String(decoding: $0.bytes, as: UTF8.self) } ?? "")"
                        )
                        let wrong = try await api.post("/api/v1/auth/verification/verify", Self.verify("\(name)@example.com", "000000", purpose), on: loop)
                        seen[seen.count - 1] += " \(wrong.status) \(try wrong.json()["message"]?.string ?? "")"
                    }
                    #expect(seen[0] == seen[1] || seen[1].contains(" 200 "), "\(seen)")
                }
                for name in ["known@example.com", "unknown@example.com"] {
                    let code = try await api.code(name, purpose)
                    #expect((code != nil) == (name == mailed), "\(purpose) \(name)")
                    let jobs = try await api.pool.query(
                        "SELECT count(*) FROM heliograph.job WHERE args ->> 'email' = $1 AND args ->> 'purpose' = $2", Parameters(name, purpose))
                    #expect(try jobs.int(0, 0) == (name == mailed ? 1 : 0))
                }
            }
        }
    }

    @Test func `a new password by code ends all sessions`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let anna = try await api.client("anna", on: loop)
            try await api.sql(
                "INSERT INTO heliograph.token (hash, scope, account, label) SELECT sha256('ops'), 'admin', number, 'login' FROM heliograph.account", on: loop)
            #expect(try await api.post("/api/v1/auth/password-reset/send", #"{"email":"Anna@example.com","recaptcha_token":"..."}"#, on: loop).status == 200)
            let code = try #require(try await api.code("anna@example.com", "password_reset"))
            let asker = Asker(api: api)
            #expect(try await asker.confirm(other(code), on: loop).status == 400)
            #expect(try await api.status(anna.access, on: loop) == 200)
            let done = try await asker.confirm(code, on: loop)
            #expect(done.status == 200, "\(done.text)")
            #expect(try await asker.confirm(code, on: loop).status == 400)
            #expect(try await api.status(anna.access, on: loop) == 401)
            #expect(try await api.refresh(anna.refresh, on: loop).status == 401)
            let tokens = try await api.pool.query("SELECT count(*) FROM heliograph.token")
            #expect(try tokens.int(0, 0) == 0)
            let old = People.body([("login", "anna"), ("password", .string(People.password))])
            #expect(try await api.post("/api/v1/users/login", old, on: loop).status == 401)
            let new = try await api.logIn("anna", password: "NewSecure123!", on: loop)
            let me = try await api.get("/api/v1/users/me", token: new.access, on: loop).json()
            #expect(me["data"]?["email_verified"]?.bool == true)
        }
    }

    @Test func `one address may ask for so many codes in an hour`() async throws {
        try await withAPI { api, loop in
            var statuses: [Int] = []
            // Twenty for each of the two loops.
            for n in 0..<41 where !statuses.contains(429) {
                let body = People.body([("email", .string("a\(n)@example.com")), ("purpose", "registration")])
                let answer = try await api.post("/api/v1/auth/verification/send", body, on: loop)
                statuses.append(answer.status)
                if answer.status == 429 { #expect(Int(answer["retry-after"] ?? "").map { (3_500...3_600).contains($0) } == true) }
            }
            #expect(statuses.count > 20)
            #expect(statuses.last == 429)
        }
    }
}
