import API
import Bytes
import Postgres
import Reactor
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct LoginTests {
    @Test func `a log-in by address or name answers the tokens of the spec`() async throws {
        try await withAPI(People.setUp) { api, loop in
            _ = try await api.client("JohnDoe", on: loop)
            for login in ["johndoe@example.com", "JOHNDOE@Example.com", "JohnDoe", "johndoe"] {
                let body = People.body([("login", .string(login)), ("password", .string(People.password)), ("device_info", "Chrome on macOS")])
                let answer = try await api.post("/api/v1/users/login", body, on: loop)
                #expect(answer.status == 200, "\(answer.text)")
                #expect(answer["cache-control"] == "no-store")
                let data = try #require(try answer.json()["data"])
                #expect(data.object?.map(\.key) == ["user", "access_token", "refresh_token", "token_type", "expires_in"])
                #expect(data["user"]?["username"]?.string == "JohnDoe")
                #expect(data["user"]?["last_login_at"]?.string != nil)
                #expect(data["token_type"]?.string == "Bearer")
                #expect(data["expires_in"]?.int == 1_800)
                let me = try await api.get("/api/v1/users/me", token: data["access_token"]?.string, on: loop)
                #expect(me.status == 200)
                #expect(try me.json()["data"] == data["user"])
            }
            let sessions = try await api.pool.query(
                "SELECT count(*) FILTER (WHERE device_info = 'Chrome on macOS' AND address = '127.0.0.1' AND expires_at > now() + interval '6 days') FROM heliograph.session"
            )
            #expect(try sessions.int(0, 0) == 4)
        }
    }

    @Test func `an unknown user, a wrong password and an account that is off answer the same`() async throws {
        try await withAPI(People.setUp) { api, loop in
            _ = try await api.client("anna", on: loop)
            _ = try await api.client("berta", on: loop)
            try await api.sql("UPDATE heliograph.account SET is_active = false WHERE username = 'berta'", on: loop)
            for (login, password) in [("nobody", People.password), ("no@body.example", People.password), ("anna", "wrong"), ("berta", People.password)] {
                let answer = try await api.post("/api/v1/users/login", People.body([("login", .string(login)), ("password", .string(password))]), on: loop)
                #expect(answer.status == 401, "\(login)")
                let json = try answer.json()
                #expect(json.object?.map(\.key) == ["code", "message", "timestamp", "request_id"])
                #expect(json["code"]?.int == 401)
                #expect(json["message"]?.string == "认证失败：用户名或密码错误")
                #expect(answer["www-authenticate"] == "Bearer realm=\"heliograph\"")
            }
        }
    }

    @Test func `ten failures lock a name out from an address, whether there is such a user or not`() async throws {
        try await withAPI(People.setUp) { api, loop in
            _ = try await api.client("anna", on: loop)
            for name in ["anna", "ghost"] {
                let wrong = People.body([("login", .string(name)), ("password", "wrong")])
                for _ in 0..<10 { #expect(try await api.post("/api/v1/users/login", wrong, on: loop).status == 401) }
                let right = People.body([("login", .string(name)), ("password", .string(People.password))])
                let locked = try await api.post("/api/v1/users/login", right, on: loop)
                #expect(locked.status == 429)
                #expect(Int(locked["retry-after"] ?? "").map { (1...60).contains($0) } == true)
            }
        }
    }

    @Test func `a hundred log-ins at once are answered or refused, and other routes answer meanwhile`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let client = try await api.client("anna", on: loop)
            let flood = Flood(api)
            for _ in 0..<100 { flood.start(on: loop) }
            var others = 0
            while flood.statuses.count < 100 {
                let status = try await api.status(client.access, on: loop)
                #expect(status == 200)
                if flood.statuses.count < 100 { others += 1 }
            }
            #expect(flood.failure == nil)
            #expect(flood.statuses.allSatisfy { $0 == 200 || $0 == 429 })
            #expect(flood.statuses.contains(200))
            #expect(flood.withoutRetry == 0)
            // One hash alone takes longer than a request: many were served while the flood was.
            #expect(others > 20)
        }
    }

    @Test func `nobody who is switched off or gone gets in with a token that was good`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let anna = try await api.client("anna", on: loop)
            #expect(try await api.status(anna.access, on: loop) == 200)
            try await api.sql("UPDATE heliograph.account SET is_active = false", on: loop)
            #expect(try await api.status(anna.access, on: loop) == 401)
            #expect(try await api.refresh(anna.refresh, on: loop).status == 401)
            try await api.sql("UPDATE heliograph.account SET is_active = true", on: loop)
            #expect(try await api.status(anna.access, on: loop) == 200)
            try await api.sql("DELETE FROM heliograph.account", on: loop)
            #expect(try await api.status(anna.access, on: loop) == 401)
            #expect(try await api.refresh(anna.refresh, on: loop).status == 401)
        }
    }
}

/// Many log-ins at the same time.
private final class Flood {
    private let api: TestAPI
    var statuses: [Int] = []
    var withoutRetry = 0
    var failure: (any Error)?

    init(_ api: TestAPI) { self.api = api }

    func start(on loop: isolated EventLoop) { loop.spawn { await self.logIn(on: loop) } }

    private func logIn(on loop: isolated EventLoop) async {
        do {
            let body = People.body([("login", "anna"), ("password", .string(People.password))])
            let answer = try await api.post("/api/v1/users/login", body, on: loop)
            statuses.append(answer.status)
            if answer.status == 429, answer["retry-after"] == nil { withoutRetry += 1 }
        } catch {
            failure = error
            statuses.append(0)
        }
    }
}
