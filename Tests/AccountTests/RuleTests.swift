import Bytes
import Secrets
import Testing

@testable import API

@Suite struct RuleTests {
    @Test func `e-mail addresses are plain ones, and kept in lower case`() {
        let good = ["a@b.co", "User.Name+tag@Example.COM", "x_y-z@sub.domain.example", "o'neil@example.org", "1@2.example"]
        for text in good { #expect(RegistrationRules.email(text) == text.lowercased(), "\(text)") }
        let long = String(repeating: "a", count: 64)
        let label = String(repeating: "b", count: 63)
        #expect(RegistrationRules.email("\(long)@\(label).example") != nil)
        let bad = [
            "", "@", "a@", "@b.co", "a@b", "a.b.co", "a@b..co", ".a@b.co", "a.@b.co", "a..b@b.co", "a@b.c", "a@-b.co", "a@b-.co", "a@1.2.3.4", "a@[1.2.3.4]",
            "a b@c.co", "a@b c.co", "\"a\"@b.co", "a@b.co ", " a@b.co", "a@b.co\r\nBcc: c@d.co", "用户@例子.中国", "a@b.co\u{0}", "a,b@c.co", "<a@b.co>", "a@@b.co",
            "\(long)a@b.co", "a@\(label)b.co", "a@" + String(repeating: "\(label).", count: 4) + "co", "a@b.co.",
        ]
        for text in bad { #expect(RegistrationRules.email(text) == nil, "\(text.debugDescription)") }
    }

    @Test func `user names are letters of any script, digits and _ - .`() {
        for name in ["abc", "约翰123", "Ünïcode", "a.b-c_d", String(repeating: "x", count: 32), "123"] {
            #expect(RegistrationRules.isUsername(name), "\(name)")
        }
        for name in [
            "", "ab", String(repeating: "x", count: 33), "a b", "a@b", "a\u{0}b", "a\nb", "<b>x", "a'b;", "a/b", "😀😀😀", "ab\u{202E}", "ab\u{200B}",
            "e\u{301}xx",
        ] {
            #expect(!RegistrationRules.isUsername(name), "\(name.debugDescription)")
        }
    }

    @Test func `passwords have 8 to 128 characters with a letter and a digit`() {
        for password in ["abcdefg1", "1234567a", "密码密码密码密1", "p 1 spaces", String(repeating: "a1", count: 64)] {
            #expect(RegistrationRules.isPassword(password), "\(password)")
        }
        for password in ["", "abcdef1", "abcdefgh", "12345678", "!!!!!!!!", "!!!!!!!1", String(repeating: "a1", count: 64) + "x"] {
            #expect(!RegistrationRules.isPassword(password), "\(password)")
        }
    }

    @Test func `a rate limit lets so many through in its time, by key, and is bounded`() {
        var limit = RateLimit(3, perNs: 10_000_000_000)
        for _ in 0..<3 {
            let wait = limit.take("a", nowNs: 0)
            #expect(wait == nil)
        }
        let steps: [(String, Int64, Int?)] = [("a", 0, 10), ("a", 9_000_000_001, 1), ("b", 0, nil), ("a", 10_000_000_000, nil), ("a", 10_000_000_001, nil)]
        for (key, now, expected) in steps {
            let wait = limit.take(key, nowNs: now)
            #expect(wait == expected, "\(key) at \(now)")
        }
        for n in 0...RateLimit.bound { _ = limit.take("\(n)", nowNs: 0) }
        #expect(limit.count <= RateLimit.bound)
    }

    @Test func `log-ins are limited for one name from anywhere and for one address with any name`() {
        var attempts = LoginAttempts()
        for n in 0..<LoginAttempts.wideLimit {
            attempts.failed(LoginAttempts.Key(user: "anna", address: "a\(n)"), nowNs: 0)
            attempts.failed(LoginAttempts.Key(user: "u\(n)", address: "home"), nowNs: 0)
        }
        #expect(attempts.lockedSeconds(LoginAttempts.Key(user: "Anna", address: "new"), nowNs: 0) == 60)
        #expect(attempts.lockedSeconds(LoginAttempts.Key(user: "new", address: "home"), nowNs: 0) == 60)
        #expect(attempts.lockedSeconds(LoginAttempts.Key(user: "new", address: "new"), nowNs: 0) == nil)
        #expect(attempts.lockedSeconds(LoginAttempts.Key(user: "anna", address: "new"), nowNs: LoginAttempts.lockNs) == nil)
    }
}

@Suite struct WebTokenTests {
    private static let key = WebToken.Key(id: "k1", secret: [UInt8](repeating: 1, count: 32))
    private static let older = WebToken.Key(id: "k0", secret: [UInt8](repeating: 2, count: 32))
    private static let token = WebToken(account: "account", session: "session", issuedAt: 1_000, expiresAt: 2_800)

    private static func verify(_ text: String, at now: Int64 = 1_500) -> Result<WebToken, WebToken.Fault> {
        WebToken.verify(text, nowSeconds: now, keys: [key, older])
    }

    /// Header and claims of one's own, signed with the key or with what is given.
    private static func forged(_ header: String, _ claims: String, signature: String? = nil) -> String {
        let good = token.signed(with: key).split(separator: ".")
        return Base64Text.url(header) + "." + Base64Text.url(claims) + "." + (signature ?? String(good[2]))
    }

    @Test func `what was signed is read back until it expires, under an older key too`() {
        for key in [Self.key, Self.older] {
            let text = Self.token.signed(with: key)
            #expect(Self.verify(text) == .success(Self.token))
            #expect(Self.verify(text, at: 2_799) == .success(Self.token))
            #expect(Self.verify(text, at: 2_800) == .failure(.expired))
        }
    }

    @Test func `nothing else is believed`() {
        let good = Self.token.signed(with: Self.key)
        let parts = good.split(separator: ".").map(String.init)
        let claims = #"{"sub":"account","sid":"session","iat":1000,"exp":99999999999}"#
        let cases: [(String, WebToken.Fault)] = [
            ("", .malformed), ("a.b", .malformed), ("a.b.c", .malformed), ("a.b.c.d", .malformed), (good + ".x", .malformed),
            (parts[0] + "." + parts[1], .malformed),
            (String(repeating: "a", count: 2_000), .malformed), (parts[0] + "." + parts[1] + ".", .signature), (parts[0] + "." + parts[1] + ".%%%", .signature),
            (Self.forged(#"{"alg":"none","typ":"JWT","kid":"k1"}"#, claims, signature: ""), .algorithm),
            (Self.forged(#"{"alg":"None","kid":"k1"}"#, claims, signature: ""), .algorithm), (Self.forged(#"{"alg":"HS512","kid":"k1"}"#, claims), .algorithm),
            (Self.forged(#"{"alg":"RS256","kid":"k1"}"#, claims), .algorithm), (Self.forged(#"{"kid":"k1"}"#, claims), .algorithm),
            (Self.forged(#"{"alg":["HS256"],"kid":"k1"}"#, claims), .algorithm), (Self.forged(#"{"alg":"HS256","kid":"k1","crit":["x"]}"#, claims), .algorithm),
            (Self.forged(#"{"alg":"HS256","kid":"k2"}"#, claims), .unknownKey("k2")), (Self.forged(#"{"alg":"HS256"}"#, claims), .malformed),
            (Self.forged(#"{"alg":"HS256","kid":7}"#, claims), .malformed), (Self.forged(#"{"alg":"HS256","kid":"k1"}"#, claims), .signature),
            (Self.forged(#"{"alg":"HS256","kid":"k1"}"#, "[]"), .malformed),
        ]
        for (text, fault) in cases { #expect(Self.verify(text) == .failure(fault), "\(text.prefix(80))") }
        let foreign = WebToken.Key(id: "k1", secret: [UInt8](repeating: 3, count: 32))
        #expect(Self.verify(Self.token.signed(with: foreign)) == .failure(.signature))
    }

    @Test func `a change of any byte is noticed`() {
        let good = Array(Self.token.signed(with: Self.key).utf8)
        for i in good.indices where good[i] != UInt8(ascii: ".") {
            var changed = good
            // Another character of the alphabet, in the bits that count.
            changed[i] = good[i] == UInt8(ascii: "Q") ? UInt8(ascii: "h") : UInt8(ascii: "Q")
            if case .success = Self.verify(String(decoding: changed, as: UTF8.self)) { Issue.record("byte \(i)") }
        }
    }
}
