import Postgres

/// The statements on charges and their curves.
enum ChargeSQL {
    static let charge = RowObject(names: [
        "id", "car_id", "address", "start_time", "end_time", "duration_min", "start_battery_level", "end_battery_level", "start_range_km",
        "end_range_km", "charge_energy_added", "charger_power_max", "outside_temp_avg", "cost",
    ])
    private static let columns =
        """
        d.id, d.car, a.address, d.started_at, d.ended_at, \(VehicleSQL.duration), coalesce(d.start_battery_level, 0::smallint), d.end_battery_level,
        coalesce(d.start_range_km, 0), d.end_range_km, coalesce(d.energy_added_kwh, 0), d.charger_power_max, d.outside_temp_avg, d.cost
        """

    static let list = VehicleSQL.page(of: "charge", columns, VehicleSQL.place("a"))
    static let show = VehicleSQL.one(of: "charge", columns, VehicleSQL.place("a"))
    static let isThere = Statement("SELECT FROM heliograph.charge WHERE id = $1")

    /// Charge, time and id of the last point had, most rows.
    static let points = Statement(
        """
        SELECT recorded_at, id, charge, battery_level, usable_battery_level, range_km, charger_power, charger_voltage, charger_current, energy_added_kwh,
            outside_temp
        FROM heliograph.charge_point WHERE charge = $1 AND (recorded_at, id) > ($2, $3) ORDER BY recorded_at, id LIMIT $4
        """)
}
