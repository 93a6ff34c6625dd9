import Postgres

/// The statements on battery reports. $1 is the device's UUID and $2 the account's number; windows are $3 and $4, both ends in them.
enum BatterySQL {
    /// The device's number, null where the account may not see it: then no report is found.
    private static let visible =
        """
        (SELECT d.number FROM heliograph.device AS d
            WHERE d.id = $1::uuid AND heliograph.device_permission(d.number, d.owner, $2) IS NOT NULL)
        """

    /// The permission alone: asked when nothing was found.
    static let permission = Statement(
        "SELECT heliograph.device_permission(d.number, d.owner, $2) FROM heliograph.device AS d WHERE d.id = $1::uuid")

    private static let modes = BatteryText.modes.map { "'\($0)'" }.joined(separator: ", ")

    /// Permission, then the newest report by the device's own thresholds; nulls where there is none.
    static let latest = Statement(
        """
        SELECT heliograph.device_permission(d.number, d.owner, $2), d.id, l.level::text::float8, l.is_charging,
            (ARRAY[\(modes)])[l.power_saving + 1], l.recorded_at, l.level < d.low_battery, l.level < d.critical_battery,
            l.temperature::text::float8, l.voltage::text::float8
        FROM heliograph.device AS d LEFT JOIN heliograph.battery_latest AS l ON l.device = d.number WHERE d.id = $1::uuid
        """)
    static let latestObject = RowObject(
        names: [
            "device_id", "battery_level", "is_charging", "power_saving_mode", "recorded_at", "is_low_battery", "is_critical", "temperature", "voltage",
        ], optional: [7, 8])

    /// Limit, offset; the newest first.
    static let history = Statement(
        """
        SELECT r.id, r.level, r.is_charging, r.power_saving, r.temperature, r.voltage, r.recorded_at, r.created_at
        FROM heliograph.battery_report AS r
        WHERE r.device = \(visible) AND r.recorded_at >= $3 AND r.recorded_at <= $4
        ORDER BY r.recorded_at DESC LIMIT $5 OFFSET $6
        """)

    /// Bucket's start, mean, least, greatest, count; the newest first. Days are those of UTC.
    static func aggregated(_ interval: String) -> Statement {
        Statement(
            """
            SELECT date_bin('1 \(interval)', r.recorded_at, '2000-01-01 00:00:00+00') AS bucket,
                avg(r.level), min(r.level)::text::float8, max(r.level)::text::float8, count(*)
            FROM heliograph.battery_report AS r
            WHERE r.device = \(visible) AND r.recorded_at >= $3 AND r.recorded_at <= $4
            GROUP BY bucket ORDER BY bucket DESC
            """)
    }

    /// Whether the device is there, count, mean, least, greatest, seconds of charging, count below the device's own threshold.
    ///
    /// What passes between a report of charging and the next one is time of charging, as far as it lies in the window; unless the gap is so long
    /// that nobody knows what went on in it. Reports around the window are read for the intervals that cross its ends: so windows side by side
    /// add up.
    static let stats = Statement(
        """
        WITH known AS (
            SELECT d.number, d.low_battery, greatest(5 * d.report_interval_s, 600) * interval '1 s' AS gap
            FROM heliograph.device AS d WHERE d.id = $1::uuid AND heliograph.device_permission(d.number, d.owner, $2) IS NOT NULL
        ), r AS (
            SELECT r.recorded_at, r.level, r.is_charging, r.recorded_at BETWEEN $3 AND $4 AS is_in, r.level < k.low_battery AS is_low, k.gap,
                lead(r.recorded_at) OVER (ORDER BY r.recorded_at) AS next_at
            FROM known AS k JOIN heliograph.battery_report AS r
                ON r.device = k.number AND r.recorded_at >= $3 - k.gap AND r.recorded_at <= $4 + k.gap
        )
        SELECT EXISTS (SELECT FROM known), count(*) FILTER (WHERE is_in), avg(level) FILTER (WHERE is_in),
            (min(level) FILTER (WHERE is_in))::text::float8, (max(level) FILTER (WHERE is_in))::text::float8,
            (sum(extract(epoch FROM least(next_at, $4) - greatest(recorded_at, $3)))
                FILTER (WHERE is_charging AND next_at - recorded_at <= gap AND next_at > $3 AND recorded_at < $4))::float8,
            count(*) FILTER (WHERE is_in AND is_low)
        FROM r
        """)
}
