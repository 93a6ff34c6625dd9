import API
import Bytes
import Postgres
import Reactor
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct OwnAccountTests {
    @Test func `one's own account shows and takes a name and metadata`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let anna = try await api.client("anna", on: loop)
            _ = try await api.client("berta", on: loop)
            let same = try await api.put("/api/v1/users/me", "{}", token: anna.access, on: loop)
            #expect(same.status == 200)
            #expect(try same.json()["data"]?["updated_at"] == same.json()["data"]?["created_at"])
            let body = #"{"username":"新名字_1","metadata":{"theme":"dark","<b>":"'; DROP TABLE x; --","n":[1,2.5,null,{"a":true}]}}"#
            let changed = try await api.put("/api/v1/users/me", body, token: anna.access, on: loop)
            #expect(changed.status == 200, "\(changed.text)")
            let user = try #require(try changed.json()["data"])
            #expect(user["username"]?.string == "新名字_1")
            #expect(user["metadata"] == ["theme": "dark", "<b>": "'; DROP TABLE x; --", "n": [1, 2.5, nil, ["a": true]]])
            #expect(user["updated_at"] != user["created_at"])
            #expect(try await api.get("/api/v1/users/me", token: anna.access, on: loop).json()["data"] == user)
            // Metadata is replaced; a name may change its case only.
            let again = try await api.put("/api/v1/users/me", #"{"metadata":{}}"#, token: anna.access, on: loop)
            #expect(try again.json()["data"]?["metadata"] == .object([]))
            #expect(try again.json()["data"]?["username"]?.string == "新名字_1")
            let taken = try await api.put("/api/v1/users/me", #"{"username":"BERTA"}"#, token: anna.access, on: loop)
            #expect(taken.status == 409)
            #expect(try taken.json()["message"]?.string == "用户名已被使用")
            #expect(try await api.put("/api/v1/users/me", "{}", on: loop).status == 401)
        }
    }

    private static func change(_ api: TestAPI, _ client: Client, from current: String, on loop: isolated EventLoop) async throws -> Answer {
        let members: [(String, JSONValue)] = [
            ("current_password", .string(current)), ("new_password", "NewSecure456!"), ("confirm_password", "NewSecure456!"),
        ]
        return try await api.put("/api/v1/users/me/password", People.body(members), token: client.access, on: loop)
    }

    @Test func `a new password needs the old one and ends the other sessions`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let anna = try await api.client("anna", on: loop)
            let other = try await api.logIn("anna", on: loop)
            let wrong = try await Self.change(api, anna, from: "OldPass123!", on: loop)
            #expect(wrong.status == 400)
            #expect(try wrong.json()["message"]?.string?.contains("current_password") == true)
            let done = try await Self.change(api, anna, from: People.password, on: loop)
            #expect(done.status == 200, "\(done.text)")
            #expect(try done.json()["data"]?.isNull == true)
            #expect(try await api.status(anna.access, on: loop) == 200)
            #expect(try await api.refresh(anna.refresh, on: loop).status == 200)
            #expect(try await api.status(other.access, on: loop) == 401)
            #expect(try await api.refresh(other.refresh, on: loop).status == 401)
            _ = try await api.logIn("anna", password: "NewSecure456!", on: loop)
            #expect(try await Self.change(api, anna, from: People.password, on: loop).status == 400)
        }
    }

    @Test func `guesses at the old password are limited`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let anna = try await api.client("anna", on: loop)
            let body = #"{"current_password":"wrong","new_password":"NewSecure456!","confirm_password":"NewSecure456!"}"#
            for _ in 0..<10 { #expect(try await api.put("/api/v1/users/me/password", body, token: anna.access, on: loop).status == 400) }
            let locked = try await api.put("/api/v1/users/me/password", body, token: anna.access, on: loop)
            #expect(locked.status == 429)
            #expect(locked["retry-after"] != nil)
        }
    }
}
