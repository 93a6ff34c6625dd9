import Postgres

/// What one loop has to tell `/metrics`.
struct NodeSample: Sendable {
    var http: ServerCounters
    var pool: PostgresPool.Gauges
    var busPending: Int
    var busIsUp: Bool
    var busGaps: Int
    /// Topics whose last value is kept.
    var topics: Int

    static func + (a: NodeSample, b: NodeSample) -> NodeSample {
        var sum = a
        sum.http = a.http + b.http
        sum.pool.connected += b.pool.connected
        sum.pool.idle += b.pool.idle
        sum.pool.busy += b.pool.busy
        sum.pool.reserved += b.pool.reserved
        sum.pool.inFlight += b.pool.inFlight
        sum.pool.waiting += b.pool.waiting
        sum.pool.queries += b.pool.queries
        sum.pool.errors += b.pool.errors
        sum.pool.losses += b.pool.losses
        sum.busPending += b.busPending
        sum.busIsUp = a.busIsUp && b.busIsUp
        sum.busGaps += b.busGaps
        sum.topics += b.topics
        return sum
    }
}

/// The Prometheus text exposition format, version 0.0.4.
struct MetricsText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private var text = ""

    init(_ sample: NodeSample, loops: Int) {
        add("heliograph_api_loops", loops)
        for (name, value) in sample.http.named { add("heliograph_http_\(name)", value) }
        text += "# TYPE heliograph_http_responses_total counter\n"
        for (i, count) in sample.http.byClass.enumerated() where i > 0 { text += "heliograph_http_responses_total{class=\"\(i)xx\"} \(count)\n" }
        let pool = sample.pool
        for (name, value) in [
            ("connected", pool.connected), ("idle", pool.idle), ("busy", pool.busy), ("reserved", pool.reserved), ("in_flight", pool.inFlight),
            ("waiting", pool.waiting), ("queries_total", pool.queries), ("errors_total", pool.errors), ("losses_total", pool.losses),
        ] { add("heliograph_postgres_\(name)", value) }
        add("heliograph_bus_up", sample.busIsUp ? 1 : 0)
        add("heliograph_bus_pending_calls", sample.busPending)
        add("heliograph_bus_gaps_total", sample.busGaps)
        add("heliograph_topics", sample.topics)
    }

    var bytes: [UInt8] { Array(text.utf8) }

    private mutating func add(_ name: String, _ value: Int) {
        text += "# TYPE \(name) \(name.hasSuffix("_total") ? "counter" : "gauge")\n\(name) \(value)\n"
    }
}
