import Postgres

/// What the lists of drives, charges and parkings share, and the statements on cars.
enum VehicleSQL {
    static let car = RowObject(names: [
        "id", "tesla_id", "tesla_vehicle_id", "vin", "name", "model", "exterior_color", "trim_badging", "wheel_type", "created_at", "updated_at",
    ])
    private static let carColumns =
        """
        c.number, c.tesla_id, c.tesla_vehicle_id, c.vin, c.name, c.model, c.exterior_color, c.trim_badging, c.wheel_type, c.created_at, c.updated_at
        """

    /// Every car; the live state as the last column.
    static let cars = Statement(
        """
        SELECT NULL, \(carColumns), m.view FROM heliograph.car AS c LEFT JOIN heliograph.car_memory AS m ON m.car = c.number ORDER BY c.number
        """)
    /// The column of `cars` with the live state.
    static let view = 1 + car.names.count

    /// Car: as `cars`.
    static let oneCar = Statement(
        """
        SELECT NULL, \(carColumns), m.view FROM heliograph.car AS c LEFT JOIN heliograph.car_memory AS m ON m.car = c.number WHERE c.number = $1
        """)

    static let isThere = Statement("SELECT FROM heliograph.car WHERE number = $1")

    /// Car: the poller that has it.
    static let poller = Statement(
        "SELECT m.poller FROM heliograph.car AS c LEFT JOIN heliograph.car_memory AS m ON m.car = c.number WHERE c.number = $1")

    /// Minutes of a drive, charge or parking `d`; of one that is open, until now.
    static let duration =
        """
        CASE WHEN d.ended_at IS NULL THEN greatest(round(extract(epoch FROM now() - d.started_at) / 60, 2), 0)::float8 ELSE d.duration_min END
        """

    /// A page of a car's rows, newest first. Car, size, offset, from, to: the number of all in the first column of each row; a page without rows
    /// is one row of it and nulls, an unknown car is none.
    static func page(of table: String, _ columns: String, _ places: String) -> Statement {
        Statement(
            """
            WITH page AS (
                SELECT * FROM heliograph.\(table) WHERE car = $1 AND started_at >= $4 AND started_at < $5
                ORDER BY started_at DESC LIMIT $2 OFFSET $3
            )
            SELECT (SELECT count(*) FROM heliograph.\(table) WHERE car = $1 AND started_at >= $4 AND started_at < $5), \(columns)
            FROM heliograph.car AS c LEFT JOIN page AS d ON true \(places)
            WHERE c.number = $1 ORDER BY d.started_at DESC
            """)
    }

    /// One of them by its id.
    static func one(of table: String, _ columns: String, _ places: String) -> Statement {
        Statement("SELECT NULL, \(columns) FROM heliograph.\(table) AS d \(places) WHERE d.id = $1")
    }

    /// The place of `d`'s columns `latitude` and `longitude` after a prefix, as `name`.
    static func place(_ name: String, _ prefix: String = "") -> String {
        "LEFT JOIN heliograph.place AS \(name) ON \(name).key = heliograph.place_key(d.\(prefix)latitude, d.\(prefix)longitude)"
    }
}
