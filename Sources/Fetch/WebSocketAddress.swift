/// A `ws://` or `wss://` URL, taken apart.
public struct WebSocketAddress: Hashable, Sendable {
    /// With `http` or `https`, which is what libcurl connects to.
    let connectURL: String
    /// Name and port, for `Host`.
    let host: String
    /// Path and query.
    let target: String

    /// nil for another scheme, a user in it, no host, or characters that have no place in a URL.
    public init?(_ url: String) {
        let scheme: String
        if url.hasPrefix("ws://") { scheme = "http" } else if url.hasPrefix("wss://") { scheme = "https" } else { return nil }
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        let rest = url[url.index(url.firstIndex(of: ":")!, offsetBy: 3)...].prefix { $0 != "#" }
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = rest[..<end]
        guard !authority.isEmpty, !authority.contains("@"), authority != ":" else { return nil }
        host = String(authority)
        let path = rest[end...]
        target = path.hasPrefix("/") ? String(path) : "/\(path)"
        connectURL = "\(scheme)://\(authority)/"
    }
}
