import Bytes
import Postgres

/// A group's charges: those it opens, with their ends where they have them, and those from before that it closes.
struct ChargeRows {
    private struct Row {
        var id: Int64
        var car: Int64
        var startedAt: Timestamp
        var start: CarMoment
        var isFast: Bool
        var isFree: Bool
        var isInferred = false
        var end: ChargeEnd?
        var fence: Int64?
        var cost: Double?
    }

    private var opened: [Row] = []
    private var closed: [Row] = []

    mutating func open(_ id: Int64, _ car: Int64, _ charge: ChargeStart, _ fences: Fences) {
        let start = charge.start
        opened.append(
            Row(
                id: id, car: car, startedAt: start.at, start: start, isFast: charge.isFast, isFree: charge.isFree, isInferred: charge.isInferred,
                fence: fences.at(start.latitude, start.longitude)?.number))
    }

    /// - Parameter place: where it began, of a charge from before.
    mutating func close(_ id: Int64, _ car: Int64, _ end: ChargeEnd, at place: Place?, _ fences: Fences) {
        let i = opened.lastIndex { $0.id == id }
        var row = i.map { opened[$0] } ?? Row(id: id, car: car, startedAt: end.end.at, start: end.end, isFast: false, isFree: false)
        if i == nil {
            row.start.latitude = place?.latitude
            row.start.longitude = place?.longitude
        }
        // A car that is charged stays where it is.
        row.start.latitude = row.start.latitude ?? end.end.latitude
        row.start.longitude = row.start.longitude ?? end.end.longitude
        row.isFast = end.isFast
        row.isFree = end.isFree
        row.end = end
        let fence = fences.at(row.start.latitude, row.start.longitude)
        row.fence = fence?.number
        row.cost = ChargeCost.of(
            fence?.tariff, added: end.energyAddedKwh, used: end.energyUsedKwh, minutes: end.durationMin, isFreeFastCharger: end.isFast && end.isFree)
        if let i { opened[i] = row } else { closed.append(row) }
    }

    func write(_ transaction: PostgresTransaction) {
        if let rows = RowTable.json(closed, Self.json) { transaction.enqueue(Self.table.update, rows) }
        if let rows = RowTable.json(opened, Self.json) { transaction.enqueue(Self.table.insert, rows) }
    }

    private static func json(_ row: Row, _ w: inout JSONWriter) {
        w.id("id", row.id)
        w.id("car", row.car)
        w.member("started_at", row.startedAt, .utc)
        w.start(row.start)
        w.end(row.end?.end, after: row.startedAt)
        w.number("duration_min", row.end?.durationMin ?? 0)
        w.member("energy_added_kwh", row.end?.energyAddedKwh)
        w.member("energy_used_kwh", row.end?.energyUsedKwh)
        w.small("charger_power_max", row.end?.powerMax)
        w.member("outside_temp_avg", row.end?.outsideTempAvg)
        w.member("is_fast", row.isFast)
        w.member("is_free", row.isFree)
        w.member("cost", row.cost)
        w.member("latitude", row.start.latitude)
        w.member("longitude", row.start.longitude)
        w.id("geofence", row.fence)
        w.integer("points", row.end?.points ?? 0)
        w.member("is_inferred", row.isInferred)
        w.member("end_reason", row.end?.reason.rawValue)
    }

    private static let late = [
        "ended_at", "duration_min", "end_battery_level", "end_range_km", "energy_added_kwh", "energy_used_kwh", "charger_power_max", "outside_temp_avg",
        "is_fast", "is_free", "cost", "latitude", "longitude", "geofence", "points", "end_reason",
    ]
    private static let table = RowTable("heliograph.charge", columns: ["start_battery_level", "start_range_km", "is_inferred"] + late, late: late)

    // MARK: Charges from before

    struct Place {
        var latitude: Double?
        var longitude: Double?
    }

    static func places(_ rows: PostgresRows) throws(PostgresError) -> [Int64: Place] {
        var places: [Int64: Place] = [:]
        for row in 0..<rows.count {
            places[try rows.int64(row, 0)] = Place(latitude: try rows.doubleIfPresent(row, 1), longitude: try rows.doubleIfPresent(row, 2))
        }
        return places
    }

    static let selectPlaces: Statement = "SELECT id, latitude, longitude FROM heliograph.charge WHERE id = ANY($1::bigint[])"
}
