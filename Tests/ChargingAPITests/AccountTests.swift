import Bytes
import Postgres
import Reactor
import TestSupport
import Testing

@testable import API

/// What `body` throws. Unlike `#expect(throws:)` it stays on the caller's loop.
func failure(_ body: () async throws -> Void) async -> (any Error)? {
    do {
        try await body()
        return nil
    } catch {
        return error
    }
}

@Suite struct AccountTests {
    @Test func `tokens open what their scope covers`() async throws {
        try await withAPI { api, loop in
            try await api.addTokens(on: loop)
            try await api.sql("INSERT INTO heliograph.token (hash, scope, expires_at) VALUES (sha256('old'), 'admin', now() - interval '1 second')", on: loop)
            let cases: [(fields: [(String, String)], jobs: Int, ingest: Int)] = [
                ([], 401, 401), ([("Authorization", "Bearer wrong")], 401, 401), ([("Authorization", "Bearer old")], 401, 401),
                ([("Authorization", "Basic aW5nZXN0LXRva2Vu")], 401, 401), ([("Authorization", "Bearer")], 401, 401),
                ([("Authorization", "Bearer a b")], 401, 401), ([("Authorization", "Bearer " + String(repeating: "x", count: 300))], 401, 401),
                ([("Authorization", "Bearer ingest-token")], 403, 200), ([("Authorization", "bearer  admin-token")], 200, 200),
            ]
            for (fields, jobs, ingest) in cases {
                let asked = try await api.request("GET", "/api/v1/ops/jobs", fields, on: loop)
                #expect(asked.status == jobs, "\(fields): \(asked.text)")
                if jobs != 200 { #expect(asked["www-authenticate"]?.hasPrefix("Bearer realm=\"heliograph\"") == true) }
                let posted = try await api.request("POST", "/api/ingest/charging", fields, body: Array("[]".utf8), on: loop)
                #expect(posted.status == ingest, "\(fields): \(posted.text)")
            }
        }
    }

    @Test func `in production data needs a token and the rest stays open`() async throws {
        try await withAPI(.production) { api, loop in
            try await api.addTokens(on: loop)
            let paths = [
                "/api/prediction/data", "/api/sites/locations", "/api/monitoring/current?meter_id=A", "/api/monitoring/anomalies?meter_id=A",
                "/api/statistics/monthly", "/api/statistics/time-periods",
            ]
            for path in paths {
                try expectRefusal(try await api.get(path, on: loop), 401, "未授权访问", since: api.start)
                #expect(try await api.get(path, token: "ingest-token", on: loop).status == 200)
                #expect(try await api.get(path, token: "admin-token", on: loop).status == 200)
            }
            #expect(try await api.get("/", on: loop).status == 200)
            #expect(try await api.get("/api/health", on: loop).status == 200)
            #expect(try await api.get("/metrics", on: loop).status == 401)
            #expect(try await api.get("/metrics", token: "ingest-token", on: loop).status == 403)
            #expect(try await api.get("/metrics", token: "admin-token", on: loop).status == 200)
        }
    }

    @Test func `a log-in gives an admin a token, and nobody else`() async throws {
        let hasher = await PasswordHasher()
        defer { hasher.stop() }
        try await withAPI { api, loop in
            let store = AccountStore(api.pool, hasher)
            try await store.createUser("Root", password: "correct horse", role: .admin)
            try await store.createUser("plain", password: "correct horse")
            let login = { (body: String) async throws -> Answer in try await api.post("/api/v1/ops/login", body, on: loop) }

            let good = try await login(#"{"username":"root","password":"correct horse"}"#)
            #expect(good.status == 200, "\(good.text)")
            #expect(good["cache-control"] == "no-store")
            let token = try #require(try good.json()["token"]?.string)
            #expect(token.hasPrefix("hga_") && token.utf8.count == 68)
            let expires = try #require(try good.json()["expires_at"]?.string.flatMap { RFC3339.parse($0) })
            #expect(abs(expires.seconds(since: Clock.wall) - Double(LoginRoute.lifetimeSeconds)) < 60)
            #expect(try await api.get("/api/v1/ops/jobs", token: token, on: loop).status == 200)

            let cases: [(String, Int)] = [
                (#"{"username":"root","password":"wrong"}"#, 401), (#"{"username":"nobody","password":"correct horse"}"#, 401),
                (#"{"username":"plain","password":"correct horse"}"#, 403), (#"{"username":"root"}"#, 400), (#"{"password":"x"}"#, 400),
                (#"{"username":7,"password":"x"}"#, 400), (#"{"username":"","password":"x"}"#, 400), (#"{"username":"a\u0000","password":"x"}"#, 400),
                ("[]", 400), ("{", 400), (#"{"username":"root","password":"\#(String(repeating: "x", count: 1025))"}"#, 400),
            ]
            for (body, status) in cases { #expect(try await login(body).status == status, "\(body.prefix(60))") }
        }
    }

    @Test func `ten failures lock a user out from an address for a while, known or not`() async throws {
        let hasher = await PasswordHasher()
        defer { hasher.stop() }
        try await withAPI { api, loop in
            try await AccountStore(api.pool, hasher).createUser("admin2", password: "correct horse", role: .admin)
            for name in ["admin2", "ghost"] {
                for _ in 0..<LoginAttempts.limit {
                    #expect(try await api.post("/api/v1/ops/login", #"{"username":"\#(name)","password":"wrong"}"#, on: loop).status == 401)
                }
                let locked = try await api.post("/api/v1/ops/login", #"{"username":"\#(name)","password":"correct horse"}"#, on: loop)
                #expect(locked.status == 429)
                #expect(Int(locked["retry-after"] ?? "").map { (1...60).contains($0) } == true)
            }
        }
    }

    @Test func `attempts are counted per user and address, and forgotten after a while`() {
        var attempts = LoginAttempts()
        let key = LoginAttempts.Key(user: "Anna", address: "1")
        for n in 1..<LoginAttempts.limit { attempts.failed(key, nowNs: Int64(n)) }
        #expect(attempts.lockedSeconds(key, nowNs: 10) == nil)
        attempts.failed(LoginAttempts.Key(user: "ANNA", address: "1"), nowNs: 10)
        #expect(attempts.lockedSeconds(key, nowNs: 10) == 60)
        #expect(attempts.lockedSeconds(LoginAttempts.Key(user: "anna", address: "2"), nowNs: 10) == nil)
        #expect(attempts.lockedSeconds(key, nowNs: 10 + LoginAttempts.lockNs) == nil)
        attempts.failed(key, nowNs: 10 + LoginAttempts.lockNs)
        #expect(attempts.lockedSeconds(key, nowNs: 10 + LoginAttempts.lockNs) == nil)
        attempts.succeeded(key)
        #expect(attempts.count == 0)
        for n in 0...LoginAttempts.bound { attempts.failed(LoginAttempts.Key(user: "\(n)", address: "1"), nowNs: 0) }
        #expect(attempts.count <= LoginAttempts.bound)
    }

    @Test func `the token cache forgets good tokens after 30 seconds, bad ones after 5, and is bounded`() {
        var cache = TokenCache()
        cache.put("good", TokenHolder(scope: .ingest, account: nil, name: "token"), nowNs: 0)
        cache.put("bad", nil, nowNs: 0)
        #expect(cache.find("good", nowNs: TokenCache.goodNs - 1)??.scope == .ingest)
        #expect(cache.find("good", nowNs: TokenCache.goodNs) == nil)
        #expect(cache.find("bad", nowNs: TokenCache.badNs - 1) != nil)
        #expect(cache.find("bad", nowNs: TokenCache.badNs) == nil)
        for n in 0..<(TokenCache.bound + 10) { cache.put("\(n)", nil, nowNs: 0) }
        #expect(cache.count <= TokenCache.bound)
    }

    @Test func `a flood of log-ins is refused, not queued`() async throws {
        let hasher = await PasswordHasher()
        defer { hasher.stop() }
        let verdicts = await withTaskGroup(of: Bool.self) { group in
            for n in 0..<(PasswordHasher.bound * 2) {
                group.addTask {
                    if case .busy = await hasher.verify("x", hash: "not a hash", LoginAttempts.Key(user: "\(n)", address: "1")) { return true }
                    return false
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        // How many got in depends on timing, but never more than the bound wait at once; all were answered.
        #expect(verdicts <= PasswordHasher.bound * 2)
        #expect(await hasher.hash("still works") != nil)
    }

    @Test func `the demo's log-in exists with the demo only`() async throws {
        let hasher = await PasswordHasher()
        defer { hasher.stop() }
        try await withAPI(SetUp { $0.isDemo = true }) { api, loop in
            let body = #"{"username":"admin","password":"heliograph"}"#
            #expect(try await api.post("/api/v1/ops/login", body, on: loop).status == 200)
            let store = AccountStore(api.pool, hasher)
            try await store.addDemoAccount()
            try await store.removeDemoAccount()
            #expect(try await api.post("/api/v1/ops/login", body, on: loop).status == 401)
            // Somebody's own account of that name is left alone.
            try await store.createUser("admin", password: "my own password", role: .admin)
            try await store.removeDemoAccount()
            try await store.addDemoAccount()
            #expect(try await api.post("/api/v1/ops/login", #"{"username":"admin","password":"my own password"}"#, on: loop).status == 200)
        }
        await #expect(throws: APIStartError.demoInProduction) {
            try await withAPI(
                SetUp {
                    $0.isDemo = true
                    $0.isProduction = true
                }
            ) { _, _ in }
        }
    }

    @Test func `accounts and tokens are checked when they are made`() async throws {
        let hasher = await PasswordHasher()
        defer { hasher.stop() }
        try await withAPI { api, loop in
            let store = AccountStore(api.pool, hasher)
            try await store.createUser("Anna", password: "12345678")
            #expect(await failure { try await store.createUser("ANNA", password: "12345678") } as? AccountError == .taken("ANNA"))
            #expect(await failure { try await store.createUser("x", password: "1234567") } as? AccountError == .badPassword)
            #expect(await failure { try await store.createUser("", password: "12345678") } as? AccountError == .badUsername)
            #expect(await failure { try await store.createUser("a\nb", password: "12345678") } as? AccountError == .badUsername)
            try await store.setRole("anna", .admin)
            #expect(await failure { try await store.setRole("y", .admin) } as? AccountError == .unknown("y"))
            let token = try await store.createToken(.ingest, label: "meters")
            #expect(token.text.hasPrefix("hgi_") && token.expiresAt == nil)
            #expect(try await api.post("/api/ingest/charging", "[]", token: token.text, on: loop).status == 200)
            let second = try await store.createToken(.ingest, label: "meters")
            #expect(second.text != token.text)
            let stored = try await api.pool.query("SELECT count(*) FROM heliograph.token WHERE strpos(token::text, $1) > 0", Parameters(token.text))
            #expect(try stored.int(0, 0) == 0)
        }
    }
}
