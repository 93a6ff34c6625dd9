public import Bytes
public import Postgres
public import Protocol

/// A schedule as an operator orders it.
public struct ScheduleOrder: Sendable {
    public var name: String
    public var cron: String
    public var zone: String
    public var job: JobOrder
    public var catchUp: CatchUp

    public init(name: String, cron: String, zone: String = "UTC", job: JobOrder, catchUp: CatchUp = .last) {
        self.name = name
        self.cron = cron
        self.zone = zone
        self.job = job
        self.catchUp = catchUp
    }

    /// How far back `all` reaches unless told otherwise, in seconds.
    public static let defaultWindowSeconds: Int64 = 86_400
    /// Each slot's job carries the name in a tag of at most 128 bytes.
    public static let maxNameBytes = 100

    public static func catchUp(_ word: String, windowSeconds: Int64? = nil) throws(OperationError) -> CatchUp {
        if windowSeconds != nil, word != "all" { throw .invalid("a window goes with catch-up 'all'") }
        switch word {
        case "none": return .none
        case "last": return .last
        case "all": return .all(seconds: windowSeconds ?? defaultWindowSeconds)
        default: throw .invalid("catch-up must be none, last or all")
        }
    }

    var fault: String? {
        if name.utf8.count > Self.maxNameBytes { return "name must have at most \(Self.maxNameBytes) bytes" }
        if (job.json["tags"]?.array ?? []).count > 31 { return "at most 31 tags: one names the schedule" }
        return JobSchedule(name: name, cron: cron, zone: zone, draft: job.draft, catchUp: catchUp).fault
    }

    var catchUpWord: String {
        switch catchUp {
        case .none: "none"
        case .last: "last"
        case .all: "all"
        }
    }

    var windowSeconds: Int64 {
        if case .all(let seconds) = catchUp { return seconds }
        return Self.defaultWindowSeconds
    }
}

/// Periodic jobs, as operators make and change them; the upkeep worker runs their slots.
public struct ScheduleQueries {
    let pool: PostgresPool

    public init(_ pool: PostgresPool) { self.pool = pool }

    private static let columns = "name, cron, zone, draft, catch_up, window_s, paused, decided_to, error, changed_at"
    private static let slots = "(SELECT max(slot) FROM heliograph.job_slot WHERE schedule = name) AS last_slot"
    private static let all = Statement("SELECT \(columns), \(slots) FROM heliograph.job_schedule ORDER BY name")
    private static let one = Statement("SELECT \(columns), \(slots) FROM heliograph.job_schedule WHERE name = $1")

    /// All schedules by name, with the last slot that ran.
    public func list() async throws -> JSONValue { try await pool.query(Self.all, retryOnLoss: true).objects() }

    /// One, or nil.
    public func show(_ name: String) async throws -> JSONValue? {
        try await refusing { try await pool.query(Self.one, Parameters(name), retryOnLoss: true).object() }
    }

    // MARK: Changing

    /// Raises where the zone is unknown, and tells the first rule that the job breaks.
    private static let check = Statement(
        """
        SELECT now() AT TIME ZONE $1 IS NULL, heliograph.draft_fault(
            d.kind, d.args, d.queue, d.priority, NULL, d.max_attempts, d.timeout_ms, ARRAY(SELECT jsonb_array_elements_text(d.tags)), d.ordering_key)
        FROM (
            SELECT $2 ->> 'kind' AS kind, coalesce($2 -> 'args', '{}') AS args, coalesce($2 ->> 'queue', 'default') AS queue,
                coalesce(($2 ->> 'priority')::integer, 5) AS priority, coalesce(($2 ->> 'max_attempts')::integer, 25) AS max_attempts,
                coalesce(($2 ->> 'timeout_ms')::integer, 0) AS timeout_ms, coalesce($2 -> 'tags', '[]') AS tags, $2 ->> 'ordering_key' AS ordering_key
        ) AS d
        """)
    private static let insert = Statement(
        """
        INSERT INTO heliograph.job_schedule (name, cron, zone, draft, catch_up, window_s) VALUES ($1, $2, $3, $4, $5, $6::bigint)
        ON CONFLICT DO NOTHING
        """)
    /// Slots of another time table are not made up for.
    private static let replace = Statement(
        """
        INSERT INTO heliograph.job_schedule AS s (name, cron, zone, draft, catch_up, window_s) VALUES ($1, $2, $3, $4, $5, $6::bigint)
        ON CONFLICT (name) DO UPDATE SET cron = excluded.cron, zone = excluded.zone, draft = excluded.draft, catch_up = excluded.catch_up,
            window_s = excluded.window_s, error = NULL, changed_at = now(),
            decided_to = CASE WHEN (s.cron, s.zone) = (excluded.cron, excluded.zone) THEN s.decided_to ELSE now() END
        """)

