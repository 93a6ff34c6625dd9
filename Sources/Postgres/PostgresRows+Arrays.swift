public import Bytes

extension PostgresRows {
    /// int8[], int4[] or int2[]; NULL elements are an error.
    public func int64Array(_ row: Int, _ column: Int) throws(PostgresError) -> [Int64] {
        try array(row, column, "an integer array") { type, v in
            switch type {
            case PostgresType.int8: v.integer(Int64.self)
            case PostgresType.int4: Int64(v.integer(Int32.self))
            case PostgresType.int2: Int64(v.integer(Int16.self))
            default: nil
            }
        }
    }

    public func int32Array(_ row: Int, _ column: Int) throws(PostgresError) -> [Int32] {
        try array(row, column, "int4[]") { type, v in type == PostgresType.int4 ? v.integer(Int32.self) : nil }
    }

    /// float8[] or float4[].
    public func doubleArray(_ row: Int, _ column: Int) throws(PostgresError) -> [Double] {
        try array(row, column, "float8[]") { type, v in Self.double(type, v) }
    }

    /// float8[] or float4[] with NULLs.
    public func optionalDoubleArray(_ row: Int, _ column: Int) throws(PostgresError) -> [Double?] {
        try optionalArray(row, column, "float8[]") { type, v in Self.double(type, v) }
    }

    public func boolArray(_ row: Int, _ column: Int) throws(PostgresError) -> [Bool] {
        try array(row, column, "bool[]") { type, v in type == PostgresType.bool ? v.bytes.first != 0 : nil }
    }

    /// text[], varchar[], or an array of an enumeration.
    public func textArray(_ row: Int, _ column: Int) throws(PostgresError) -> [String] {
        try array(row, column, "text[]") { type, v in Self.text(type, v) }
    }

    public func optionalTextArray(_ row: Int, _ column: Int) throws(PostgresError) -> [String?] {
        try optionalArray(row, column, "text[]") { type, v in Self.text(type, v) }
    }

    public func timestampArray(_ row: Int, _ column: Int) throws(PostgresError) -> [Timestamp] {
        try array(row, column, "timestamptz[]") { type, v in type == PostgresType.timestamptz || type == PostgresType.timestamp ? v.timestamp() : nil }
    }

    private static func double(_ type: UInt32, _ v: WireValue) -> Double? {
        switch type {
        case PostgresType.float8: Double(bitPattern: v.integer(UInt64.self))
        case PostgresType.float4: Double(Float(bitPattern: v.integer(UInt32.self)))
        case PostgresType.numeric: v.numeric()
        default: nil
        }
    }

    private static func text(_ type: UInt32, _ v: WireValue) -> String? {
        if type == PostgresType.uuid { return v.uuid() }
        return PostgresType.isText(type) ? String(decoding: v.bytes, as: UTF8.self) : nil
    }

    private func array<T>(_ row: Int, _ column: Int, _ wanted: String, _ decode: (UInt32, WireValue) -> T?) throws(PostgresError) -> [T] {
        var all: [T] = []
        for item in try optionalArray(row, column, wanted, decode) {
            guard let item else { throw PostgresError(.decoding, "column \(columns[column]) holds a NULL in row \(row)") }
            all.append(item)
        }
        return all
    }

    private func optionalArray<T>(_ row: Int, _ column: Int, _ wanted: String, _ decode: (UInt32, WireValue) -> T?) throws(PostgresError) -> [T?] {
        guard PostgresType.isArray(type(column)) else { throw mismatch(column, wanted) }
        let (type, items) = try present(value(row, column), row, column).elements()
        var all: [T?] = []
        all.reserveCapacity(items.count)
        for item in items {
            guard let item else {
                all.append(nil)
                continue
            }
            guard let decoded = decode(type, item) else { throw mismatch(column, wanted) }
            all.append(decoded)
        }
        return all
    }
}
