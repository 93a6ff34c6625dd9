import Postgres
import Protocol

/// The statements of the evaluator. A device's rows are written only with its row of `battery_latest` locked; those are locked in the order of devices.
enum AlertSQL {
    static let lock = Statement(
        "SELECT device, alert_state, offline_at FROM heliograph.battery_latest WHERE device = ANY($1::bigint[]) ORDER BY device FOR UPDATE")
    /// Devices that are heard for the first time, with their newest reports; those that are gone get none.
    static let begin = Statement(
        """
        INSERT INTO heliograph.battery_latest (device, recorded_at, level, temperature, voltage, is_charging, power_saving)
        SELECT u.device, u.at, u.level, u.temperature, u.voltage, u.charging, u.mode
        FROM unnest(\(BatteryTelemetry.arrays)) AS u(device, at, level, temperature, voltage, charging, mode)
        JOIN heliograph.device AS d ON d.number = u.device ORDER BY u.device ON CONFLICT DO NOTHING
        """)
    static let settings = Statement(
        """
        SELECT d.number, coalesce(d.owner, 0), d.low_battery, d.critical_battery, d.high_temperature, d.drain_percent, d.drain_minutes, d.report_interval_s, now()
        FROM heliograph.device AS d WHERE d.number = ANY($1::bigint[])
        """)
    static let rules = Statement(
        """
        SELECT r.account, r.alert_type, r.id::text, r.level, r.cooldown_minutes, r.notify_email FROM heliograph.alert_rule AS r
        WHERE r.enabled AND r.account IN (SELECT d.owner FROM heliograph.device AS d WHERE d.number = ANY($1::bigint[]))
        """)
    /// Devices, and from when on.
    static let tail = Statement(
        """
        SELECT r.device, r.recorded_at, r.level, r.temperature, r.is_charging
        FROM unnest($1::bigint[], $2::timestamptz[]) AS u(device, start) JOIN heliograph.battery_report AS r ON r.device = u.device AND r.recorded_at > u.start
        ORDER BY r.device, r.recorded_at
        """)
    /// Devices, from when on, and how far back the oldest event that was open then may lie.
    static let episodes = Statement(
        """
        SELECT e.device, e.alert_type, e.triggered_at, e.ended_at, e.value, e.threshold
        FROM unnest($1::bigint[], $2::timestamptz[]) AS u(device, start) JOIN heliograph.alert_event AS e
            ON e.device = u.device AND e.alert_type <> 'device_offline' AND e.triggered_at >= u.start
        ORDER BY e.device, e.triggered_at
        """)

    /// Newest reports, which may be older than what is there, and states.
    static let keep = Statement(
        """
        UPDATE heliograph.battery_latest AS l SET
            level = CASE WHEN l.recorded_at > u.at THEN l.level ELSE u.level END,
            temperature = CASE WHEN l.recorded_at > u.at THEN l.temperature ELSE u.temperature END,
            voltage = CASE WHEN l.recorded_at > u.at THEN l.voltage ELSE u.voltage END,
            is_charging = CASE WHEN l.recorded_at > u.at THEN l.is_charging ELSE u.charging END,
            power_saving = CASE WHEN l.recorded_at > u.at THEN l.power_saving ELSE u.mode END,
            recorded_at = greatest(l.recorded_at, u.at), seen_at = greatest(l.seen_at, now()), alert_state = u.state
        FROM unnest(\(BatteryTelemetry.arrays), $8::bytea[]) AS u(device, at, level, temperature, voltage, charging, mode, state)
        WHERE l.device = u.device
        """)
    static let schedule = Statement(
        """
        UPDATE heliograph.battery_latest AS s SET offline_at = u.at
        FROM unnest($1::bigint[], $2::timestamptz[]) AS u(device, at) WHERE s.device = u.device
        """)

