import Bytes
import HTTP

/// What an account is known by: the token that requests carry, and the one that gets the next pair and is used up by that.
struct TokenPair: Equatable {
    var access: String
    var refresh: String

    /// `{"access_token":…,"refresh_token":…}`, as a token file and the service write it. nil: it is none.
    init?(json: [UInt8]) {
        guard case .success(let json) = Result(catching: { () throws(JSONError) in try JSONValue.parse(json) }) else { return nil }
        self.init(json["access_token"], json["refresh_token"])
    }

    init?(_ access: JSONValue?, _ refresh: JSONValue?) {
        guard let access = access?.string, let refresh = refresh?.string, Self.isToken(access), Self.isToken(refresh) else { return nil }
        self.access = access
        self.refresh = refresh
    }

    init(access: String, refresh: String) {
        self.access = access
        self.refresh = refresh
    }

    var json: [UInt8] { (["access_token": .string(access), "refresh_token": .string(refresh)] as JSONValue).bytes }

    /// It goes into a header field.
    private static func isToken(_ text: String) -> Bool { (1...16_384).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } }

    // MARK: What the access token says of itself

    /// `iss`, where it is a JWT.
    var issuer: String? { claims?["iss"]?.string }
    /// When it ends and when it was made, where it is a JWT.
    var expiresAt: Timestamp? { claims?["exp"]?.int.map { Timestamp(seconds: Int64($0)) } }
    var issuedAt: Timestamp? { claims?["iat"]?.int.map { Timestamp(seconds: Int64($0)) } }

    private var claims: JSONValue? {
        let parts = access.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let payload = Base64.decodeURL(parts[1].utf8) else { return nil }
        guard case .success(let claims) = Result(catching: { () throws(JSONError) in try JSONValue.parse(payload) }) else { return nil }
        return claims
    }

    /// China's accounts are served there (reference §3.1): by the issuer's domain, or by the beginning of a token that is no JWT.
    var isChinese: Bool {
        if let issuer {
            let host = issuer.split(separator: "/").first { $0.contains(".") } ?? ""
            return host.hasSuffix(".cn")
        }
        return access.hasPrefix("cn-")
    }
}

/// Where an account's service is.
struct VehicleHosts: Equatable {
    var api: String
    var auth: String
    var stream: String

    init(_ tokens: TokenPair, _ options: VehicleOptions) {
        let isChinese = tokens.isChinese
        api = isChinese ? "https://owner-api.vn.cloud.tesla.cn" : "https://owner-api.teslamotors.com"
        auth = isChinese ? "https://auth.tesla.cn" : "https://auth.tesla.com"
        stream = isChinese ? "wss://streaming.vn.cloud.tesla.cn/streaming/" : "wss://streaming.vn.teslamotors.com/streaming/"
        if !options.apiURL.isEmpty { api = Self.withoutSlash(options.apiURL) }
        if !options.authURL.isEmpty { auth = Self.withoutSlash(options.authURL) }
        if !options.streamURL.isEmpty { stream = options.streamURL }
    }

    private static func withoutSlash(_ url: String) -> String { url.hasSuffix("/") ? String(url.dropLast()) : url }
}
