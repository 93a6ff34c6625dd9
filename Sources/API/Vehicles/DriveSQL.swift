import Postgres

/// The statements on drives and their positions. Members that the spec has without null are 0 where a car never said.
enum DriveSQL {
    static let drive = RowObject(names: [
        "id", "car_id", "start_time", "end_time", "duration_min", "start_battery_level", "end_battery_level", "start_range_km", "end_range_km",
        "start_odometer_km", "end_odometer_km", "distance_km", "speed_max", "power_max", "power_min", "inside_temp_avg", "outside_temp_avg",
        "energy_used_kwh", "energy_regen_kwh", "start_address", "end_address", "start_latitude", "start_longitude", "end_latitude", "end_longitude",
    ])
    private static let columns =
        """
        d.id, d.car, d.started_at, d.ended_at, \(VehicleSQL.duration), coalesce(d.start_battery_level, 0::smallint), d.end_battery_level,
        coalesce(d.start_range_km, 0), d.end_range_km, coalesce(d.start_odometer_km, 0), d.end_odometer_km, d.distance_km, d.speed_max, d.power_max,
        d.power_min, d.inside_temp_avg, d.outside_temp_avg, d.energy_used_kwh, d.energy_regen_kwh, s.address, e.address, d.start_latitude,
        d.start_longitude, d.end_latitude, d.end_longitude
        """
    private static let places = VehicleSQL.place("s", "start_") + " " + VehicleSQL.place("e", "end_")

    static let list = VehicleSQL.page(of: "drive", columns, places)
    static let show = VehicleSQL.one(of: "drive", columns, places)

    /// Drive: when it began and ended, and the name of its car.
    static let span = Statement(
        """
        SELECT d.started_at, coalesce(d.ended_at, 'infinity'), c.name FROM heliograph.drive AS d JOIN heliograph.car AS c ON c.number = d.car WHERE d.id = $1
        """)

    /// Drive, earliest and latest time (they name the partitions), time and id of the last position had, most rows.
    static let positions = Statement(
        """
        SELECT recorded_at, id, car, drive, latitude, longitude, heading, speed, power, battery_level, range_km, odometer_km, inside_temp, outside_temp,
            elevation_m, tpms_fl, tpms_fr, tpms_rl, tpms_rr
        FROM heliograph.position
        WHERE drive = $1 AND recorded_at >= $2 AND recorded_at <= $3 AND (recorded_at, id) > ($4, $5)
        ORDER BY recorded_at, id LIMIT $6
        """)

    /// Drives, earliest and latest time: their points, drive by drive, in the order of `positions`.
    static let points = Statement(
        """
        SELECT drive, latitude, longitude FROM heliograph.position
        WHERE drive = ANY($1) AND recorded_at >= $2 AND recorded_at <= $3 ORDER BY drive, recorded_at, id
        """)

    static let footprint = RowObject(
        names: ["drive_id", "start_time", "end_time", "start_lat", "start_lng", "end_lat", "end_lng", "distance_km", "duration_min"])

    /// Car, from, before, most rows: drives that have ended, where both ends are known, newest first.
    static let footprints = Statement(
        """
        SELECT NULL, id, started_at, ended_at, start_latitude, start_longitude, end_latitude, end_longitude, distance_km, duration_min
        FROM heliograph.drive
        WHERE car = $1 AND started_at >= $2 AND started_at < $3 AND ended_at IS NOT NULL AND start_latitude IS NOT NULL AND end_latitude IS NOT NULL
        ORDER BY started_at DESC LIMIT $4
        """)
}
