/// Which web origins may read answers (the Fetch standard's CORS protocol).
public struct CORSPolicy: Sendable {
    /// `*`, or the origins as browsers send them (`https://console.example.org`). Empty turns CORS off.
    public var origins: [String] = ["*"]
    /// How long a browser may keep a preflight's answer, in seconds.
    public var maxAgeSeconds = 600
    /// Response fields that scripts may read besides the safe-listed ones.
    public var exposed = "X-Request-Id, ETag, Content-Range"

    public init() {}

    var isAny: Bool { origins == ["*"] }

    /// The value of `Access-Control-Allow-Origin` for a request's `Origin`, or nil when it is not let in.
    func allowed(_ origin: String?) -> String? {
        guard let origin else { return nil }
        if isAny { return "*" }
        return origins.contains(origin) ? origin : nil
    }
}
