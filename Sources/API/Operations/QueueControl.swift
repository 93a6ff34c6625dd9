public import Bytes
public import Postgres

/// Pause and limits: what operators set for a whole queue or kind, across the fleet.
public struct QueueControl {
    let pool: PostgresPool

    public init(_ pool: PostgresPool) { self.pool = pool }

    // MARK: Pause

    private static let pause = Statement("INSERT INTO heliograph.paused_queue (name, paused_by) VALUES ($1, $2) ON CONFLICT DO NOTHING")
    private static let resume = Statement("DELETE FROM heliograph.paused_queue WHERE name = $1")
    static let paused = Statement("SELECT name AS queue, paused_at AS since, paused_by AS by FROM heliograph.paused_queue ORDER BY name")

    /// Lets no job of a queue start any more, or of any with `*`; running ones go on. `{"queue","paused":true,"changed"}`.
    public func pause(_ queue: String, by who: String) async throws -> JSONValue { try await change(queue, isPaused: true, who) }

    /// Takes a pause back. A queue stays paused while `*` is.
    public func resume(_ queue: String, by who: String) async throws -> JSONValue { try await change(queue, isPaused: false, who) }

    private func change(_ queue: String, isPaused: Bool, _ who: String) async throws -> JSONValue {
        try Self.check("queue", queue)
        return try await refusing {
            try await pool.transaction { transaction in
                let count = try await transaction.execute(
                    isPaused ? Self.pause : Self.resume, isPaused ? Parameters(queue, who) : Parameters(queue))
                if count > 0 { try await AuditTrail.note(transaction, who, isPaused ? "pause" : "resume", queue) }
                return ["queue": .string(queue), "paused": .bool(isPaused), "changed": .bool(count > 0)]
            }
        }
    }

    /// The rule for names of queues and kinds.
    static func check(_ what: String, _ name: String) throws(OperationError) {
        guard (1...256).contains(name.utf8.count), !name.utf8.contains(0) else { throw .invalid("\(what) must have 1 to 256 bytes and no NUL") }
    }

    // MARK: Limits

    /// What a kind may do across the fleet. What is nil is not limited.
    public struct Limit: Hashable, Sendable {
        /// Jobs running at once; 0 stops the kind.
        public var maxRunning: Int?
        public var perSecond: Double?
        /// Starts that may come at once after a quiet time; nil = those of a second, at least one.
        public var burst: Int?

        public init(maxRunning: Int? = nil, perSecond: Double? = nil, burst: Int? = nil) {
            self.maxRunning = maxRunning
            self.perSecond = perSecond
            self.burst = burst
        }

        public static let maxPerSecond = 1_000_000.0

        var fault: String? {
            if maxRunning == nil, perSecond == nil { return "a limit needs a number of running jobs or a rate" }
            if let maxRunning, !(0...1_000_000).contains(maxRunning) { return "max_running must be 0 to 1000000" }
            if let perSecond, !(0.000_01...Self.maxPerSecond).contains(perSecond) { return "per_second must be 0.00001 to 1000000" }
            if let burst, !(1...1_000_000).contains(burst) { return "burst must be 1 to 1000000" }
            if burst != nil, perSecond == nil { return "burst goes with a rate" }
            return nil
        }

        var tokens: Int { burst ?? max(1, Int((perSecond ?? 1).rounded(.up))) }
    }

    private static let columns = "kind, max_running, per_second, CASE WHEN per_second IS NOT NULL THEN burst END AS burst"
    private static let limits = Statement("SELECT \(columns) FROM heliograph.job_limit ORDER BY kind")
    private static let set = Statement(
        """
        INSERT INTO heliograph.job_limit AS l (kind, max_running, per_second, burst, tokens) VALUES ($1, $2::bigint, $3, $4::bigint, $4::bigint)
        ON CONFLICT (kind) DO UPDATE SET max_running = excluded.max_running, per_second = excluded.per_second, burst = excluded.burst,
            tokens = least(l.tokens, excluded.burst)
        RETURNING \(columns)
        """)
    private static let remove = Statement("DELETE FROM heliograph.job_limit WHERE kind = $1")

    /// `[{"kind","max_running","per_second","burst"}]`.
    public func limits() async throws -> JSONValue { try await pool.query(Self.limits, retryOnLoss: true).objects() }

    /// Sets a kind's limit as a whole; returns it as `limits` shows it.
    public func limit(_ kind: String, _ limit: Limit, by who: String) async throws -> JSONValue {
        try Self.check("kind", kind)
        if let fault = limit.fault { throw OperationError.invalid(fault) }
        return try await refusing {
            try await pool.transaction { transaction in
                let rows = try await transaction.query(Self.set, Parameters(kind, limit.maxRunning, limit.perSecond, limit.tokens))
                let now = try rows.object() ?? .null
                try await AuditTrail.note(transaction, who, "limit", kind, now)
                return now
            }
        }
    }

    /// Takes a kind's limit away; throws `unknown` where there is none.
    public func unlimit(_ kind: String, by who: String) async throws {
        try Self.check("kind", kind)
        try await refusing {
            try await pool.transaction { transaction in
                if try await transaction.execute(Self.remove, Parameters(kind)) == 0 { throw OperationError.unknown("kind \(kind) has no limit") }
                try await AuditTrail.note(transaction, who, "unlimit", kind)
            }
        }
    }
}
