import Postgres

/// The reads of the charging API. Each condition is on a bare column that leads an index.
enum ChargingSQL {
    /// Meter, hours, most rows: timestamp, i, dev_fac_id. The window ends at the meter's newest reading and does not hold its own start.
    static let current = Statement(
        """
        SELECT "timestamp", i, dev_fac_id FROM public.time_i_data
        WHERE meter_id = $1
            AND "timestamp" > (SELECT max("timestamp") FROM public.time_i_data WHERE meter_id = $1) - $2 * interval '1 hour'
        ORDER BY "timestamp" LIMIT $3
        """)

    /// Meter, the last timestamp had, most rows: what follows.
    static let currentAfter = Statement(
        """
        SELECT "timestamp", i, dev_fac_id FROM public.time_i_data
        WHERE meter_id = $1 AND "timestamp" > $2 ORDER BY "timestamp" LIMIT $3
        """)

    private static let forecast =
        """
        p.id, p.meter_id, p."timestamp", p.predicted_value, p.warning_level, p.is_charging, p.pattern_label,
        p.anomaly_info ->> 'type', (p.anomaly_info ->> 'confidence')::double precision
        """

    /// Where the future of meter `m` begins: its newest reading, or its first stored point when it has none.
    private static let anchor =
        """
        SELECT coalesce(
            (SELECT max(t."timestamp") FROM public.time_i_data AS t WHERE t.meter_id = m.meter_id),
            (SELECT min(f."timestamp") FROM public.prediction_results AS f WHERE f.meter_id = m.meter_id)) AS at
        """

    /// Meter, hours.
    static let prediction = Statement(
        """
        SELECT \(forecast)
        FROM (SELECT $1::text AS meter_id) AS m
        CROSS JOIN LATERAL (\(anchor)) AS a
        JOIN public.prediction_results AS p
            ON p.meter_id = $1 AND p."timestamp" >= a.at AND p."timestamp" <= a.at + $2 * interval '1 hour'
        ORDER BY p."timestamp"
        """)

    /// The last meter had, hours, most meters: their points; a meter without any has one row of its id and NULLs.
    static let predictionOfMeters = Statement(
        """
        SELECT p.id, m.meter_id, p."timestamp", p.predicted_value, p.warning_level, p.is_charging, p.pattern_label, p.kind, p.confidence
        FROM (SELECT DISTINCT meter_id FROM public.prediction_results WHERE meter_id > $1 ORDER BY meter_id LIMIT $3) AS m
        CROSS JOIN LATERAL (\(anchor)) AS a
        LEFT JOIN LATERAL (
            SELECT \(forecast) AS confidence FROM public.prediction_results AS p
            WHERE p.meter_id = m.meter_id AND p."timestamp" >= a.at AND p."timestamp" <= a.at + $2 * interval '1 hour'
        ) AS p(id, meter_id, "timestamp", predicted_value, warning_level, is_charging, pattern_label, kind, confidence) ON true
        ORDER BY m.meter_id, p."timestamp"
        """)

    /// The last meter had, most sites. An anomaly counts for 24 hours before the meter's newest reading; a warning is stale when the meter
    /// is an hour behind the newest reading of all.
    static let sites = Statement(
        """
        SELECT s.meter_id, s.longitude, s.latitude, s.dev_fac_id, s.rated_power, s.max_input_current, s.max_output_current,
            l.i, l."timestamp", a.anomaly_type, a."timestamp",
            CASE WHEN l."timestamp" IS NULL OR l."timestamp" < fleet.newest - interval '1 hour' THEN 'unknown'
                ELSE coalesce(w.warning_level, 'unknown') END,
            w.warning_at
        FROM (SELECT * FROM public.site_data WHERE meter_id > $1 ORDER BY meter_id LIMIT $2) AS s
        CROSS JOIN (SELECT max("timestamp") AS newest FROM heliograph.charging_latest) AS fleet
        LEFT JOIN heliograph.charging_latest AS l ON l.meter_id = s.meter_id
        LEFT JOIN heliograph.meter_state AS w ON w.meter_id = s.meter_id
        LEFT JOIN LATERAL (
            SELECT c.anomaly_type, c."timestamp" FROM public.current_data AS c
            WHERE c.meter_id = s.meter_id AND c."timestamp" >= l."timestamp" - interval '24 hours'
            ORDER BY c."timestamp" DESC LIMIT 1
        ) AS a ON true
        ORDER BY s.meter_id
        """)

    /// Meter, days: type, count. The window ends at the newest row that the meter has, reading or anomaly.
    static let anomalies = Statement(
        """
        SELECT anomaly_type, count(*) FROM public.current_data
        WHERE meter_id = $1 AND "timestamp" > (
            SELECT greatest(
                (SELECT max("timestamp") FROM public.time_i_data WHERE meter_id = $1),
                (SELECT max("timestamp") FROM public.current_data WHERE meter_id = $1))
        ) - $2 * interval '1 day'
        GROUP BY anomaly_type ORDER BY count(*) DESC, anomaly_type
        """)

    /// From, to: type, count.
    static let month = Statement(
        """
        SELECT anomaly_type, count(*) FROM public.current_data WHERE "timestamp" >= $1 AND "timestamp" < $2
        GROUP BY anomaly_type ORDER BY count(*) DESC, anomaly_type
        """)
    static let monthOfMeter = Statement(
        """
        SELECT anomaly_type, count(*) FROM public.current_data WHERE "timestamp" >= $1 AND "timestamp" < $2 AND meter_id = $3
        GROUP BY anomaly_type ORDER BY count(*) DESC, anomaly_type
        """)

    /// From, to, the zone's offset in seconds: quarter of the local day (0…3), type, count.
    static let periods = Statement(periods(of: ""))
    /// The same, and the meter as fourth parameter.
    static let periodsOfMeter = Statement(periods(of: " AND meter_id = $4"))

    private static func periods(of meter: String) -> String {
        """
        SELECT extract(hour FROM ("timestamp" AT TIME ZONE 'UTC') + $3 * interval '1 second')::int / 6 AS period, anomaly_type, count(*)
        FROM public.current_data WHERE "timestamp" >= $1 AND "timestamp" < $2\(meter)
        GROUP BY period, anomaly_type ORDER BY period, count(*) DESC, anomaly_type
        """
    }
}
