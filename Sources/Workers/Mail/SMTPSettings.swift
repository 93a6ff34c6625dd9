/// A mail server and how to talk to it.
public struct SMTPSettings: Sendable {
    public enum Security: String, Sendable, CaseIterable {
        /// Plain until STARTTLS, without which nothing is sent.
        case starttls
        /// TLS from the first byte.
        case tls
        /// Plain: for a relay on the same machine.
        case none
    }

    /// A name, or an address.
    public var host: String
    public var port: Int
    public var security: Security
    /// Empty: no AUTH.
    public var username: String
    public var password: String
    /// Certificates to trust instead of the system's, as a PEM file; empty: the system's.
    public var caFile: String
    /// Limit of a mail from connecting to the last answer, ms.
    public var timeoutMs: Int
    /// What the server is greeted with.
    public var helo: String

    /// Limit of name, connection and TLS, ms, where the whole has more.
    static let connectMs = 10_000
    /// How long a connection is kept after a mail, ms: bursts share one.
    static let idleMs: Int64 = 5_000

    public init(
        host: String, port: Int = 587, security: Security = .starttls, username: String = "", password: String = "", caFile: String = "",
        timeoutMs: Int = 15_000, helo: String
    ) {
        self.host = host
        self.port = port
        self.security = security
        self.username = username
        self.password = password
        self.caFile = caFile
        self.timeoutMs = timeoutMs
        self.helo = helo
    }

    var url: String {
        let name = host.utf8.contains(UInt8(ascii: ":")) && !host.hasPrefix("[") ? "[\(host)]" : host
        return "\(security == .tls ? "smtps" : "smtp")://\(name):\(port)/\(helo)"
    }
}