    static let open = Statement(
        """
        WITH made AS (
            INSERT INTO heliograph.alert_event
                (device, rule, alert_type, level, message, value, threshold, triggered_at, ended_at, resolved_at, status)
            SELECT u.device, u.rule::uuid, u.type, u.level, u.message, u.value, u.threshold, u.triggered, u.ended, u.ended,
                CASE WHEN u.ended IS NULL THEN 'active' ELSE 'resolved' END
            FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::double precision[], $7::double precision[],
                $8::timestamptz[], $9::timestamptz[]) AS u(device, rule, type, level, message, value, threshold, triggered, ended)
            ON CONFLICT (device, alert_type, triggered_at) DO NOTHING RETURNING *
        )
        SELECT \(AlertEvent.columns) FROM made AS e JOIN heliograph.device AS d ON d.number = e.device ORDER BY e.triggered_at, e.id
        """)
    /// What its user resolved stays as it is; the end is noted all the same.
    static let end = Statement(
        """
        WITH before AS (
            SELECT e.id, u.at, e.status = 'resolved' AS was FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::timestamptz[])
                AS u(device, type, triggered, at)
            JOIN heliograph.alert_event AS e ON e.device = u.device AND e.alert_type = u.type AND e.triggered_at = u.triggered
        ), done AS (
            UPDATE heliograph.alert_event AS e SET ended_at = b.at, status = 'resolved',
                resolved_at = CASE WHEN e.status = 'resolved' THEN e.resolved_at ELSE b.at END
            FROM before AS b WHERE e.id = b.id RETURNING e.*, b.was
        )
        SELECT \(AlertEvent.columns) FROM done AS e JOIN heliograph.device AS d ON d.number = e.device WHERE NOT e.was ORDER BY e.triggered_at, e.id
        """)
    /// The offline events of devices that are heard again.
    static let back = Statement(
        """
        WITH before AS (
            SELECT e.id, e.status = 'resolved' AS was FROM heliograph.alert_event AS e
            WHERE e.device = ANY($1::bigint[]) AND e.alert_type = 'device_offline' AND e.ended_at IS NULL
        ), done AS (
            UPDATE heliograph.alert_event AS e SET ended_at = now(), status = 'resolved',
                resolved_at = CASE WHEN e.status = 'resolved' THEN e.resolved_at ELSE now() END
            FROM before AS b WHERE e.id = b.id RETURNING e.*, b.was
        )
        SELECT \(AlertEvent.columns) FROM done AS e JOIN heliograph.device AS d ON d.number = e.device WHERE NOT e.was ORDER BY e.triggered_at, e.id
        """)
    static let delete = Statement(
        """
        WITH done AS (
            DELETE FROM heliograph.alert_event AS e USING unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS u(device, type, triggered)
            WHERE e.device = u.device AND e.alert_type = u.type AND e.triggered_at = u.triggered
            RETURNING e.id, e.device, e.rule, e.alert_type, e.level, 'resolved' AS status, e.message, e.value, e.threshold, e.triggered_at,
                e.acknowledged_at, e.triggered_at AS resolved_at, e.status = 'resolved' AS was
        )
        SELECT \(AlertEvent.columns) FROM done AS e JOIN heliograph.device AS d ON d.number = e.device WHERE NOT e.was ORDER BY e.triggered_at, e.id
        """)
    /// Deletes all before it inserts the first one: events may take each other's places. `was` tells those that were resolved before.
    static let move = Statement(
        """
        WITH gone AS (
            DELETE FROM heliograph.alert_event AS e
            USING unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::double precision[],
                $8::double precision[]) AS u(device, type, before, after, ended, message, value, threshold)
            WHERE e.device = u.device AND e.alert_type = u.type AND e.triggered_at = u.before
            RETURNING e.*, u.after, u.ended, u.message AS text, u.value AS new_value, u.threshold AS new_threshold,
                e.status = 'resolved' AND e.resolved_at IS DISTINCT FROM e.ended_at AS by_user
        ), made AS (
            INSERT INTO heliograph.alert_event
                (id, device, rule, alert_type, level, message, value, threshold, triggered_at, ended_at, acknowledged_at, created_at, resolved_at, status)
            SELECT g.id, g.device, g.rule, g.alert_type, g.level, g.text, g.new_value, g.new_threshold, g.after, g.ended, g.acknowledged_at, g.created_at,
                CASE WHEN g.by_user THEN g.resolved_at ELSE g.ended END,
                CASE WHEN g.by_user OR g.ended IS NOT NULL THEN 'resolved' WHEN g.acknowledged_at IS NOT NULL THEN 'acknowledged' ELSE 'active' END
            FROM gone AS g ORDER BY g.id RETURNING *
        )
        SELECT \(AlertEvent.columns) FROM made AS e JOIN heliograph.device AS d ON d.number = e.device JOIN gone AS g ON g.id = e.id
        WHERE e.status = 'resolved' AND g.status <> 'resolved' ORDER BY e.triggered_at, e.id
        """)
    /// Ids of events.
    static let mail = Statement(
        """
        SELECT heliograph.enqueue('mail.alert', jsonb_build_object('event', u.id), unique_key => 'alert:' || u.id) FROM unnest($1::text[]) AS u(id)
        """)
}
