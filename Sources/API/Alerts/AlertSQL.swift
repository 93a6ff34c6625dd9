import Postgres
import Protocol

/// The statements on alert rules and events.
enum AlertSQL {
    // MARK: Rules

    private static let ruleColumns =
        """
        r.id, (SELECT a.id FROM heliograph.account AS a WHERE a.number = r.account), r.name, r.alert_type, r.level, r.cooldown_minutes, r.enabled,
        r.notify_email, r.created_at, r.updated_at
        """
    static let rule = RowObject(
        names: ["id", "user_id", "name", "alert_type", "level", "cooldown_minutes", "enabled", "notify_email", "created_at", "updated_at"], first: 0)

    /// Account, name, type, level, cooldown, enabled, mail: no row where the account has an enabled rule of the type.
    static let createRule = Statement(
        """
        WITH r AS (
            INSERT INTO heliograph.alert_rule (account, name, alert_type, level, cooldown_minutes, enabled, notify_email)
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account, alert_type) WHERE enabled DO NOTHING RETURNING *
        )
        SELECT \(ruleColumns) FROM r
        """)

    /// The newest first.
    static let rules = Statement(
        "SELECT \(ruleColumns) FROM heliograph.alert_rule AS r WHERE r.account = $1 ORDER BY r.created_at DESC, r.id LIMIT 1000")

    /// Account, rule, name, type, level, cooldown, enabled, mail: null leaves them. A second enabled rule of a type breaks the unique index.
    static let updateRule = Statement(
        """
        WITH r AS (
            UPDATE heliograph.alert_rule AS r SET name = coalesce($3, r.name), alert_type = coalesce($4, r.alert_type), level = coalesce($5, r.level),
                cooldown_minutes = coalesce($6, r.cooldown_minutes), enabled = coalesce($7, r.enabled),
                notify_email = coalesce($8, r.notify_email), updated_at = now()
            WHERE r.account = $1 AND r.id = $2::uuid RETURNING r.*
        )
        SELECT \(ruleColumns) FROM r
        """)

    static let deleteRule = Statement("DELETE FROM heliograph.alert_rule WHERE account = $1 AND id = $2::uuid")

    // MARK: Events

    static let event = RowObject(names: AlertEvent.members)

    /// Account, device, level, status, type, size, offset: the number of all in the first column of each row; a page without events has one row of
    /// it and nulls.
    static let events = Statement(
        """
        WITH \(DevicePermission.mine), found AS NOT MATERIALIZED (
            SELECT e.id, e.triggered_at FROM mine JOIN heliograph.alert_event AS e ON e.device = mine.number
            WHERE ($2::text IS NULL OR e.device = (SELECT d.number FROM heliograph.device AS d WHERE d.id = $2::text::uuid))
                AND ($3::text IS NULL OR e.level = $3) AND ($4::text IS NULL OR e.status = $4) AND ($5::text IS NULL OR e.alert_type = $5)
        )
        SELECT (SELECT count(*) FROM found), \(AlertEvent.columns)
        FROM (SELECT) AS one
        LEFT JOIN (SELECT id FROM found ORDER BY triggered_at DESC, id LIMIT $6 OFFSET $7) AS page ON true
        LEFT JOIN heliograph.alert_event AS e ON e.id = page.id
        LEFT JOIN heliograph.device AS d ON d.number = e.device
        ORDER BY e.triggered_at DESC, e.id
        """)

    /// Event, account: the account's permission and the event as it is then. The event's row is locked first, so that the answer is of the state that
    /// was found even where the evaluator resolves it at the same time.
    static let acknowledge = change("e.status = 'active'", "status = 'acknowledged', acknowledged_at = now()")
    static let resolve = change("e.status <> 'resolved'", "status = 'resolved', resolved_at = now()")

    private static func change(_ condition: String, _ assignment: String) -> Statement {
        Statement(
            """
            WITH seen AS (
                SELECT heliograph.device_permission(d.number, d.owner, $2) AS permission, e.*
                FROM heliograph.alert_event AS e JOIN heliograph.device AS d ON d.number = e.device WHERE e.id = $1::uuid FOR UPDATE OF e
            ), changed AS (
                UPDATE heliograph.alert_event AS e SET \(assignment) FROM seen AS s
                WHERE e.id = s.id AND s.permission IN \(DevicePermission.write.orMore) AND \(condition)
                RETURNING s.permission, e.*
            ), e AS (SELECT * FROM changed UNION ALL SELECT * FROM seen WHERE NOT EXISTS (SELECT FROM changed))
            SELECT e.permission, \(AlertEvent.columns) FROM e JOIN heliograph.device AS d ON d.number = e.device
            """)
    }

    /// Device, account.
    static let activeCount = Statement(
        """
        SELECT heliograph.device_permission(d.number, d.owner, $2),
            (SELECT count(*) FROM heliograph.alert_event AS e WHERE e.device = d.number AND e.status = 'active')
        FROM heliograph.device AS d WHERE d.id = $1::uuid
        """)
}
