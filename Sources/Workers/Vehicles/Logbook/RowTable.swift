import Bytes
import Postgres

/// How rows of a structural table are written: a group's rows travel as one JSON array, in one statement, however many they are.
struct RowTable {
    let insert: Statement
    let update: Statement
    let delete: Statement

    /// - Parameters:
    ///   - columns: what a row is made of besides its id; all of them are given.
    ///   - late: those of them that its end brings.
    init(_ name: String, columns: [String], late: [String]) {
        let all = (["id", "car", "started_at"] + columns).joined(separator: ", ")
        insert = Statement("INSERT INTO \(name) (\(all)) SELECT \(all) FROM jsonb_populate_recordset(NULL::\(name), $1)")
        // A clock that went back makes no row that ends before it begins.
        let values = late.map { $0 == "ended_at" ? "greatest(t.started_at, r.ended_at)" : "r.\($0)" }.joined(separator: ", ")
        update = Statement(
            "UPDATE \(name) AS t SET (\(late.joined(separator: ", "))) = ROW(\(values)) FROM jsonb_populate_recordset(NULL::\(name), $1) AS r WHERE t.id = r.id"
        )
        delete = Statement("DELETE FROM \(name) WHERE id = ANY($1::bigint[])")
    }

    /// Rows as the statements take them; nil where there are none.
    static func json<Row>(_ rows: [Row], _ write: (Row, inout JSONWriter) -> Void) -> Parameters? {
        guard !rows.isEmpty else { return nil }
        var w = JSONWriter(capacity: rows.count * 640)
        w.array { w in for row in rows { w.object { w in write(row, &w) } } }
        return Parameters { $0.appendJSON(w.bytes) }
    }
}

extension JSONWriter {
    /// A smallint column's value: what does not fit becomes the nearest that does.
    mutating func small(_ name: StaticString, _ value: Int?) { member(name, value.map { Int(Int16(clamping: $0)) }) }

    mutating func integer(_ name: StaticString, _ value: Int?) { member(name, value.map { Int(Int32(clamping: $0)) }) }

    /// A column's value that is never null.
    mutating func number(_ name: StaticString, _ value: Double) { member(name, value.isFinite ? value : 0) }

    mutating func id(_ name: StaticString, _ value: Int64?) { member(name, value.map(Int.init)) }

    /// The members that both ends of a row have.
    mutating func start(_ moment: CarMoment) {
        small("start_battery_level", moment.batteryLevel)
        member("start_range_km", moment.rangeKm)
    }

    mutating func end(_ moment: CarMoment?, after start: Timestamp) {
        member("ended_at", moment.map { max(start, $0.at) }, .utc)
        small("end_battery_level", moment?.batteryLevel)
        member("end_range_km", moment?.rangeKm)
    }
}
