public import Bytes

/// A row's columns as the members of an object: names in the order of the columns from `first` on.
public struct RowObject: Sendable {
    public let names: [StaticString]
    public var first: Int
    /// Members that are left out where the column is null.
    public var optional: Set<Int>

    public init(names: [StaticString], first: Int = 1, optional: Set<Int> = []) {
        self.names = names
        self.first = first
        self.optional = optional
    }

    public func write(_ rows: PostgresRows, _ row: Int, to w: inout JSONWriter) throws(PostgresError) {
        w.beginObject()
        try members(rows, row, to: &w)
        w.endObject()
    }

    /// The members alone, for objects that have others too.
    public func members(_ rows: PostgresRows, _ row: Int, to w: inout JSONWriter) throws(PostgresError) {
        for (i, name) in names.enumerated() {
            if optional.contains(i), try rows.isNull(row, first + i) { continue }
            w.key(name)
            try rows.write(row, first + i, to: &w)
        }
    }

    /// All rows; those whose first column is null are none (of an outer join that found nothing).
    public func array(_ rows: PostgresRows, to w: inout JSONWriter) throws(PostgresError) {
        w.beginArray()
        for row in 0..<rows.count where try !rows.isNull(row, first) { try write(rows, row, to: &w) }
        w.endArray()
    }
}
