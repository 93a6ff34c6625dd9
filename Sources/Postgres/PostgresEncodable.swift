public import Bytes

/// A value that a statement takes as a parameter, in PostgreSQL's binary form.
public protocol PostgresEncodable {
    static var postgresType: UInt32 { get }
    /// Appends the value's binary form; false means NULL, with nothing appended.
    func encode(into bytes: inout [UInt8]) -> Bool
}

/// What an array can hold. `UInt8` is one too, and makes a bytea.
public protocol PostgresArrayElement {
    static var postgresArrayType: UInt32 { get }
    static func encode(array: [Self], into bytes: inout [UInt8])
}

/// A value with an array type of its own in PostgreSQL.
public protocol PostgresScalar: PostgresEncodable, PostgresArrayElement {}

extension PostgresScalar {
    @inlinable public static func encode(array: [Self], into bytes: inout [UInt8]) {
        Wire.array(of: postgresType, array, into: &bytes)
    }
}

/// Big-endian building blocks.
@usableFromInline enum Wire {
    @inlinable static func append(_ v: some FixedWidthInteger, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: v.bigEndian) { bytes.append(contentsOf: $0) }
    }

    @inlinable static func set(_ v: Int32, at offset: Int, in bytes: inout [UInt8]) {
        withUnsafeBytes(of: v.bigEndian) { raw in for i in 0..<4 { bytes[offset + i] = raw[i] } }
    }

    /// A one-dimensional array from index 1: dimensions, NULL flag, element type, then each element with its length.
    @inlinable static func array<E: PostgresEncodable>(of type: UInt32, _ items: [E], into bytes: inout [UInt8]) {
        append(Int32(items.isEmpty ? 0 : 1), to: &bytes)
        let flag = bytes.count
        append(Int32(0), to: &bytes)
        append(type, to: &bytes)
        guard !items.isEmpty else { return }
        append(Int32(truncatingIfNeeded: items.count), to: &bytes)
        append(Int32(1), to: &bytes)
        var hasNull = false
        for item in items {
            let at = bytes.count
            append(Int32(-1), to: &bytes)
            if item.encode(into: &bytes) { set(Int32(truncatingIfNeeded: bytes.count - at - 4), at: at, in: &bytes) } else { hasNull = true }
        }
        if hasNull { set(1, at: flag, in: &bytes) }
    }
}

extension Int64: PostgresScalar {
    @inlinable public static var postgresType: UInt32 { PostgresType.int8 }
    @inlinable public static var postgresArrayType: UInt32 { PostgresType.int8Array }
    @inlinable public func encode(into bytes: inout [UInt8]) -> Bool {
        Wire.append(self, to: &bytes)
        return true
    }
}

extension Int: PostgresScalar {
    @inlinable public static var postgresType: UInt32 { PostgresType.int8 }
    @inlinable public static var postgresArrayType: UInt32 { PostgresType.int8Array }
    @inlinable public func encode(into bytes: inout [UInt8]) -> Bool {
        Wire.append(self, to: &bytes)
        return true
    }
}

extension Int32: PostgresScalar {
    @inlinable public static var postgresType: UInt32 { PostgresType.int4 }
    @inlinable public static var postgresArrayType: UInt32 { PostgresType.int4Array }
    @inlinable public func encode(into bytes: inout [UInt8]) -> Bool {
        Wire.append(self, to: &bytes)
        return true
    }
}

extension Int16: PostgresScalar {
    @inlinable public static var postgresType: UInt32 { PostgresType.int2 }
    @inlinable public static var postgresArrayType: UInt32 { PostgresType.int2Array }
    @inlinable public func encode(into bytes: inout [UInt8]) -> Bool {
        Wire.append(self, to: &bytes)
        return true
    }
}

extension Double: PostgresScalar {
    @inlinable public static var postgresType: UInt32 { PostgresType.float8 }
    @inlinable public static var postgresArrayType: UInt32 { PostgresType.float8Array }
    @inlinable public func encode(into bytes: inout [UInt8]) -> Bool {
        Wire.append(bitPattern, to: &bytes)
        return true
    }
}

extension Bool: PostgresScalar {
    @inlinable public static var postgresType: UInt32 { PostgresType.bool }
    @inlinable public static var postgresArrayType: UInt32 { PostgresType.boolArray }
    @inlinable public func encode(into bytes: inout [UInt8]) -> Bool {
        bytes.append(self ? 1 : 0)
        return true
    }
}

extension String: PostgresScalar {
    @inlinable public static var postgresType: UInt32 { PostgresType.text }
    @inlinable public static var postgresArrayType: UInt32 { PostgresType.textArray }
    @inlinable public func encode(into bytes: inout [UInt8]) -> Bool {
        bytes.append(contentsOf: utf8)
        return true
    }
}

/// As timestamptz; the earliest and latest instants stand for PostgreSQL's infinities.
extension Timestamp: PostgresScalar {
    @inlinable public static var postgresType: UInt32 { PostgresType.timestamptz }
    @inlinable public static var postgresArrayType: UInt32 { PostgresType.timestamptzArray }
    public func encode(into bytes: inout [UInt8]) -> Bool {
        let isInfinite = microseconds == .max || microseconds == .min
        Wire.append(isInfinite ? microseconds : microseconds &- PostgresType.epochMicros, to: &bytes)
        return true
    }
}

/// As jsonb.
extension JSONValue: PostgresScalar {
    public static var postgresType: UInt32 { PostgresType.jsonb }
    public static var postgresArrayType: UInt32 { PostgresType.jsonbArray }
    public func encode(into bytes: inout [UInt8]) -> Bool {
        bytes.append(1)
        bytes.append(contentsOf: self.bytes)
        return true
    }
}

extension UInt8: PostgresArrayElement {
    @inlinable public static var postgresArrayType: UInt32 { PostgresType.bytea }
    @inlinable public static func encode(array: [UInt8], into bytes: inout [UInt8]) { bytes.append(contentsOf: array) }
}

extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    @inlinable public static var postgresType: UInt32 { Wrapped.postgresType }
    @inlinable public func encode(into bytes: inout [UInt8]) -> Bool { self?.encode(into: &bytes) ?? false }
}

extension Optional: PostgresArrayElement where Wrapped: PostgresScalar {
    @inlinable public static var postgresArrayType: UInt32 { Wrapped.postgresArrayType }
    @inlinable public static func encode(array: [Self], into bytes: inout [UInt8]) {
        Wire.array(of: Wrapped.postgresType, array, into: &bytes)
    }
}

extension Array: PostgresEncodable where Element: PostgresArrayElement {
    @inlinable public static var postgresType: UInt32 { Element.postgresArrayType }
    @inlinable public func encode(into bytes: inout [UInt8]) -> Bool {
        Element.encode(array: self, into: &bytes)
        return true
    }
}
