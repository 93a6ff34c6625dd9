public import HTTP

/// Every bound and time-out of a server, per loop. Times are milliseconds.
public struct ServerConfiguration: Sendable {
    public var limits = HTTPLimits()
    /// Connections a loop holds; one more is answered 503 and closed.
    public var maxConnections = 50_000
    /// From a request's first byte (or the connection's start) to the end of its head; then 408.
    public var headTimeoutMs: Int64 = 10_000
    /// Between two pieces of a body; then 408.
    public var bodyIdleMs: Int64 = 10_000
    /// For a whole body, however steadily it trickles; then 408.
    public var bodyTotalMs: Int64 = 120_000
    /// Between requests; then the connection is closed without a word.
    public var keepAliveIdleMs: Int64 = 75_000
    /// Without the client taking a byte of what waits for it; then it is cut.
    public var writeStallMs: Int64 = 30_000
    /// For the client's end after ours, so that a reset does not eat the last answer.
    public var lingerMs: Int64 = 2_000
    /// How often time-outs are looked at, in one sweep over all connections.
    public var sweepMs: Int64 = 1_000
    /// Bytes waiting on one connection above which no further request is read from it and streams pause.
    public var outputHighWater = 256 * 1024
    /// Bytes of unfinished request bodies over all connections of the loop; past it 503.
    public var bodyBytesInFlight = 256 * 1024 * 1024
    /// Pending connections the kernel keeps.
    public var backlog: Int32 = 1024

    /// Bytes of one WebSocket message from a client, over all its fragments; longer is closed with 1009.
    public var webSocketMaxMessage = 1024 * 1024
    /// Bytes waiting on one WebSocket above which it is conflated and, if that does not help, closed with 3008.
    public var webSocketQueue = 1024 * 1024
    /// Between pings. A peer that sends nothing for two of these is cut.
    public var pingMs: Int64 = 25_000

    /// Bodies of compressible types from this size on are gzipped for clients that take it.
    public var gzipMinimum = 1024
    public var cors = CORSPolicy()
    /// nil turns the access log off.
    public var accessLog: AccessLog.Target?

    public init() {}
}
