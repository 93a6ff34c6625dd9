import Bytes
import CSodium
import HTTP
import Secrets

/// Access tokens: JSON Web Tokens signed with HMAC-SHA-256 (RFC 7515, 7519). Pure: keys and time are parameters.
struct WebToken: Equatable {
    /// The account's UUID, and the session that it was issued in.
    var account: String
    var session: String
    var issuedAt: Int64
    /// s since 1970.
    var expiresAt: Int64

    /// How long one is good, s.
    static let lifetimeSeconds: Int64 = 1_800
    /// Longer texts are none of ours, bytes.
    static let maxBytes = 1_024

    enum Fault: Error, Equatable {
        case malformed
        /// Another algorithm than ours; `none` too.
        case algorithm
        case unknownKey(String)
        case signature
        case expired
    }

    struct Key {
        var id: String
        var secret: [UInt8]
    }

    func signed(with key: Key) -> String {
        let header = JSONWriter.bytes { w in
            w.member("alg", "HS256")
            w.member("typ", "JWT")
            w.member("kid", key.id)
        }
        let claims = JSONWriter.bytes { w in
            w.member("sub", account)
            w.member("sid", session)
            w.member("iat", Int(issuedAt))
            w.member("exp", Int(expiresAt))
        }
        let text = Base64.encodeURL(header) + "." + Base64.encodeURL(claims)
        return text + "." + Base64.encodeURL(Self.mac(Array(text.utf8), key.secret))
    }

    /// Verifies a token's text. The key is found by its id; the signature is looked at before anything that it covers is believed.
    static func verify(_ text: String, nowSeconds: Int64, keys: [Key]) -> Result<WebToken, Fault> {
        let bytes = Array(text.utf8)
        guard bytes.count <= maxBytes else { return .failure(.malformed) }
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let header = json(parts[0]), let claims = json(parts[1]) else { return .failure(.malformed) }
        guard header["alg"]?.string == "HS256", header["typ"].map({ $0.string == "JWT" }) ?? true, header["crit"] == nil else { return .failure(.algorithm) }
        guard let id = header["kid"]?.string else { return .failure(.malformed) }
        guard let key = keys.first(where: { $0.id == id }) else { return .failure(.unknownKey(id)) }
        guard let signature = Base64.decodeURL(parts[2]), Secret.equal(mac(Array(bytes[..<parts[1].endIndex]), key.secret), signature) else {
            return .failure(.signature)
        }
        guard let account = claims["sub"]?.string, let session = claims["sid"]?.string, let issuedAt = claims["iat"]?.int, let expiresAt = claims["exp"]?.int
        else { return .failure(.malformed) }
        guard nowSeconds < expiresAt else { return .failure(.expired) }
        return .success(WebToken(account: account, session: session, issuedAt: Int64(issuedAt), expiresAt: Int64(expiresAt)))
    }

    private static func json(_ part: ArraySlice<UInt8>) -> JSONValue? {
        guard let bytes = Base64.decodeURL(part), let value = try? JSONValue.parse(bytes), value.object != nil else { return nil }  // ok: no JSON is no token
        return value
    }

    private static func mac(_ text: [UInt8], _ secret: [UInt8]) -> [UInt8] {
        var state = crypto_auth_hmacsha256_state()
        var out = [UInt8](repeating: 0, count: Int(crypto_auth_hmacsha256_BYTES))
        crypto_auth_hmacsha256_init(&state, secret, secret.count)
        crypto_auth_hmacsha256_update(&state, text, UInt64(text.count))
        crypto_auth_hmacsha256_final(&state, &out)
        return out
    }
}

extension JSONWriter {
    /// One object as bytes.
    fileprivate static func bytes(_ members: (inout JSONWriter) -> Void) -> [UInt8] {
        var w = JSONWriter()
        w.object { members(&$0) }
        return w.bytes
    }
}
