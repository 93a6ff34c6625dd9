/// What one loop's server has done and holds; sum the loops' for `/metrics`.
public struct ServerCounters: Sendable {
    /// Gauges.
    public var connections = 0
    public var webSockets = 0
    /// Bytes that wait for clients to take them, as of the last sweep.
    public var queuedBytes = 0
    public var bodyBytesInFlight = 0

    /// Totals since the start.
    public var accepted = 0
    public var refusedConnections = 0
    public var acceptErrors = 0
    public var requests = 0
    /// Answers by status class: index 1 is 1xx, up to 5.
    public var byClass: [Int] = [0, 0, 0, 0, 0, 0]
    public var malformedRequests = 0
    public var timedOut = 0
    public var bytesIn = 0
    public var bytesOut = 0
    public var published = 0
    public var delivered = 0
    public var conflated = 0
    public var closedSlow = 0
    public var logLinesDropped = 0

    public init() {}

    public static func + (a: ServerCounters, b: ServerCounters) -> ServerCounters {
        var sum = a
        for path in Self.fields { sum[keyPath: path] += b[keyPath: path] }
        for i in sum.byClass.indices { sum.byClass[i] += b.byClass[i] }
        return sum
    }

    /// Names for `/metrics`, in order.
    public var named: [(name: String, value: Int)] {
        [
            ("connections", connections), ("websockets", webSockets), ("queued_bytes", queuedBytes), ("body_bytes_in_flight", bodyBytesInFlight),
            ("accepted_total", accepted), ("refused_connections_total", refusedConnections), ("accept_errors_total", acceptErrors),
            ("requests_total", requests), ("malformed_requests_total", malformedRequests), ("timed_out_total", timedOut), ("bytes_in_total", bytesIn),
            ("bytes_out_total", bytesOut), ("published_total", published), ("delivered_total", delivered), ("conflated_total", conflated),
            ("closed_slow_total", closedSlow), ("log_lines_dropped_total", logLinesDropped),
        ]
    }

    private static var fields: [WritableKeyPath<ServerCounters, Int>] {
        [
            \.connections, \.webSockets, \.queuedBytes, \.bodyBytesInFlight, \.accepted, \.refusedConnections, \.acceptErrors, \.requests,
            \.malformedRequests, \.timedOut, \.bytesIn, \.bytesOut, \.published, \.delivered, \.conflated, \.closedSlow, \.logLinesDropped,
        ]
    }
}
