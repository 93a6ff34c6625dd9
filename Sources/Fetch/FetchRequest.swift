/// A request over http or https, for `Fetcher.send`.
public struct FetchRequest: Sendable {
    public var method: String
    /// Only `http://` and `https://` go anywhere.
    public var url: String
    /// Fields beside those that the transfer itself needs. Control characters are refused.
    public var headers: [(String, String)]
    public var body: [UInt8]?
    /// From now to the last byte of the answer, whatever the time is spent on.
    public var deadlineMs: Int
    /// Of the answer's body; a longer one fails.
    public var maxBytes: Int
    /// Of the answer; in lower case.
    public var wantedFields: [String] = []
    /// How many redirects are followed; 0: a redirect is an answer like any other.
    public var redirects = 0

    public init(
        _ method: String = "GET", _ url: String, headers: [(String, String)] = [], body: [UInt8]? = nil, deadlineMs: Int = 10_000, maxBytes: Int = 1 << 20,
        wantedFields: [String] = []
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.deadlineMs = deadlineMs
        self.maxBytes = maxBytes
        self.wantedFields = wantedFields
    }
}

/// A whole answer, whatever its status.
public struct FetchAnswer: Sendable {
    public var status: Int
    /// The wanted ones that came, names in lower case.
    public var fields: [(name: String, value: String)] = []
    public var body: [UInt8]
    /// 1 for HTTP/1.x, 2 for HTTP/2.
    public var version: Int

    public subscript(_ name: String) -> String? { fields.first { $0.name == name }?.value }
}

/// Why there is no answer.
public struct FetchFailure: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Kind: String, Sendable {
        /// Not within the request's time.
        case timeout
        /// The connection did not come about, or broke.
        case connection
        /// The server could not prove who it is, or speaks no TLS that we accept.
        case tls
        /// The answer ended before its end.
        case truncated
        case tooLarge
        case cancelled
        /// The request itself is wrong: its URL or a field.
        case invalid
    }

    public var kind: Kind
    /// For people.
    public var reason: String

    public init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }

    public var description: String { "\(kind.rawValue): \(reason)" }
}

/// How a `Fetcher` goes about it.
public struct FetchOptions: Sendable {
    public var userAgent = "Heliograph"
    /// Certificates to trust instead of the system's, PEM; empty: the system's.
    public var caFile = ""
    /// Connections for requests; what needs more waits for one. Sockets of their own are not counted.
    public var mostConnections = 256
    /// Limit of a connection's making, ms; the request's own deadline counts too.
    public var connectMs = 5_000
    /// A connection that was idle for longer is not used again, s.
    public var idleSeconds = 60
    /// No connection is used for longer: names move, and so do the servers behind them, s.
    public var lifeSeconds = 900
    public init() {}
}

/// What a `Fetcher` has done.
public struct FetchCounters: Sendable {
    public var requests = 0
    public var failures = 0
    public var timeouts = 0
    public var cancelled = 0
    /// Connections made for requests.
    public var connections = 0
    /// Sockets of their own that were opened.
    public var sockets = 0
    public var bytes = 0
}