    /// Adds a schedule, and returns it; `replacing` lets it take the place of one of the same name, which stays paused if it was.
    public func add(_ order: ScheduleOrder, replacing: Bool = false, by who: String) async throws -> JSONValue {
        if let fault = order.fault { throw OperationError.invalid(fault) }
        return try await refusing {
            try await pool.transaction { transaction in
                let checked = try await transaction.query(Self.check, Parameters(order.zone, order.job.json))
                if let fault = try checked.stringIfPresent(0, 1) { throw OperationError.invalid(fault) }
                let parameters = Parameters(order.name, order.cron, order.zone, order.job.json, order.catchUpWord, order.windowSeconds)
                if try await transaction.execute(replacing ? Self.replace : Self.insert, parameters) == 0 {
                    throw OperationError.conflict("there is a schedule \(order.name) already")
                }
                let schedule = try await transaction.query(Self.one, Parameters(order.name)).object() ?? .null
                try await AuditTrail.note(
                    transaction, who, "schedule", order.name, ["cron": .string(order.cron), "zone": .string(order.zone), "job": order.job.json])
                return schedule
            }
        }
    }

    /// What was missed while a schedule was paused is not made up for.
    private static let setPaused = Statement(
        """
        UPDATE heliograph.job_schedule SET paused = $2, changed_at = now(), decided_to = CASE WHEN $2 THEN decided_to ELSE now() END
        WHERE name = $1 AND paused <> $2
        """)
    private static let delete = Statement("DELETE FROM heliograph.job_schedule WHERE name = $1")
    private static let run = Statement(
        """
        SELECT heliograph.enqueue_many(jsonb_build_array(
            draft || jsonb_build_object('tags', coalesce(draft -> 'tags', '[]') || jsonb_build_array('schedule:' ||
                left(name, CASE WHEN octet_length(name) = length(name) THEN 100 ELSE 29 END)))))
        FROM heliograph.job_schedule WHERE name = $1
        """)

    /// `{"name","paused","changed"}`; throws `unknown`.
    public func pause(_ name: String, _ isPaused: Bool, by who: String) async throws -> JSONValue {
        try await change(name, who, isPaused ? "schedule pause" : "schedule resume") { transaction in
            let count = try await transaction.execute(Self.setPaused, Parameters(name, isPaused))
            if count == 0, try await transaction.query(Self.one, Parameters(name)).isEmpty { return nil }
            return (["name": .string(name), "paused": .bool(isPaused), "changed": .bool(count > 0)], isChange: count > 0)
        }
    }

    /// `{"name","removed":true}`. Its jobs stay.
    public func remove(_ name: String, by who: String) async throws -> JSONValue {
        try await change(name, who, "schedule remove") { transaction in
            let count = try await transaction.execute(Self.delete, Parameters(name))
            return count == 0 ? nil : (["name": .string(name), "removed": true], isChange: true)
        }
    }

    /// Enqueues its job now, beside its slots: `{"name","id"}`.
    public func run(_ name: String, by who: String) async throws -> JSONValue {
        try await change(name, who, "schedule run") { transaction in
            let rows = try await transaction.query(Self.run, Parameters(name))
            return rows.isEmpty ? nil : (["name": .string(name), "id": .int(try rows.int(0, 0))], isChange: true)
        }
    }

    private func change(
        _ name: String, _ who: String, _ action: String, _ body: (PostgresTransaction) async throws -> (JSONValue, isChange: Bool)?
    ) async throws -> JSONValue {
        try await refusing {
            try await pool.transaction { transaction in
                guard let (result, isChange) = try await body(transaction) else { throw OperationError.unknown("there is no schedule \(name)") }
                if isChange { try await AuditTrail.note(transaction, who, action, name, result["id"].map { ["job": $0] } ?? [:]) }
                return result
            }
        }
    }
}
