import API
import Bytes
import Postgres
import Reactor
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct AdminTests {
    private static func list(_ api: TestAPI, _ root: Client, _ query: String, on loop: isolated EventLoop) async throws -> JSONValue {
        let answer = try await api.get("/api/v1/users\(query)", token: root.access, on: loop)
        #expect(answer.status == 200, "\(answer.text)")
        return try answer.json()["data"] ?? .null
    }

    @Test func `admins list, find and delete accounts`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let root = try await api.client("root", isAdmin: true, on: loop)
            let anna = try await api.client("anna", on: loop)
            try await api.sql(
                """
                INSERT INTO heliograph.account (username, email, password_hash, is_active)
                SELECT 'user_' || lpad(n::text, 2, '0'), 'u' || n || '@mail.example', '', n % 5 <> 0 FROM generate_series(1, 30) AS n
                """, on: loop)
            let all = try await Self.list(api, root, "", on: loop)
            #expect(all["items"]?.array?.count == 20)
            #expect(all["pagination"] == ["page": 1, "page_size": 20, "total_items": 32, "total_pages": 2])
            #expect(
                all["items"]?[0]?.object?.map(\.key)
                    == ["id", "email", "username", "role", "is_active", "email_verified", "metadata", "created_at", "updated_at", "last_login_at"])
            let cases: [(String, Int, String?)] = [
                ("?page=1&page_size=20&search=example", 32, "root"), ("?page=4&page_size=10", 32, "user_29"), ("?page=99", 32, nil),
                ("?role=admin", 1, "root"), ("?role=user&search=ANNA", 1, "anna"), ("?is_active=false", 6, "user_05"),
                ("?is_active=true&search=user_", 24, "user_01"),
                ("?search=u7@mail", 1, "user_07"), ("?search=%25", 0, nil), ("?search=_0", 9, "user_01"), ("?search=%27%20OR%201=1", 0, nil),
                ("?search=%5C", 0, nil),
                ("?role=&is_active=&search=", 32, "root"),
            ]
            for (query, total, first) in cases {
                let page = try await Self.list(api, root, query, on: loop)
                #expect(page["pagination"]?["total_items"]?.int == total, "\(query)")
                #expect(page["items"]?[0]?["username"]?.string == first, "\(query)")
            }
            for query in [
                "?page=0", "?page=x", "?page_size=0", "?page_size=101", "?role=root", "?is_active=1", "?search=%00",
                "?search=" + String(repeating: "x", count: 101),
            ] {
                #expect(try await api.get("/api/v1/users\(query)", token: root.access, on: loop).status == 400, "\(query)")
            }

            let detail = try await api.get("/api/v1/users/\(anna.id)", token: root.access, on: loop)
            #expect(detail.status == 200)
            #expect(try detail.json()["data"]?["username"]?.string == "anna")
            for id in ["00000000-0000-4000-8000-000000000000", "7", "%27", "me2"] {
                #expect(try await api.get("/api/v1/users/\(id)", token: root.access, on: loop).status == 404)
                #expect(try await api.delete("/api/v1/users/\(id)", token: root.access, on: loop).status == 404)
            }
            #expect(try await api.delete("/api/v1/users/\(root.id)", token: root.access, on: loop).status == 400)
            #expect(try await api.delete("/api/v1/users/\(root.id.uppercased())", token: root.access, on: loop).status == 400)
            let gone = try await api.delete("/api/v1/users/\(anna.id)", token: root.access, on: loop)
            #expect(gone.status == 204)
            #expect(gone.body.isEmpty)
            #expect(try await api.delete("/api/v1/users/\(anna.id)", token: root.access, on: loop).status == 404)
            #expect(try await api.status(anna.access, on: loop) == 401)
        }
    }

    @Test func `others may not`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let anna = try await api.client("anna", on: loop)
            for (method, path) in [("GET", "/api/v1/users"), ("GET", "/api/v1/users/\(anna.id)"), ("DELETE", "/api/v1/users/\(anna.id)")] {
                #expect(try await api.request(method, path, on: loop).status == 401)
                let refused = try await api.request(method, path, [("Authorization", "Bearer \(anna.access)")], on: loop)
                #expect(refused.status == 403)
                #expect(try refused.json()["message"]?.string == "无权限访问")
            }
        }
    }
}
