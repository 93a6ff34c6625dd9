import Postgres

/// Sums over a car's drives, charges and parkings: what is stored with each when it ends, never its positions. A drive, charge or parking counts for
/// the local day on which it began.
enum VehicleStatisticsSQL {
    private static let names: [StaticString] = [
        "drives", "distance_km", "drive_min", "energy_used_kwh", "energy_regen_kwh", "speed_max", "charges", "charge_min", "charge_energy_added",
        "charge_cost", "parkings", "parking_min", "parking_energy_used_kwh",
    ]
    static let totals = RowObject(names: names)
    static let day = RowObject(names: ["date"] + names)

    private static let sums =
        """
        count(*) FILTER (WHERE kind = 1), coalesce(sum(km), 0), coalesce(sum(minutes) FILTER (WHERE kind = 1), 0),
        coalesce(sum(kwh) FILTER (WHERE kind = 1), 0), coalesce(sum(regen), 0), max(speed),
        count(*) FILTER (WHERE kind = 2), coalesce(sum(minutes) FILTER (WHERE kind = 2), 0), coalesce(sum(kwh) FILTER (WHERE kind = 2), 0), sum(cost),
        count(*) FILTER (WHERE kind = 3), coalesce(sum(minutes) FILTER (WHERE kind = 3), 0), coalesce(sum(kwh) FILTER (WHERE kind = 3), 0)
        """

    /// numeric: a sum of decimals stays what people would add up.
    private static func rows(_ condition: String) -> String {
        """
        SELECT 1 AS kind, d.started_at, d.distance_km::numeric AS km, (\(VehicleSQL.duration))::numeric AS minutes, d.energy_used_kwh::numeric AS kwh,
            d.energy_regen_kwh::numeric AS regen, d.speed_max AS speed, NULL::numeric AS cost
        FROM heliograph.drive AS d WHERE d.car = $1 \(condition)
        UNION ALL
        SELECT 2, d.started_at, NULL, (\(VehicleSQL.duration))::numeric, d.energy_added_kwh::numeric, NULL, NULL, d.cost::numeric
        FROM heliograph.charge AS d WHERE d.car = $1 \(condition)
        UNION ALL
        SELECT 3, d.started_at, NULL, (\(VehicleSQL.duration))::numeric, d.energy_used_kwh::numeric, NULL, NULL, NULL
        FROM heliograph.parking AS d WHERE d.car = $1 \(condition)
        """
    }

    /// Car: one row, none for an unknown car.
    static let all = Statement(
        """
        SELECT NULL, \(sums) FROM heliograph.car AS c LEFT JOIN (\(rows(""))) AS r ON true WHERE c.number = $1 GROUP BY c.number
        """)

    /// Car, the zone's offset in seconds, from: a row a day that has something, newest first.
    static let byDay = Statement(
        """
        SELECT NULL, to_char((started_at AT TIME ZONE 'UTC') + $2 * interval '1 second', 'YYYY-MM-DD') AS day, \(sums)
        FROM (\(rows("AND d.started_at >= $3"))) AS r GROUP BY day ORDER BY day DESC
        """)
}
