public import Bytes
import CPostgreSQL

/// The rows of one result, read in place: values are decoded from libpq's memory when asked for.
///
/// Rows and columns count from 0. Accessors throw `decoding` on a type that does not fit, on NULL (those that end in `IfPresent`
/// return nil for it) and on a row or column that is not there. The memory is freed with the last reference.
public final class PostgresRows {
    let result: OpaquePointer
    /// Number of rows.
    public let count: Int
    let columnCount: Int

    /// Takes over the result.
    init(_ result: OpaquePointer) {
        self.result = result
        count = Int(PQntuples(result))
        columnCount = Int(PQnfields(result))
    }

    deinit { PQclear(result) }

    public var isEmpty: Bool { count == 0 }

    /// Rows inserted, updated, deleted, selected or copied, as the command tag says.
    public var affected: Int { Self.number(PQcmdTuples(result)) }

    public var columns: [String] { (0..<columnCount).map { String(cString: PQfname(result, Int32($0))) } }

    /// A column's index by its name.
    public func column(_ name: String) throws(PostgresError) -> Int {
        let index = columns.firstIndex(of: name)
        guard let index else { throw PostgresError(.decoding, "no column \(name); there are \(columns.joined(separator: ", "))") }
        return index
    }

    /// The object id of a column's type.
    public func type(_ column: Int) -> UInt32 {
        // libpq would report an index out of range through the connection's notice receiver, which may be gone by now.
        column >= 0 && column < columnCount ? PQftype(result, Int32(column)) : 0
    }

    public func isNull(_ row: Int, _ column: Int) throws(PostgresError) -> Bool {
        try check(row, column)
        return PQgetisnull(result, Int32(row), Int32(column)) != 0
    }

    // MARK: Numbers

    /// int2, int4, int8 or oid.
    public func int64(_ row: Int, _ column: Int) throws(PostgresError) -> Int64 { try present(int64IfPresent(row, column), row, column) }
    public func int64IfPresent(_ row: Int, _ column: Int) throws(PostgresError) -> Int64? {
        guard let v = try value(row, column) else { return nil }
        return switch type(column) {
        case PostgresType.int8: v.integer(Int64.self)
        case PostgresType.int4: Int64(v.integer(Int32.self))
        case PostgresType.int2: Int64(v.integer(Int16.self))
        case PostgresType.oid: Int64(v.integer(UInt32.self))
        default: throw mismatch(column, "an integer")
        }
    }

    public func int(_ row: Int, _ column: Int) throws(PostgresError) -> Int { Int(try int64(row, column)) }
    public func intIfPresent(_ row: Int, _ column: Int) throws(PostgresError) -> Int? { try int64IfPresent(row, column).map(Int.init) }

    /// int2 or int4, or an int8 that fits.
    public func int32(_ row: Int, _ column: Int) throws(PostgresError) -> Int32 { try present(int32IfPresent(row, column), row, column) }
    public func int32IfPresent(_ row: Int, _ column: Int) throws(PostgresError) -> Int32? {
        guard let wide = try int64IfPresent(row, column) else { return nil }
        guard let narrow = Int32(exactly: wide) else { throw mismatch(column, "an integer of 32 bits, \(wide) is too large") }
        return narrow
    }

    /// float4, float8, numeric (rounded to the nearest double) or an integer.
    public func double(_ row: Int, _ column: Int) throws(PostgresError) -> Double { try present(doubleIfPresent(row, column), row, column) }
    public func doubleIfPresent(_ row: Int, _ column: Int) throws(PostgresError) -> Double? {
        guard let v = try value(row, column) else { return nil }
        switch type(column) {
        case PostgresType.float8: return Double(bitPattern: v.integer(UInt64.self))
        case PostgresType.float4: return Double(Float(bitPattern: v.integer(UInt32.self)))
        case PostgresType.numeric: return v.numeric()
        default: return try int64IfPresent(row, column).map(Double.init)
        }
    }

    public func bool(_ row: Int, _ column: Int) throws(PostgresError) -> Bool { try present(boolIfPresent(row, column), row, column) }
    public func boolIfPresent(_ row: Int, _ column: Int) throws(PostgresError) -> Bool? {
        guard let v = try value(row, column, of: PostgresType.bool) else { return nil }
        return v.bytes.first != 0
    }

    // MARK: Times

    /// timestamptz, or timestamp taken as UTC. The infinities are the earliest and the latest instant.
    public func timestamp(_ row: Int, _ column: Int) throws(PostgresError) -> Timestamp { try present(timestampIfPresent(row, column), row, column) }
    public func timestampIfPresent(_ row: Int, _ column: Int) throws(PostgresError) -> Timestamp? {
        guard let v = try value(row, column) else { return nil }
        guard type(column) == PostgresType.timestamptz || type(column) == PostgresType.timestamp else { throw mismatch(column, "a timestamp") }
        return v.timestamp()
    }

