import Postgres

/// The statements on parkings and their events.
enum ParkingSQL {
    static let parking = RowObject(
        names: [
            "id", "car_id", "position_id", "geofence_id", "start_time", "end_time", "duration_min", "latitude", "longitude", "address",
            "start_battery_level", "end_battery_level", "start_range_km", "end_range_km", "start_odometer", "end_odometer", "energy_used_kwh",
            "start_inside_temp", "end_inside_temp", "start_outside_temp", "end_outside_temp", "inside_temp_avg", "outside_temp_avg", "climate_used_min",
            "sentry_mode_used_min", "start_locked", "start_sentry_mode", "start_doors_open", "start_windows_open", "start_frunk_open",
            "start_trunk_open", "start_is_climate_on", "start_is_user_present", "end_locked", "end_sentry_mode", "end_doors_open",
            "end_windows_open", "end_frunk_open", "end_trunk_open", "end_is_climate_on", "end_is_user_present", "start_tpms_pressure_fl",
            "start_tpms_pressure_fr", "start_tpms_pressure_rl", "start_tpms_pressure_rr", "end_tpms_pressure_fl", "end_tpms_pressure_fr",
            "end_tpms_pressure_rl", "end_tpms_pressure_rr", "car_version",
        ])

    private static let flags = ["locked", "sentry_mode", "doors_open", "windows_open", "frunk_open", "trunk_open", "is_climate_on", "is_user_present"]
    private static let pressures = ["tpms_pressure_fl", "tpms_pressure_fr", "tpms_pressure_rl", "tpms_pressure_rr"]

    private static func numbers(_ snapshot: String, _ names: [String]) -> String {
        names.map { "(d.\(snapshot) ->> '\($0)')::float8" }.joined(separator: ", ")
    }
    /// A flag that nobody saw at the start was off.
    private static let startFlags = flags.map { "coalesce((d.start_snapshot ->> '\($0)')::boolean, false)" }.joined(separator: ", ")
    private static let endFlags = flags.map { "(d.end_snapshot ->> '\($0)')::boolean" }.joined(separator: ", ")

    /// Where it stands: the newest position at its start, or a little before.
    private static let position =
        """
        (SELECT p.id FROM heliograph.position AS p
        WHERE p.car = d.car AND p.recorded_at <= d.started_at AND p.recorded_at >= d.started_at - interval '10 minutes'
        ORDER BY p.recorded_at DESC LIMIT 1)
        """
    private static let columns =
        """
        d.id, d.car, \(position), d.geofence, d.started_at, d.ended_at, \(VehicleSQL.duration), coalesce(d.latitude, 0), coalesce(d.longitude, 0),
        a.address, coalesce(d.start_battery_level, 0::smallint), d.end_battery_level, coalesce(d.start_range_km, 0), d.end_range_km,
        coalesce(d.start_odometer_km, 0), d.end_odometer_km, d.energy_used_kwh,
        (d.start_snapshot ->> 'inside_temp')::float8, (d.end_snapshot ->> 'inside_temp')::float8,
        (d.start_snapshot ->> 'outside_temp')::float8, (d.end_snapshot ->> 'outside_temp')::float8,
        d.inside_temp_avg, d.outside_temp_avg, d.climate_used_min, d.sentry_mode_used_min, \(startFlags), \(endFlags),
        \(numbers("start_snapshot", pressures)), \(numbers("end_snapshot", pressures)), d.car_version
        """

    static let list = VehicleSQL.page(of: "parking", columns, VehicleSQL.place("a"))
    static let show = VehicleSQL.one(of: "parking", columns, VehicleSQL.place("a"))

    static let event = RowObject(names: ["id", "parking_id", "event_type", "event_time", "details"])

    /// Parking: its events; one that is there without any is a row of nulls.
    static let events = Statement(
        """
        SELECT NULL, v.id, v.parking, v.event_type, v.event_time, v.details
        FROM heliograph.parking AS d LEFT JOIN heliograph.parking_event AS v ON v.parking = d.id WHERE d.id = $1 ORDER BY v.event_time, v.id
        """)
}
