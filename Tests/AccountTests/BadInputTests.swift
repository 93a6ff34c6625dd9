import API
import Bytes
import Postgres
import Reactor
import TestSupport
import Testing

/// Every field of every route, wrong in type, size, encoding and range.
@Suite(.timeLimit(.minutes(2))) struct BadInputTests {
    private struct Form {
        var method = "POST"
        var path: String
        var members: [(String, JSONValue)]
        var required: [String]
        var wrong: [(String, [JSONValue])]
    }

    private static let long = JSONValue.string(String(repeating: "x", count: 5_000))
    private static let emails: [JSONValue] = [
        "", "x", "a@b", "a b@c.co", "a@b.co\u{0}", "a@b.co\r\nBcc: d@e.co", "用户@例子.中国", .string(String(repeating: "a", count: 300) + "@b.co"),
    ]
    private static let names: [JSONValue] = ["", "ab", "a b c", "a@b.co", "abc\u{0}", "<script>", "x'; --", .string(String(repeating: "x", count: 33))]
    private static let passwords: [JSONValue] = ["", "abc1", "abcdefgh", "12345678", "abcdefg1\u{0}", .string(String(repeating: "a1", count: 65))]
    private static let codes: [JSONValue] = ["12345", "1234567", "12345x", "１２３４５６", "12 456", "-12345"]

    private static let forms: [Form] = [
        Form(
            path: "/api/v1/auth/verification/send", members: [("email", "new@example.com"), ("purpose", "registration")], required: ["email", "purpose"],
            wrong: [("email", emails), ("purpose", ["", "login", "REGISTRATION"]), ("recaptcha_token", [.string(String(repeating: "x", count: 8_193))])]),
        Form(
            path: "/api/v1/auth/verification/verify", members: [("email", "new@example.com"), ("code", "123456"), ("purpose", "registration")],
            required: ["email", "code", "purpose"], wrong: [("email", emails), ("code", codes + [""]), ("purpose", ["x"])]),
        Form(
            path: "/api/v1/auth/password-reset/send", members: [("email", "new@example.com")], required: ["email"],
            wrong: [("email", emails), ("recaptcha_token", ["a\u{0}"])]),
        Form(
            path: "/api/v1/auth/password-reset/confirm",
            members: [("email", "new@example.com"), ("code", "123456"), ("new_password", "NewSecure123!"), ("confirm_password", "NewSecure123!")],
            required: ["email", "code", "new_password", "confirm_password"],
            wrong: [("email", emails), ("code", codes), ("new_password", passwords), ("confirm_password", ["", "NewSecure123", "newsecure123!"])]),
        Form(
            path: "/api/v1/users/register",
            members: [("email", "new@example.com"), ("username", "newone"), ("password", "NewSecure123!"), ("confirm_password", "NewSecure123!")],
            required: ["email", "username", "password", "confirm_password"],
            wrong: [
                ("email", emails), ("username", names), ("password", passwords), ("confirm_password", ["", "NewSecure123"]), ("recaptcha_token", ["a\u{0}"]),
                ("verification_code", codes),
            ]),
        Form(
            path: "/api/v1/users/login", members: [("login", "anna"), ("password", "x")], required: ["login", "password"],
            wrong: [
                ("login", ["", "a\u{0}", .string(String(repeating: "x", count: 255))]),
                ("password", ["", "a\u{0}", .string(String(repeating: "x", count: 1_025)), .string(String(repeating: "密", count: 400))]),
                ("device_info", ["a\u{0}", .string(String(repeating: "x", count: 257))]),
            ]),
        Form(
            path: "/api/v1/users/refresh", members: [("refresh_token", "x")], required: ["refresh_token"],
            wrong: [("refresh_token", ["", "a\u{0}", long])]),
        Form(
            path: "/api/v1/users/logout", members: [("refresh_token", "x")], required: ["refresh_token"],
            wrong: [("refresh_token", ["", "a\u{0}", long])]),
        Form(
            method: "PUT", path: "/api/v1/users/me", members: [("username", "anna"), ("metadata", ["a": 1])], required: [],
            wrong: [
                ("username", names),
                (
                    "metadata",
                    ["x", [], 1, true, ["a": "b\u{0}"], ["a\u{0}": 1], ["a": [["b": ["\u{0}"]]]], ["a": .string(String(repeating: "x", count: 16_384))]]
                ),
            ]),
        Form(
            method: "PUT", path: "/api/v1/users/me/password",
            members: [("current_password", .string(People.password)), ("new_password", "NewSecure123!"), ("confirm_password", "NewSecure123!")],
            required: ["current_password", "new_password", "confirm_password"],
            wrong: [("current_password", ["", "a\u{0}", long]), ("new_password", passwords), ("confirm_password", ["", "NewSecure1234!"])]),
    ]

    private static func send(_ api: TestAPI, _ client: Client, _ form: Form, _ body: [UInt8], on loop: isolated EventLoop) async throws -> Answer {
        try await api.request(form.method, form.path, [("Authorization", "Bearer \(client.access)")], body: body, on: loop)
    }

    @Test func `each is refused with 400 and named, and nothing is done`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let anna = try await api.client("anna", on: loop)
            for form in Self.forms {
                for body in ["", "{", "[]", "null", "7", "\"x\"", "{\"a\":1}x", "{'a':1}", String(repeating: "[", count: 10_000)] {
                    let answer = try await Self.send(api, anna, form, Array(body.utf8), on: loop)
                    #expect(answer.status == 400, "\(form.path) \(body.prefix(20)): \(answer.text)")
                    #expect(try answer.json()["code"]?.int == 400)
                }
                #expect(try await Self.send(api, anna, form, Array(#"{"email":""#.utf8) + [0xFF, 0xC0] + Array(#""}"#.utf8), on: loop).status == 400)
                for name in form.required {
                    for isNull in [false, true] {
                        var members = form.members.filter { $0.0 != name }
                        if isNull { members.append((name, .null)) }
                        let answer = try await Self.send(api, anna, form, Array(People.body(members).utf8), on: loop)
                        #expect(answer.status == 400, "\(form.path) without \(name): \(answer.text)")
                        #expect(try answer.json()["message"]?.string == "缺少必需参数：\(name)")
                    }
                }
                for (name, values) in form.wrong {
                    let types: [JSONValue] = name == "metadata" ? [] : [7, 1.5, true, false, ["x"], ["a": "b"], .array([])]
                    for value in values + types {
                        let members = form.members.filter { $0.0 != name } + [(name, value)]
                        let answer = try await Self.send(api, anna, form, Array(People.body(members).utf8), on: loop)
                        #expect(answer.status == 400, "\(form.path) \(name): \(answer.text)")
                        let message = try answer.json()["message"]?.string ?? ""
                        // An empty optional code is none at all; where a password is wrong, that it is given twice may be looked at first.
                        #expect(message.contains(name) || (name == "code" && message.contains("code")), "\(form.path) \(name): \(message)")
                    }
                }
            }
            let left = try await api.pool.query(
                "SELECT (SELECT count(*) FROM heliograph.account) + (SELECT count(*) FROM heliograph.verification_code) + (SELECT count(*) FROM heliograph.job)"
            )
            #expect(try left.int(0, 0) == 1)
            let me = try await api.get("/api/v1/users/me", token: anna.access, on: loop).json()
            #expect(me["data"]?["username"]?.string == "anna")
            #expect(me["data"]?["metadata"] == .object([]))
        }
    }

    @Test func `other methods and paths answer in the envelope`() async throws {
        try await withAPI(People.setUp) { api, loop in
            for (method, path, status) in [
                ("GET", "/api/v1/users/login", 405), ("PUT", "/api/v1/auth/verification/send", 405), ("GET", "/api/v1/auth/none", 404),
                ("POST", "/api/v1/users/register/more", 404),
            ] {
                let answer = try await api.request(method, path, on: loop)
                #expect(answer.status == status)
                #expect(try answer.json()["code"]?.int == status)
                #expect(try answer.json()["request_id"]?.string != nil)
            }
        }
    }
}
