import Bytes
import CLinux
import HTTP
import Reactor
import TestSupport
import Testing

@testable import API

@Suite(.timeLimit(.minutes(2))) struct ReCaptchaTests {
    private static func setUp(_ url: String, timeoutMs: Int64 = 5_000) -> SetUp {
        SetUp {
            People.setUp.apply(&$0)
            $0.accounts.recaptcha = ReCaptchaOptions(siteKey: "6LcXXX", secret: "s&cret", url: url)
            $0.accounts.recaptcha?.timeoutMs = timeoutMs
        }
    }

    @Test func `without a key nobody is asked`() async throws {
        try await withAPI(People.setUp) { api, loop in
            let config = try await api.get("/api/v1/auth/recaptcha/config", on: loop)
            #expect(config.status == 200)
            #expect(try config.json()["data"] == ["enabled": false, "site_key": nil])
            let registration = try await api.get("/api/v1/auth/registration/config", on: loop).json()["data"]
            #expect(registration == ["require_email_verification": false, "require_recaptcha": false, "recaptcha_site_key": nil])
        }
    }

    @Test func `with one codes and registrations need the provider's word`() async throws {
        let provider = try await Provider.start()
        try await withAPI(Self.setUp(provider.url)) { api, loop in
            #expect(try await api.get("/api/v1/auth/recaptcha/config", on: loop).json()["data"] == ["enabled": true, "site_key": "6LcXXX"])
            let registration = try await api.get("/api/v1/auth/registration/config", on: loop).json()["data"]
            #expect(registration == ["require_email_verification": false, "require_recaptcha": true, "recaptcha_site_key": "6LcXXX"])
            let bodies: [(String, [(String, JSONValue)])] = [
                ("/api/v1/auth/verification/send", [("email", "a@example.com"), ("purpose", "registration")]),
                ("/api/v1/auth/password-reset/send", [("email", "a@example.com")]),
                (
                    "/api/v1/users/register",
                    [("email", "a@example.com"), ("username", "anna"), ("password", .string(People.password)), ("confirm_password", .string(People.password))]
                ),
            ]
            for (path, members) in bodies {
                #expect(try await api.post(path, People.body(members), on: loop).status == 400)
                #expect(try await api.post(path, People.body(members + [("recaptcha_token", "")]), on: loop).status == 400)
                #expect(try await api.post(path, People.body(members + [("recaptcha_token", "robot")]), on: loop).status == 400)
                for token in ["strange", "broken", "down", "endless"] {
                    let answer = try await api.post(path, People.body(members + [("recaptcha_token", .string(token))]), on: loop)
                    #expect(answer.status == 503, "\(token): \(answer.text)")
                    #expect(answer["retry-after"] != nil)
                }
                let good = try await api.post(path, People.body(members + [("recaptcha_token", "human &=+%")]), on: loop)
                #expect(good.status == 200 || good.status == 201, "\(good.text)")
            }
            let forms = await provider.forms()
            #expect(forms.contains("secret=s%26cret&response=human%20%26%3D%2B%25&remoteip=127.0.0.1"), "\(forms)")
        }
        await provider.stop()
    }

    @Test func `a provider that is away or silent is a 503`() async throws {
        let provider = try await Provider.start()
        for url in ["http://127.0.0.1:1/", "file:///etc/passwd", provider.url] {
            try await withAPI(Self.setUp(url, timeoutMs: 300)) { api, loop in
                let body = #"{"email":"a@example.com","recaptcha_token":"silent"}"#
                let answer = try await api.post("/api/v1/auth/password-reset/send", body, on: loop)
                #expect(answer.status == 503, "\(url): \(answer.text)")
            }
        }
        await provider.stop()
    }
}

/// The provider's `siteverify`, over plain HTTP; what it answers depends on the token.
private final class Provider: Sendable {
    let url: String
    private let loop: EventLoop
    private let state: LoopBound<State>

    private final class State {
        var server: HTTPServer?
        var forms: [String] = []
        var isOver = false
    }

    private init(_ url: String, _ loop: EventLoop, _ state: LoopBound<State>) {
        self.url = url
        self.loop = loop
        self.state = state
    }

    static func start() async throws -> Provider {
        let loop = EventLoop(name: "provider")
        let (port, state) = try await loop.run { loop in
            let state = State()
            let router = Router(fallback: PlainDialect())
            let port = LoopPort(on: loop)
            router.group(PlainDialect()).onAsync(.post, "/siteverify") { request in
                state.forms.append(String(decoding: request.body, as: UTF8.self))
                switch try request.form()["response"] {
                case "human &=+%": return .json(Array(#"{"success":true,"hostname":"x"}"#.utf8))
                case "robot": return .json(Array(#"{"success":false,"error-codes":["invalid-input-response"]}"#.utf8))
                case "strange": return .json(Array(#"{"success":"yes"}"#.utf8))
                case "broken": return .text("<html>")
                case "endless": return .json([UInt8](repeating: 0x20, count: 1 << 20))
                case "silent":
                    while !state.isOver { await withUnsafeContinuation { waiter in port.after(10_000_000) { waiter.resume() } } }
                    return .empty()
                default: throw APIError.internalError
                }
            }
            let server = HTTPServer(router, ServerConfiguration(), on: loop)
            state.server = server
            let ports = try server.listen([ListenAddress(host: "127.0.0.1", port: 0)])
            return (ports[0], LoopBound(state, on: loop))
        }
        return Provider("http://127.0.0.1:\(port)/siteverify", loop, state)
    }

    func forms() async -> [String] { await loop.run { loop in self.state.value(on: loop).forms } }

    func stop() async {
        await loop.run { loop in
            let state = self.state.value(on: loop)
            state.isOver = true
            await state.server?.stop(withinMs: 200)
        }
        loop.stop()
    }
}
