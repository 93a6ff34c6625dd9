import Bytes
import Postgres

/// A group's drives: those it opens, with their ends where they have them, those from before that it closes, and those that were none.
struct DriveRows {
    private struct Row {
        var id: Int64
        var car: Int64
        var startedAt: Timestamp
        var start: CarMoment
        var end: DriveEnd?
        var startFence: Int64?
        var endFence: Int64?
    }

    private var opened: [Row] = []
    private var closed: [Row] = []
    private(set) var discarded: [Int64] = []

    mutating func open(_ id: Int64, _ car: Int64, _ drive: DriveStart, _ fences: Fences) {
        let start = drive.start
        opened.append(Row(id: id, car: car, startedAt: start.at, start: start, startFence: fences.at(start.latitude, start.longitude)?.number))
    }

    mutating func close(_ id: Int64, _ car: Int64, _ end: DriveEnd, _ fences: Fences) {
        var row = Row(id: id, car: car, startedAt: end.start.at, start: end.start, end: end)
        row.startFence = fences.at(end.start.latitude, end.start.longitude)?.number
        row.endFence = fences.at(end.end.latitude, end.end.longitude)?.number
        if let i = opened.lastIndex(where: { $0.id == id }) {
            row.startedAt = opened[i].startedAt
            opened[i] = row
        } else {
            closed.append(row)
        }
    }

    mutating func discard(_ id: Int64) {
        if let i = opened.lastIndex(where: { $0.id == id }) { opened.remove(at: i) } else { discarded.append(id) }
    }

    /// What is there is closed first: a car has one open drive at most, at any moment.
    func write(_ transaction: PostgresTransaction) {
        if !discarded.isEmpty {
            transaction.enqueue(Self.release, Parameters(discarded))
            transaction.enqueue(Self.table.delete, Parameters(discarded))
        }
        if let rows = RowTable.json(closed, Self.json) { transaction.enqueue(Self.table.update, rows) }
        if let rows = RowTable.json(opened, Self.json) { transaction.enqueue(Self.table.insert, rows) }
    }

    private static func json(_ row: Row, _ w: inout JSONWriter) {
        w.id("id", row.id)
        w.id("car", row.car)
        w.member("started_at", row.startedAt, .utc)
        w.start(row.start)
        w.end(row.end?.end, after: row.startedAt)
        w.member("start_odometer_km", row.start.odometerKm)
        w.member("end_odometer_km", row.end?.end.odometerKm)
        w.number("duration_min", row.end?.durationMin ?? 0)
        w.number("distance_km", row.end?.distanceKm ?? 0)
        w.small("speed_max", row.end?.speedMax)
        w.small("power_max", row.end?.powerMax)
        w.small("power_min", row.end?.powerMin)
        w.member("inside_temp_avg", row.end?.insideTempAvg)
        w.member("outside_temp_avg", row.end?.outsideTempAvg)
        w.member("energy_used_kwh", row.end?.energyUsedKwh)
        w.member("energy_regen_kwh", row.end?.energyRegenKwh)
        w.member("energy_range_kwh", row.end?.energyRangeKwh)
        w.integer("ascent_m", row.end?.ascentM)
        w.integer("descent_m", row.end?.descentM)
        w.integer("positions", row.end?.positions ?? 0)
        w.member("start_latitude", row.start.latitude)
        w.member("start_longitude", row.start.longitude)
        w.member("end_latitude", row.end?.end.latitude)
        w.member("end_longitude", row.end?.end.longitude)
        w.id("start_geofence", row.startFence)
        w.id("end_geofence", row.endFence)
        w.integer("gap_s", row.end?.gapSeconds ?? 0)
        w.member("end_reason", row.end?.reason.rawValue)
    }

    private static let columns = [
        "ended_at", "duration_min", "start_battery_level", "end_battery_level", "start_range_km", "end_range_km", "start_odometer_km", "end_odometer_km",
        "distance_km", "speed_max", "power_max", "power_min", "inside_temp_avg", "outside_temp_avg", "energy_used_kwh", "energy_regen_kwh",
        "energy_range_kwh", "ascent_m", "descent_m", "positions", "start_latitude", "start_longitude", "end_latitude", "end_longitude", "start_geofence",
        "end_geofence", "gap_s", "end_reason",
    ]
    private static let table = RowTable("heliograph.drive", columns: columns, late: columns)
    private static let release: Statement = "UPDATE heliograph.position SET drive = NULL WHERE drive = ANY($1::bigint[])"
}
