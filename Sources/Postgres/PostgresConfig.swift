/// Where PostgreSQL is and how its connections behave.
public struct PostgresConfig: Sendable {
    /// A libpq connection string or URI; several hosts are tried in turn (`target_session_attrs=read-write` finds the primary).
    /// A host that is neither a socket directory nor an address is resolved when a connection starts, which blocks its loop that long.
    public var connectionString: String
    public var applicationName: String

    /// How long one attempt to connect may take before the next host is tried.
    public var connectTimeoutMs = 5_000
    /// Pause before the first new attempt after a loss; it doubles up to `reconnectMaxMs`, and each pause is drawn from its upper half.
    public var reconnectMinMs = 50
    public var reconnectMaxMs = 2_000
    /// `statement_timeout` of every session; 0 is none.
    public var statementTimeoutMs = 30_000
    /// Further settings of every session, as SET takes them.
    public var settings: [(name: String, value: String)] = []
    /// How long a query waits for a connection before it fails as `unavailable`.
    public var waitLimitMs = 5_000
    /// Queries that may wait in a pool; more fail at once as `queueFull`.
    public var maxWaiting = 10_000
    /// Queries in flight on one connection: deep enough to hide the round trip, shallow enough that one slow query holds up few.
    public var pipelineDepth = 32
    /// Prepared statements kept on one connection; the least recently used one is closed past that.
    public var maxPrepared = 512
    /// Silence after which a connection with work in flight counts as dead, beyond `statementTimeoutMs`.
    public var stallGraceMs = 10_000

    public init(_ connectionString: String, applicationName: String = "heliograph") {
        self.connectionString = connectionString
        self.applicationName = applicationName
    }
}
