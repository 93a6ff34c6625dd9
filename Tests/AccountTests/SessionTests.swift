import Bytes
import Postgres
import Reactor
import Secrets
import TestSupport
import Testing

@testable import API

@Suite(.timeLimit(.minutes(2))) struct SessionTests {
    @Test func `a refresh gives new tokens, and a second use of the old one ends the session`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let first = try await api.client("anna", on: loop)
            let beside = try await api.logIn("anna", on: loop)
            let answer = try await api.refresh(first.refresh, on: loop)
            #expect(answer.status == 200, "\(answer.text)")
            #expect(try answer.json()["data"]?.object?.map(\.key) == ["user", "access_token", "refresh_token", "token_type", "expires_in"])
            let second = try TestAPI.client(answer)
            #expect(second.refresh != first.refresh)
            #expect(try await api.status(second.access, on: loop) == 200)
            let third = try TestAPI.client(try await api.refresh(second.refresh, on: loop))
            #expect(try await api.status(third.access, on: loop) == 200)
            // Somebody has the first one too.
            #expect(try await api.refresh(first.refresh, on: loop).status == 401)
            #expect(try await api.status(third.access, on: loop) == 401)
            #expect(try await api.refresh(third.refresh, on: loop).status == 401)
            #expect(try await api.status(beside.access, on: loop) == 200)
            let stored = try await api.pool.query(
                "SELECT count(*) FROM heliograph.refresh_token WHERE strpos(refresh_token::text, $1) > 0", Parameters(third.refresh))
            #expect(try stored.int(0, 0) == 0)
        }
    }

    @Test func `of two refreshes with one token at the same time one wins, and the session ends`() async throws {
        try await withAPI(People.setUp) { api, loop in
            for round in 0..<5 {
                let client = round == 0 ? try await api.client("anna", on: loop) : try await api.logIn("anna", on: loop)
                let pair = Pair()
                for _ in 0..<2 { pair.start(api, client.refresh, on: loop) }
                try await eventually("both answers", on: loop) { pair.answers.count == 2 }
                #expect(pair.answers.map(\.status).sorted() == [200, 401])
                let winner = try TestAPI.client(try #require(pair.answers.first { $0.status == 200 }))
                #expect(try await api.status(winner.access, on: loop) == 401)
            }
        }
    }

    @Test func `an expired, foreign or malformed refresh token is refused`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let client = try await api.client("anna", on: loop)
            for token in ["x", client.access, client.refresh + "0", String(client.refresh.dropLast()), "' OR 1=1 --", String(repeating: "x", count: 1_024)] {
                #expect(try await api.refresh(token, on: loop).status == 401, "\(token.prefix(40))")
            }
            try await api.sql("UPDATE heliograph.refresh_token SET created_at = created_at - interval '7 days 1 second'", on: loop)
            #expect(try await api.refresh(client.refresh, on: loop).status == 401)
            try await api.sql("UPDATE heliograph.refresh_token SET created_at = now()", on: loop)
            try await api.sql("UPDATE heliograph.session SET expires_at = now() - interval '1 second'", on: loop)
            #expect(try await api.refresh(client.refresh, on: loop).status == 401)
            #expect(try await api.status(client.access, on: loop) == 401)
        }
    }

    private static func logOut(_ api: TestAPI, _ token: String, _ access: String?, on loop: isolated EventLoop) async throws -> Answer {
        try await api.post("/api/v1/users/logout", People.body([("refresh_token", .string(token))]), token: access, on: loop)
    }

    @Test func `a log-out ends the session of its refresh token, and nobody else's`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let anna = try await api.client("anna", on: loop)
            let second = try await api.logIn("anna", on: loop)
            let berta = try await api.client("berta", on: loop)
            #expect(try await Self.logOut(api, anna.refresh, nil, on: loop).status == 401)
            #expect(try await Self.logOut(api, "unknown", anna.access, on: loop).status == 200)
            #expect(try await Self.logOut(api, berta.refresh, anna.access, on: loop).status == 200)
            for client in [anna, second, berta] { #expect(try await api.status(client.access, on: loop) == 200) }
            let done = try await Self.logOut(api, anna.refresh, anna.access, on: loop)
            #expect(done.status == 200)
            #expect(try done.json()["data"]?.isNull == true)
            #expect(try await api.status(anna.access, on: loop) == 401)
            #expect(try await api.refresh(anna.refresh, on: loop).status == 401)
            #expect(try await api.status(second.access, on: loop) == 200)
        }
    }

    @Test func `a log-out from all devices counts the sessions it ended`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let first = try await api.client("anna", on: loop)
            let second = try await api.logIn("anna", on: loop)
            let berta = try await api.client("berta", on: loop)
            _ = try await api.post("/api/v1/users/logout", People.body([("refresh_token", .string(second.refresh))]), token: second.access, on: loop)
            let third = try await api.logIn("anna", on: loop)
            let answer = try await api.request("POST", "/api/v1/users/logout-all", [("Authorization", "Bearer \(first.access)")], on: loop)
            #expect(answer.status == 200)
            #expect(try answer.json()["data"]?["sessions_revoked"]?.int == 2)
            #expect(try answer.json()["data"]?["message"]?.string?.isEmpty == false)
            for client in [first, third] { #expect(try await api.status(client.access, on: loop) == 401) }
            #expect(try await api.status(berta.access, on: loop) == 200)
        }
    }

    private static let nobody = "00000000-0000-4000-8000-000000000000"

    private static func keyAndSession(_ api: TestAPI) async throws -> (WebToken.Key, String) {
        let rows = try await api.pool.query("SELECT kid, secret, (SELECT id::text FROM heliograph.session) FROM heliograph.signing_key")
        return (WebToken.Key(id: try rows.string(0, 0), secret: try rows.bytes(0, 1)), try rows.string(0, 2))
    }

    @Test func `access tokens that are expired, tampered, unsigned, foreign or missing are refused`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let client = try await api.client("anna", on: loop)
            let now = Clock.wall.seconds
            let (key, session) = try await Self.keyAndSession(api)
            let good = WebToken(account: client.id, session: session, issuedAt: now - 10, expiresAt: now + 60)
            #expect(try await api.status(good.signed(with: key), on: loop) == 200)
            var expired = good
            expired.expiresAt = now - 1
            var otherSession = good
            otherSession.session = Self.nobody
            var otherAccount = good
            otherAccount.account = Self.nobody
            let claims = client.access.split(separator: ".")[1]
            let cases: [(String, String)] = [
                (expired.signed(with: key), "认证失败：令牌已过期"),
                (good.signed(with: WebToken.Key(id: "foreign", secret: key.secret)), "认证失败：令牌无效"),
                (good.signed(with: WebToken.Key(id: key.id, secret: Secret.bytes(32))), "认证失败：令牌无效"),
                (otherSession.signed(with: key), "认证失败：令牌已失效"), (otherAccount.signed(with: key), "认证失败：令牌已失效"),
                (Base64Text.url(#"{"alg":"none","typ":"JWT"}"#) + ".\(claims).", "认证失败：令牌无效"),
                (Base64Text.url(#"{"alg":"none","kid":"\#(key.id)"}"#) + ".\(claims).", "认证失败：令牌无效"), (client.access + "x", "认证失败：令牌无效"),
                (client.refresh, "认证失败：令牌无效"), ("x", "认证失败：令牌无效"),
            ]
            for (token, message) in cases {
                let answer = try await api.get("/api/v1/users/me", token: token, on: loop)
                #expect(answer.status == 401)
                #expect(try answer.json()["message"]?.string == message, "\(token.prefix(60))")
                #expect(answer["www-authenticate"] == "Bearer realm=\"heliograph\", error=\"invalid_token\"")
            }
            let without: [[(String, String)]] = [[], [("Authorization", "Basic \(client.access)")], [("Authorization", client.access)]]
            for fields in without {
                let answer = try await api.request("GET", "/api/v1/users/me", fields, on: loop)
                #expect(answer.status == 401)
                #expect(try answer.json()["message"]?.string == "认证失败：缺少令牌")
            }
        }
    }

    @Test func `after a rotation both keys verify, and the new one signs`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let before = try await api.client("anna", on: loop)
            let id = try await SigningKeys.rotate(api.pool)
            #expect(try await api.status(before.access, on: loop) == 200)
            // A node that has not signed yet, or looks again, signs with the new key; one that signed a moment ago goes on with the old one.
            let keys = SigningKeys(api.pool)
            let current = try await keys.current()
            #expect(current.id == id)
            let session = try await api.pool.query("SELECT id::text FROM heliograph.session").string(0, 0)
            let now = Clock.wall.seconds
            let after = WebToken(account: before.id, session: session, issuedAt: now, expiresAt: now + 60).signed(with: current)
            try await eventually("nodes that know the new key", on: loop) { try await api.status(after, on: loop) == 200 }
            // What an old key has signed has expired two lifetimes after the next key came.
            try await api.sql("UPDATE heliograph.signing_key SET created_at = created_at - interval '2 hours'", on: loop)
            let third = try await SigningKeys.rotate(api.pool)
            let left = try await api.pool.query("SELECT kid FROM heliograph.signing_key ORDER BY created_at").map { row in try row.next(String.self) }
            #expect(left == [id, third])
        }
    }
}

/// Two requests at the same time.
private final class Pair {
    var answers: [Answer] = []

    func start(_ api: TestAPI, _ token: String, on loop: isolated EventLoop) { loop.spawn { await self.refresh(api, token, on: loop) } }

    private func refresh(_ api: TestAPI, _ token: String, on loop: isolated EventLoop) async {
        do {
            answers.append(try await api.refresh(token, on: loop))
        } catch {
            Issue.record(error)
        }
    }
}
