import Bytes

/// The token that a request carries (RFC 6750 §2.1).
enum BearerToken {
    /// Ours have 68 bytes, access tokens some 350; a longer one than this is none.
    static let maxBytes = 1_024

    /// nil when the header is absent, of another scheme, or not a token's text.
    static func of(_ request: Request) -> String? {
        guard let field = request.header("authorization") else { return nil }
        let bytes = field.utf8
        guard let space = bytes.firstIndex(of: UInt8(ascii: " ")), ASCII.equalsIgnoringCase(bytes[..<space], "bearer") else { return nil }
        let token = bytes[space...].drop { $0 == UInt8(ascii: " ") }
        return isToken(token) ? String(decoding: token, as: UTF8.self) : nil
    }

    /// For WebSockets: browsers cannot set their header fields.
    static func ofWebSocket(_ request: Request) throws(APIError) -> String? {
        if let token = of(request) { return token }
        guard let token = try request.text("access_token") else { return nil }
        return isToken(token.utf8) ? token : nil
    }

    private static func isToken(_ text: some Collection<UInt8>) -> Bool {
        (1...maxBytes).contains(text.count) && text.allSatisfy { (0x21...0x7E).contains($0) }
    }
}

extension APIError {
    /// The same with `WWW-Authenticate` (RFC 6750 §3).
    /// - Parameter code: nil where no token came.
    func challenging(_ code: String?, scope: String? = nil) -> APIError {
        let attributes = [("error", code), ("scope", scope)].compactMap { name, value in value.map { ", \(name)=\"\($0)\"" } }
        return adding("WWW-Authenticate", "Bearer realm=\"heliograph\"" + attributes.joined())
    }
}