    /// A date as its day number, 0 being 1970-01-01 (`Civil.date(days:)` reads it).
    public func day(_ row: Int, _ column: Int) throws(PostgresError) -> Int64 { try present(dayIfPresent(row, column), row, column) }
    public func dayIfPresent(_ row: Int, _ column: Int) throws(PostgresError) -> Int64? {
        guard let v = try value(row, column, of: PostgresType.date) else { return nil }
        return Int64(v.integer(Int32.self)) + PostgresType.epochDays
    }

    // MARK: Text and bytes

    /// Text in UTF-8 without a copy: text, varchar, json, jsonb, enumerations. The pointer is good for as long as the rows live.
    public func utf8(_ row: Int, _ column: Int) throws(PostgresError) -> UnsafeBufferPointer<UInt8> {
        try present(utf8IfPresent(row, column), row, column)
    }
    public func utf8IfPresent(_ row: Int, _ column: Int) throws(PostgresError) -> UnsafeBufferPointer<UInt8>? {
        guard let v = try value(row, column) else { return nil }
        let type = type(column)
        // The binary form of jsonb is a version byte and the text.
        if type == PostgresType.jsonb { return UnsafeBufferPointer(rebasing: v.bytes.dropFirst()) }
        guard PostgresType.isText(type) else { throw mismatch(column, "text") }
        return v.bytes
    }

    /// Text, or a uuid in its usual form.
    public func string(_ row: Int, _ column: Int) throws(PostgresError) -> String { try present(stringIfPresent(row, column), row, column) }
    public func stringIfPresent(_ row: Int, _ column: Int) throws(PostgresError) -> String? {
        if type(column) == PostgresType.uuid { return try value(row, column)?.uuid() }
        return try utf8IfPresent(row, column).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A value's binary form: a bytea's content, or any other type's wire form.
    public func bytes(_ row: Int, _ column: Int) throws(PostgresError) -> [UInt8] { try present(bytesIfPresent(row, column), row, column) }
    public func bytesIfPresent(_ row: Int, _ column: Int) throws(PostgresError) -> [UInt8]? {
        try value(row, column).map { Array($0.bytes) }
    }

    /// json or jsonb as a tree.
    public func json(_ row: Int, _ column: Int) throws(PostgresError) -> JSONValue { try present(jsonIfPresent(row, column), row, column) }
    public func jsonIfPresent(_ row: Int, _ column: Int) throws(PostgresError) -> JSONValue? {
        guard let text = try utf8IfPresent(row, column) else { return nil }
        do throws(JSONError) {
            var reader = JSONReader(text)
            let value = try reader.value()
            try reader.end()
            return value
        } catch {
            throw PostgresError(.decoding, "column \(columnName(column)): \(error)")
        }
    }

    // MARK: Inside

    /// A value's bytes; nil for NULL.
    func value(_ row: Int, _ column: Int) throws(PostgresError) -> WireValue? {
        try check(row, column)
        let r = Int32(truncatingIfNeeded: row)
        let c = Int32(truncatingIfNeeded: column)
        let length = Int(PQgetlength(result, r, c))
        if length == 0, PQgetisnull(result, r, c) != 0 { return nil }
        return WireValue(UnsafeRawPointer(PQgetvalue(result, r, c)), length)
    }

    func value(_ row: Int, _ column: Int, of expected: UInt32) throws(PostgresError) -> WireValue? {
        guard let v = try value(row, column) else { return nil }
        guard type(column) == expected else { throw mismatch(column, PostgresType.name(expected)) }
        return v
    }

    func mismatch(_ column: Int, _ wanted: String) -> PostgresError {
        PostgresError(.decoding, "column \(columnName(column)) is \(PostgresType.name(type(column))), not \(wanted)")
    }

    func present<T>(_ value: T?, _ row: Int, _ column: Int) throws(PostgresError) -> T {
        guard let value else { throw PostgresError(.decoding, "column \(columnName(column)) is NULL in row \(row)") }
        return value
    }

    private func check(_ row: Int, _ column: Int) throws(PostgresError) {
        guard row >= 0, row < count else { throw PostgresError(.decoding, "no row \(row): the result has \(count)") }
        guard column >= 0, column < columnCount else { throw PostgresError(.decoding, "no column \(column): the result has \(columnCount)") }
    }

    private func columnName(_ column: Int) -> String { PQfname(result, Int32(column)).map { String(cString: $0) } ?? "\(column)" }
}
