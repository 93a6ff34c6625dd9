import Postgres

/// The statements on geofences, and those that link drives, charges and parkings to them.
enum GeofenceSQL {
    static let fence = RowObject(names: [
        "id", "name", "latitude", "longitude", "radius_m", "billing", "price", "session_fee", "created_at", "updated_at",
    ])
    private static let columns = "NULL, number, name, latitude, longitude, radius_m, billing, price, session_fee, created_at, updated_at"

    static let list = Statement("SELECT \(columns) FROM heliograph.geofence ORDER BY name")
    static let show = Statement("SELECT \(columns) FROM heliograph.geofence WHERE number = $1")

    /// Two changes at once would each link to what the other is about to change.
    static let lock = Statement("LOCK TABLE heliograph.geofence IN SHARE ROW EXCLUSIVE MODE")
    static let insert = Statement(
        """
        INSERT INTO heliograph.geofence (name, latitude, longitude, radius_m, billing, price, session_fee) VALUES ($1, $2, $3, $4, $5, $6, $7)
        RETURNING \(columns)
        """)
    static let update = Statement(
        """
        UPDATE heliograph.geofence
        SET name = $2, latitude = $3, longitude = $4, radius_m = $5, billing = $6, price = $7, session_fee = $8, updated_at = now()
        WHERE number = $1 RETURNING \(columns)
        """)
    static let delete = Statement("DELETE FROM heliograph.geofence WHERE number = $1")

    /// The fence with the nearest centre among those that a point lies in; great-circle distance on a sphere of the earth's mean radius, 6,371.0088 km.
    private static func nearest(_ latitude: String, _ longitude: String) -> String {
        """
        (SELECT g.number FROM heliograph.geofence AS g CROSS JOIN LATERAL (
            SELECT 12742017.6 * asin(least(1, sqrt(
                sin(radians(g.latitude - \(latitude)) / 2) ^ 2
                + cos(radians(g.latitude)) * cos(radians(\(latitude))) * sin(radians(g.longitude - \(longitude)) / 2) ^ 2))) AS metres
        ) AS far WHERE far.metres < g.radius_m ORDER BY far.metres, g.number LIMIT 1)
        """
    }

    /// South, north, west, east of where the fence was, then of where it is: rows within are linked anew.
    private static func link(_ table: String, _ column: String, _ prefix: String = "") -> Statement {
        let (latitude, longitude) = ("r.\(prefix)latitude", "r.\(prefix)longitude")
        return Statement(
            """
            UPDATE heliograph.\(table) AS t SET \(column) = n.fence
            FROM (
                SELECT r.id, \(nearest(latitude, longitude)) AS fence FROM heliograph.\(table) AS r
                WHERE (\(latitude) BETWEEN $1 AND $2 AND \(longitude) BETWEEN $3 AND $4)
                    OR (\(latitude) BETWEEN $5 AND $6 AND \(longitude) BETWEEN $7 AND $8)
            ) AS n
            WHERE t.id = n.id AND t.\(column) IS DISTINCT FROM n.fence
            """)
    }

    static let linkStarts = link("drive", "start_geofence", "start_")
    static let linkEnds = link("drive", "end_geofence", "end_")
    static let linkCharges = link("charge", "geofence")
    static let linkParkings = link("parking", "geofence")

    /// Fence: charges in it that have ended and have no cost get one. Energy is what the charger gave, or the car got where that is more.
    static let applyCost = Statement(
        """
        WITH priced AS (
            SELECT c.id, CASE WHEN c.is_fast AND c.is_free THEN 0 ELSE coalesce(g.session_fee, 0) + CASE g.billing
                WHEN 'per_kwh' THEN g.price * greatest(c.energy_added_kwh, c.energy_used_kwh) WHEN 'per_minute' THEN g.price * c.duration_min ELSE 0 END
            END AS cost
            FROM heliograph.charge AS c JOIN heliograph.geofence AS g ON g.number = c.geofence
            WHERE g.number = $1 AND c.cost IS NULL AND c.ended_at IS NOT NULL AND (g.billing IS NOT NULL OR g.session_fee IS NOT NULL)
        )
        UPDATE heliograph.charge AS c SET cost = round(p.cost::numeric, 2)::float8 FROM priced AS p WHERE c.id = p.id AND p.cost IS NOT NULL
        """)
}
