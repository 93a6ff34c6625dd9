import Bytes
import Postgres

/// A group's parkings: those it opens, with their ends where they have them, and those from before that it closes.
struct ParkingRows {
    private struct Row {
        var id: Int64
        var car: Int64
        var start: ParkingStart
        var end: ParkingEnd?
        var fence: Int64?
    }

    private var opened: [Row] = []
    private var closed: [Row] = []

    mutating func open(_ id: Int64, _ car: Int64, _ parking: ParkingStart, _ fences: Fences) {
        opened.append(Row(id: id, car: car, start: parking, fence: fences.at(parking.start.latitude, parking.start.longitude)?.number))
    }

    mutating func close(_ id: Int64, _ car: Int64, _ end: ParkingEnd) {
        if let i = opened.lastIndex(where: { $0.id == id }) {
            opened[i].end = end
        } else {
            // Of its start the update takes nothing.
            closed.append(Row(id: id, car: car, start: ParkingStart(start: end.end, snapshot: end.snapshot, carVersion: ""), end: end))
        }
    }

    func write(_ transaction: PostgresTransaction) {
        if let rows = RowTable.json(closed, Self.json) { transaction.enqueue(Self.table.update, rows) }
        if let rows = RowTable.json(opened, Self.json) { transaction.enqueue(Self.table.insert, rows) }
    }

    private static func json(_ row: Row, _ w: inout JSONWriter) {
        let start = row.start.start
        w.id("id", row.id)
        w.id("car", row.car)
        w.member("started_at", start.at, .utc)
        w.start(start)
        w.end(row.end?.end, after: start.at)
        w.member("latitude", start.latitude)
        w.member("longitude", start.longitude)
        w.id("geofence", row.fence)
        w.member("start_odometer_km", start.odometerKm)
        w.member("end_odometer_km", row.end?.end.odometerKm)
        w.number("duration_min", row.end?.durationMin ?? 0)
        w.member("energy_used_kwh", row.end?.energyUsedKwh)
        w.member("energy_climate_kwh", row.end?.energyClimateKwh)
        w.member("energy_sentry_kwh", row.end?.energySentryKwh)
        w.member("energy_asleep_kwh", row.end?.energyAsleepKwh)
        w.member("energy_other_kwh", row.end?.energyOtherKwh)
        w.member("inside_temp_avg", row.end?.insideTempAvg)
        w.member("outside_temp_avg", row.end?.outsideTempAvg)
        w.number("climate_used_min", row.end?.climateMin ?? 0)
        w.number("sentry_mode_used_min", row.end?.sentryMin ?? 0)
        w.number("asleep_min", row.end?.asleepMin ?? 0)
        w.key("start_snapshot")
        row.start.snapshot.write(to: &w)
        w.key("end_snapshot")
        if let end = row.end { end.snapshot.write(to: &w) } else { w.null() }
        let version = row.end?.carVersion ?? ""
        w.member("car_version", version.isEmpty ? row.start.carVersion : version)
    }

    private static let late = [
        "ended_at", "duration_min", "end_battery_level", "end_range_km", "end_odometer_km", "energy_used_kwh", "energy_climate_kwh", "energy_sentry_kwh",
        "energy_asleep_kwh", "energy_other_kwh", "inside_temp_avg", "outside_temp_avg", "climate_used_min", "sentry_mode_used_min", "asleep_min",
        "end_snapshot",
    ]
    private static let table = RowTable(
        "heliograph.parking",
        columns: [
            "latitude", "longitude", "geofence", "start_battery_level", "start_range_km", "start_odometer_km", "start_snapshot", "car_version",
        ] + late, late: late + ["car_version"])
}

extension VehicleSnapshot {
    func write(to w: inout JSONWriter) {
        w.object { w in
            w.member("inside_temp", insideTemp)
            w.member("outside_temp", outsideTemp)
            w.member("locked", isLocked)
            w.member("sentry_mode", sentryMode)
            w.member("doors_open", doorsOpen)
            w.member("windows_open", windowsOpen)
            w.member("frunk_open", frunkOpen)
            w.member("trunk_open", trunkOpen)
            w.member("is_climate_on", isClimateOn)
            w.member("is_user_present", isUserPresent)
            w.member("tpms_pressure_fl", tpms.fl)
            w.member("tpms_pressure_fr", tpms.fr)
            w.member("tpms_pressure_rl", tpms.rl)
            w.member("tpms_pressure_rr", tpms.rr)
        }
    }
}
