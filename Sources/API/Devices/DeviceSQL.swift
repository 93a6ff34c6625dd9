import Postgres

/// The statements on devices. $1 is the device's UUID and $2 the account's number, but where they say otherwise; the first column is the
/// account's permission.
enum DeviceSQL {
    private static let seen = DevicePermission.seen

    /// Of device `d` and its newest report `l`. A device is online for two of its report intervals, at least a minute.
    private static let status =
        """
        coalesce(d.set_status, CASE WHEN l.seen_at >= now() - greatest(2 * d.report_interval_s, 60) * interval '1 s' THEN 'online' ELSE 'offline' END)
        """
    private static let columns =
        """
        d.id, (SELECT a.id FROM heliograph.account AS a WHERE a.number = d.owner), d.name, d.device_type, \(status), d.api_key_prefix,
        d.created_at, d.updated_at, l.seen_at, d.metadata
        """
    static let device = RowObject(names: [
        "id", "owner_id", "name", "device_type", "status", "api_key_prefix", "created_at", "updated_at", "last_seen_at", "metadata",
    ])

    /// A real's text is the shortest that means it; its value as a double has digits that nobody gave.
    private static let configColumns =
        """
        d.id, d.low_battery::text::float8, d.critical_battery::text::float8, d.report_interval_s, d.high_temperature::text::float8,
        d.drain_percent::text::float8, d.drain_minutes, coalesce(d.config_at, d.created_at)
        """
    static let config = RowObject(names: [
        "device_id", "low_battery_threshold", "critical_battery_threshold", "report_interval_seconds", "high_temperature_threshold",
        "rapid_drain_percent", "rapid_drain_minutes", "updated_at",
    ])
    /// The configuration beside its device, when it is made.
    static let configOfMade = RowObject(names: config.names, first: 1 + device.names.count)

    /// Owner, name, type, metadata, the key's hash and prefix.
    static let create = Statement(
        """
        WITH d AS (
            INSERT INTO heliograph.device (owner, name, device_type, metadata, api_key_hash, api_key_prefix) VALUES ($1, $2, $3, $4, $5, $6) RETURNING *
        )
        SELECT 'owner', \(columns), \(configColumns) FROM d LEFT JOIN heliograph.battery_latest AS l ON l.device = d.number
        """)

    static let show = Statement(
        """
        SELECT heliograph.device_permission(d.number, d.owner, $2), \(columns)
        FROM heliograph.device AS d LEFT JOIN heliograph.battery_latest AS l ON l.device = d.number WHERE d.id = $1::uuid
        """)

    /// Account, status, type, size, offset: the number of all in the first column of each row; a page without devices has one row of it and nulls.
    static let list = Statement(
        """
        WITH \(DevicePermission.mine), found AS (
            SELECT d.number, d.created_at FROM mine JOIN heliograph.device AS d USING (number)
            LEFT JOIN heliograph.battery_latest AS l ON l.device = d.number
            WHERE ($2::text IS NULL OR \(status) = $2) AND ($3::text IS NULL OR d.device_type = $3)
        )
        SELECT (SELECT count(*) FROM found), \(columns)
        FROM (SELECT) AS one
        LEFT JOIN (SELECT number FROM found ORDER BY created_at DESC, number DESC LIMIT $4 OFFSET $5) AS page ON true
        LEFT JOIN heliograph.device AS d ON d.number = page.number
        LEFT JOIN heliograph.battery_latest AS l ON l.device = d.number
        ORDER BY d.created_at DESC, d.number DESC
        """)

    /// Name, status, metadata: null leaves them. Online and offline are what reports say: they take back what was set.
    static let update = Statement(
        """
        WITH \(seen), d AS (
            UPDATE heliograph.device AS d SET name = coalesce($3, d.name), metadata = coalesce($5, d.metadata), updated_at = now(),
                set_status = CASE WHEN $4::text IS NULL THEN d.set_status WHEN $4 IN ('online', 'offline') THEN NULL ELSE $4 END
            FROM seen AS s WHERE d.number = s.number AND s.permission IN \(DevicePermission.write.orMore) RETURNING d.*
        )
        SELECT s.permission, \(columns) FROM seen AS s LEFT JOIN d ON true LEFT JOIN heliograph.battery_latest AS l ON l.device = d.number
        """)

    /// Its reports have no key to it: they would stay.
    static let delete = Statement(
        """
        WITH \(seen), gone AS (
            DELETE FROM heliograph.device AS d USING seen AS s
            WHERE d.number = s.number AND s.permission IN \(DevicePermission.owner.orMore) RETURNING d.number
        ), reports AS (
            DELETE FROM heliograph.battery_report AS r USING gone WHERE r.device = gone.number
        )
        SELECT s.permission FROM seen AS s
        """)

    static let showConfig = Statement(
        """
        SELECT heliograph.device_permission(d.number, d.owner, $2), \(configColumns) FROM heliograph.device AS d WHERE d.id = $1::uuid
        """)

    /// Low, critical, interval, temperature, drain's percent and minutes: null leaves them. No row changes where critical would lie above low.
    static let updateConfig = Statement(
        """
        WITH \(seen), d AS (
            UPDATE heliograph.device AS d SET low_battery = coalesce($3::real, d.low_battery), critical_battery = coalesce($4::real, d.critical_battery),
                report_interval_s = coalesce($5, d.report_interval_s), high_temperature = coalesce($6::real, d.high_temperature),
                drain_percent = coalesce($7::real, d.drain_percent), drain_minutes = coalesce($8, d.drain_minutes), config_at = now()
            FROM seen AS s
            WHERE d.number = s.number AND s.permission IN \(DevicePermission.write.orMore)
                AND coalesce($4::real, d.critical_battery) <= coalesce($3::real, d.low_battery)
            RETURNING d.*
        )
        SELECT s.permission, \(configColumns) FROM seen AS s LEFT JOIN d ON true
        """)

    /// The new key's hash and prefix.
    static let rotateKey = Statement(
        """
        WITH \(seen), d AS (
            UPDATE heliograph.device AS d SET api_key_hash = $3, api_key_prefix = $4, updated_at = now()
            FROM seen AS s WHERE d.number = s.number AND s.permission IN \(DevicePermission.admin.orMore) RETURNING d.number
        )
        SELECT s.permission, d.number FROM seen AS s LEFT JOIN d ON true
        """)
}
