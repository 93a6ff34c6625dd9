import Bytes
import Postgres

/// The newest value of a column that has one: positions from the stream have no range of their own, and the spec's numbers are never null.
struct Carried {
    private var value: Double = 0

    mutating func see(_ rows: PostgresRows, _ row: Int, _ column: Int) throws -> Double {
        if let new = try rows.doubleIfPresent(row, column) { value = new }
        return value
    }
}

extension PostgresRows {
    /// A real with the decimals that were given: as a double it has more.
    func short(_ row: Int, _ column: Int) throws -> Double? {
        guard let value = try doubleIfPresent(row, column) else { return nil }
        return (value * 1000).rounded() / 1000
    }
}

/// Columns of `DriveSQL.positions`.
enum PositionColumn {
    static let time = 0
    static let latitude = 4
    static let longitude = 5
    static let battery = 9
    static let range = 10
    static let odometer = 11
    static let elevation = 14
}

/// `{"data":[Position…]}`.
struct PositionText: RowText {
    private var w = JSONWriter(capacity: 64 * 1024)
    private var battery = Carried()
    private var range = Carried()
    private var odometer = Carried()

    var bytes: [UInt8] {
        get { w.bytes }
        set { w.bytes = newValue }
    }

    init() {
        w.beginObject()
        w.key("data")
        w.beginArray()
    }

    mutating func append(_ rows: PostgresRows, _ row: Int) throws {
        w.beginObject()
        w.member("id", try rows.int(row, 1))
        w.member("car_id", try rows.int(row, 2))
        w.member("drive_id", try rows.intIfPresent(row, 3))
        w.member("recorded_at", try rows.timestamp(row, PositionColumn.time), .utc)
        w.member("latitude", try rows.double(row, PositionColumn.latitude))
        w.member("longitude", try rows.double(row, PositionColumn.longitude))
        w.member("heading", try rows.intIfPresent(row, 6) ?? 0)
        w.member("speed", try rows.intIfPresent(row, 7))
        w.member("power", try rows.intIfPresent(row, 8) ?? 0)
        w.member("battery_level", Int(try battery.see(rows, row, PositionColumn.battery)))
        w.member("range_km", try range.see(rows, row, PositionColumn.range))
        w.member("odometer", try odometer.see(rows, row, PositionColumn.odometer))
        w.member("inside_temp", try rows.short(row, 12))
        w.member("outside_temp", try rows.short(row, 13))
        w.member("elevation", try rows.intIfPresent(row, PositionColumn.elevation))
        w.member("tpms_pressure_fl", try rows.short(row, 15))
        w.member("tpms_pressure_fr", try rows.short(row, 16))
        w.member("tpms_pressure_rl", try rows.short(row, 17))
        w.member("tpms_pressure_rr", try rows.short(row, 18))
        w.endObject()
    }

    mutating func skip(_ rows: PostgresRows, _ row: Int) throws {
        _ = try battery.see(rows, row, PositionColumn.battery)
        _ = try range.see(rows, row, PositionColumn.range)
        _ = try odometer.see(rows, row, PositionColumn.odometer)
    }

    mutating func end() {
        w.endArray()
        w.endObject()
    }
}

/// `{"data":[Charge…]}`, of the rows of `ChargeSQL.points`.
struct ChargePointText: RowText {
    private var w = JSONWriter(capacity: 32 * 1024)
    private var battery = Carried()
    private var usable = Carried()
    private var range = Carried()
    private var energy = Carried()

    var bytes: [UInt8] {
        get { w.bytes }
        set { w.bytes = newValue }
    }

    init() {
        w.beginObject()
        w.key("data")
        w.beginArray()
    }

    mutating func append(_ rows: PostgresRows, _ row: Int) throws {
        w.beginObject()
        w.member("id", try rows.int(row, 1))
        w.member("charging_process_id", try rows.int(row, 2))
        w.member("battery_level", Int(try battery.see(rows, row, 3)))
        w.member("usable_battery_level", Int(try usable.see(rows, row, 4)))
        w.member("range_km", try range.see(rows, row, 5))
        w.member("charger_power", try rows.intIfPresent(row, 6) ?? 0)
        w.member("charger_voltage", try rows.intIfPresent(row, 7) ?? 0)
        w.member("charger_current", try rows.intIfPresent(row, 8) ?? 0)
        w.member("charge_energy_added", try energy.see(rows, row, 9))
        w.member("outside_temp", try rows.short(row, 10))
        w.member("recorded_at", try rows.timestamp(row, 0), .utc)
        w.endObject()
    }

    mutating func end() {
        w.endArray()
        w.endObject()
    }
}
