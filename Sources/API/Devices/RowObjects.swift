import Bytes
import Postgres

/// A row's columns as the members of an object: names in the order of the columns from `first` on.
struct RowObject {
    let names: [StaticString]
    var first = 1
    /// Members that are left out where the column is null.
    var optional: Set<Int> = []

    func write(_ rows: PostgresRows, _ row: Int, to w: inout JSONWriter) throws {
        w.beginObject()
        try members(rows, row, to: &w)
        w.endObject()
    }

    func members(_ rows: PostgresRows, _ row: Int, to w: inout JSONWriter) throws {
        for (i, name) in names.enumerated() {
            if optional.contains(i), try rows.isNull(row, first + i) { continue }
            w.key(name)
            try rows.write(row, first + i, to: &w)
        }
    }

    /// All rows; those whose first column is null stand for nothing but the permission beside them.
    func array(_ rows: PostgresRows, to w: inout JSONWriter) throws {
        w.beginArray()
        for row in 0..<rows.count where try !rows.isNull(row, first) { try write(rows, row, to: &w) }
        w.endArray()
    }
}
