public import Bytes

/// A value that a column can be read as.
public protocol PostgresDecodable {
    static func decode(_ rows: PostgresRows, _ row: Int, _ column: Int) throws(PostgresError) -> Self
}

/// Reads one row from left to right.
public struct PostgresRow {
    let rows: PostgresRows
    public let index: Int
    public private(set) var column = 0

    init(_ rows: PostgresRows, _ index: Int) {
        self.rows = rows
        self.index = index
    }

    /// The next column as a value of the type asked for; an optional one for a column that may be NULL.
    public mutating func next<T: PostgresDecodable>(_: T.Type = T.self) throws(PostgresError) -> T {
        defer { column += 1 }
        return try T.decode(rows, index, column)
    }

    public mutating func skip(_ columns: Int = 1) { column += columns }
}

extension PostgresRows {
    /// Reads one row: `try rows.decode(0) { r in Site(id: try r.next(), name: try r.next()) }`.
    public func decode<T>(_ row: Int, _ body: (inout PostgresRow) throws -> T) throws -> T {
        var cursor = PostgresRow(self, row)
        return try body(&cursor)
    }

    /// Reads every row.
    public func map<T>(_ body: (inout PostgresRow) throws -> T) throws -> [T] {
        var all: [T] = []
        all.reserveCapacity(count)
        for row in 0..<count { all.append(try decode(row, body)) }
        return all
    }

    /// Writes a value by its column's type, without a copy in between: text quoted, json and jsonb as they are, times in `style`.
    public func write(_ row: Int, _ column: Int, to w: inout JSONWriter, _ style: RFC3339.Style = .utc) throws(PostgresError) {
        guard let v = try value(row, column) else { return w.null() }
        switch type(column) {
        case PostgresType.bool: w.value(v.bytes.first != 0)
        case PostgresType.int8, PostgresType.int4, PostgresType.int2, PostgresType.oid: w.value(try int64(row, column))
        case PostgresType.float8, PostgresType.float4, PostgresType.numeric: w.value(try double(row, column))
        case PostgresType.timestamptz, PostgresType.timestamp: w.value(v.timestamp(), style)
        case PostgresType.json, PostgresType.jsonb: w.raw(try utf8(row, column))
        case PostgresType.uuid: w.value(v.uuid())
        default: w.value(utf8: try utf8(row, column))
        }
    }
}

extension Int64: PostgresDecodable {
    public static func decode(_ rows: PostgresRows, _ row: Int, _ column: Int) throws(PostgresError) -> Int64 { try rows.int64(row, column) }
}
extension Int: PostgresDecodable {
    public static func decode(_ rows: PostgresRows, _ row: Int, _ column: Int) throws(PostgresError) -> Int { try rows.int(row, column) }
}
extension Int32: PostgresDecodable {
    public static func decode(_ rows: PostgresRows, _ row: Int, _ column: Int) throws(PostgresError) -> Int32 { try rows.int32(row, column) }
}
extension Double: PostgresDecodable {
    public static func decode(_ rows: PostgresRows, _ row: Int, _ column: Int) throws(PostgresError) -> Double { try rows.double(row, column) }
}
extension Bool: PostgresDecodable {
    public static func decode(_ rows: PostgresRows, _ row: Int, _ column: Int) throws(PostgresError) -> Bool { try rows.bool(row, column) }
}
extension String: PostgresDecodable {
    public static func decode(_ rows: PostgresRows, _ row: Int, _ column: Int) throws(PostgresError) -> String { try rows.string(row, column) }
}
extension Timestamp: PostgresDecodable {
    public static func decode(_ rows: PostgresRows, _ row: Int, _ column: Int) throws(PostgresError) -> Timestamp { try rows.timestamp(row, column) }
}
extension JSONValue: PostgresDecodable {
    public static func decode(_ rows: PostgresRows, _ row: Int, _ column: Int) throws(PostgresError) -> JSONValue { try rows.json(row, column) }
}

/// What an array column can be read as an array of.
public protocol PostgresDecodableElement {
    static func decodeArray(_ rows: PostgresRows, _ row: Int, _ column: Int) throws(PostgresError) -> [Self]
}
extension Int64: PostgresDecodableElement {
    public static func decodeArray(_ rows: PostgresRows, _ row: Int, _ column: Int) throws(PostgresError) -> [Int64] { try rows.int64Array(row, column) }
}
extension Int32: PostgresDecodableElement {
    public static func decodeArray(_ rows: PostgresRows, _ row: Int, _ column: Int) throws(PostgresError) -> [Int32] { try rows.int32Array(row, column) }
}
extension Double: PostgresDecodableElement {
    public static func decodeArray(_ rows: PostgresRows, _ row: Int, _ column: Int) throws(PostgresError) -> [Double] { try rows.doubleArray(row, column) }
}
extension Bool: PostgresDecodableElement {
    public static func decodeArray(_ rows: PostgresRows, _ row: Int, _ column: Int) throws(PostgresError) -> [Bool] { try rows.boolArray(row, column) }
}
extension String: PostgresDecodableElement {
    public static func decodeArray(_ rows: PostgresRows, _ row: Int, _ column: Int) throws(PostgresError) -> [String] { try rows.textArray(row, column) }
}
extension Timestamp: PostgresDecodableElement {
    public static func decodeArray(_ rows: PostgresRows, _ row: Int, _ column: Int) throws(PostgresError) -> [Timestamp] {
        try rows.timestampArray(row, column)
    }
}
/// `[UInt8]` is a bytea.
extension UInt8: PostgresDecodableElement {
    public static func decodeArray(_ rows: PostgresRows, _ row: Int, _ column: Int) throws(PostgresError) -> [UInt8] { try rows.bytes(row, column) }
}

extension Array: PostgresDecodable where Element: PostgresDecodableElement {
    public static func decode(_ rows: PostgresRows, _ row: Int, _ column: Int) throws(PostgresError) -> [Element] {
        try Element.decodeArray(rows, row, column)
    }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    public static func decode(_ rows: PostgresRows, _ row: Int, _ column: Int) throws(PostgresError) -> Wrapped? {
        try rows.isNull(row, column) ? nil : try Wrapped.decode(rows, row, column)
    }
}
