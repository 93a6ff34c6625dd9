public import Bytes
public import Postgres

/// A replay as an operator orders it: finished jobs that match a filter run again as new jobs.
public struct ReplayOrder: Sendable {
    public static let rates = 0.001...20_000.0

    /// See `heliograph.filter_sql` for its members.
    public var filter: JSONValue
    public var perSecond: Double
    /// Walks and counts, and enqueues nothing.
    public var isDryRun: Bool
    /// Where the new jobs go; nil = as the old ones.
    public var queue: String?
    public var priority: Int?

    public init(filter: JSONValue, perSecond: Double = 2000, isDryRun: Bool = false, queue: String? = nil, priority: Int? = nil) {
        self.filter = filter
        self.perSecond = perSecond
        self.isDryRun = isDryRun
        self.queue = queue
        self.priority = priority
    }

    func check() throws(OperationError) {
        try Self.check(filter)
        guard Self.rates.contains(perSecond) else { throw .invalid("the rate must be 0.001 to 20000 a second") }
        if let queue { try QueueControl.check("queue", queue) }
        if let priority, !(1...9).contains(priority) { throw .invalid("priority must be 1 to 9") }
    }

    /// Times in RFC 3339 only: the database would take `yesterday` too, and in its own zone. It checks the rest.
    static func check(_ filter: JSONValue) throws(OperationError) {
        guard let members = filter.object else { throw .invalid("filter must be an object") }
        for (name, value) in members where name == "since" || name == "until" {
            guard let text = value.string, RFC3339.parse(text) != nil else { throw .invalid("filter: \(name) must be a time like 2026-01-31T08:00:00Z") }
        }
    }
}

/// Replay operations: previewed, begun and steered here, run by the upkeep worker.
public struct ReplayQueries {
    let pool: PostgresPool

    public init(_ pool: PostgresPool) { self.pool = pool }

    private static let preview = Statement("SELECT matches, sample FROM heliograph.preview_replay($1, $2::bigint::integer)")

    /// `{"matches","sample":[job]}`: how many finished jobs a filter matches, and the newest of them.
    public func preview(_ filter: JSONValue, examples: Int = 10) async throws -> JSONValue {
        try ReplayOrder.check(filter)
        let found = try await refusing { try await pool.query(Self.preview, Parameters(filter, min(max(examples, 0), 100)), retryOnLoss: true) }
        let sample = try await JobQueries(pool).finished(try found.int64Array(0, 1))
        var w = JSONWriter()
        try sample.write(to: &w)
        return ["matches": .int(try found.int(0, 0)), "sample": try JSONValue.parse(w.bytes)]
    }

    private static let start = Statement("SELECT heliograph.start_replay($1, $2, $3, $4, $5, $6::bigint::integer)")

    /// Begins a replay and returns it. Nothing matches: throws `unknown`.
    public func start(_ order: ReplayOrder, by who: String) async throws -> JSONValue {
        try order.check()
        let parameters = Parameters(order.filter, who, order.perSecond, order.isDryRun, order.queue, order.priority)
        let id = try await refusing { try await pool.query(Self.start, parameters).int64(0, 0) }
        return try await show(id) ?? ["id": .int(Int(id))]
    }

    // MARK: Looking

    private static let columns = """
        id, state, dry_run, filter, per_second, queue, priority, expected, found, enqueued, skipped, error, who, created_at, stepped_at, finished_at
        """
    private static let newest = Statement("SELECT \(columns) FROM heliograph.replay ORDER BY id DESC LIMIT $1")
    private static let one = Statement("SELECT \(columns) FROM heliograph.replay WHERE id = $1")

    /// Newest first.
    public func list(limit: Int = 50) async throws -> JSONValue {
        try await pool.query(Self.newest, Parameters(min(max(limit, 1), 500)), retryOnLoss: true).objects()
    }

    /// One, or nil.
    public func show(_ id: Int64) async throws -> JSONValue? { try await pool.query(Self.one, Parameters(id), retryOnLoss: true).object() }

    // MARK: Steering

    public enum Turn: String, Sendable, CaseIterable {
        case pause, resume, cancel

        fileprivate var from: [String] { self == .pause ? ["running"] : self == .resume ? ["paused"] : ["running", "paused"] }
        fileprivate var to: String { self == .pause ? "paused" : self == .resume ? "running" : "cancelled" }
    }

    private static let move = Statement(
        """
        UPDATE heliograph.replay SET state = $2, finished_at = CASE WHEN $2 = 'cancelled' THEN now() END
        WHERE id = $1 AND state = ANY ($3)
        """)

    /// Pauses, resumes or cancels; returns the replay. Jobs that it has made already stay. Throws `unknown`, and `conflict` where its state does not
    /// allow it.
    public func turn(_ id: Int64, _ turn: Turn, by who: String) async throws -> JSONValue {
        try await refusing {
            try await pool.transaction { transaction in
                let count = try await transaction.execute(Self.move, Parameters(id, turn.to, turn.from))
                guard let replay = try await transaction.query(Self.one, Parameters(id)).object() else {
                    throw OperationError.unknown("there is no replay \(id)")
                }
                if count == 0 { throw OperationError.conflict("replay \(id) is \(replay["state"]?.string ?? "over")") }
                try await AuditTrail.note(transaction, who, "replay \(turn.rawValue)", String(id))
                return replay
            }
        }
    }
}
