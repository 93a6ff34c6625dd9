/// Rows for COPY in PostgreSQL's binary format. Each value must have its column's exact type: an `Int32` for int4, an `Int64` for int8.
public struct CopyBuffer {
    /// "PGCOPY\n\377\r\n\0", no flags, no header extension.
    private static let header: [UInt8] = [0x50, 0x47, 0x43, 0x4F, 0x50, 0x59, 0x0A, 0xFF, 0x0D, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    static let trailer: [UInt8] = [0xFF, 0xFF]

    @usableFromInline private(set) var bytes: [UInt8]
    /// Rows begun.
    public private(set) var count = 0
    /// Values the current row still wants.
    @usableFromInline var missing = 0
    private var firstBadRow: Int?

    public init(capacity: Int = 4096) {
        bytes = []
        bytes.reserveCapacity(max(capacity, Self.header.count))
        bytes += Self.header
    }

    public var isEmpty: Bool { count == 0 }
    public var byteCount: Int { bytes.count }

    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        bytes += Self.header
        count = 0
        missing = 0
        firstBadRow = nil
    }

    /// Begins a row of so many values.
    public mutating func beginRow(fields: Int) {
        noteEnd()
        count += 1
        missing = fields
        Wire.append(Int16(truncatingIfNeeded: fields), to: &bytes)
    }

    @inlinable public mutating func append<Value: PostgresEncodable>(_ value: Value) {
        let at = begin()
        end(at, value.encode(into: &bytes))
    }

    public mutating func appendNull() {
        let at = begin()
        end(at, false)
    }

    /// A float4 column's value.
    public mutating func append(float4 value: Float?) {
        let at = begin()
        if let value { Wire.append(value.bitPattern, to: &bytes) }
        end(at, value != nil)
    }

    /// A jsonb column's value, given as JSON text.
    public mutating func appendJSON(_ json: [UInt8]?) {
        let at = begin()
        end(at, Parameters.appendJSONB(json, to: &bytes))
    }

    /// A text column's value, given as UTF-8.
    public mutating func append(utf8 text: UnsafeBufferPointer<UInt8>) {
        let at = begin()
        bytes.append(contentsOf: text)
        end(at, true)
    }

    /// A uuid column's value, by its first and last eight bytes.
    public mutating func appendUUID(high: UInt64, low: UInt64) {
        let at = begin()
        Wire.append(high, to: &bytes)
        Wire.append(low, to: &bytes)
        end(at, true)
    }

    /// A date column's value, as a day number from 1970-01-01.
    public mutating func append(day: Int64?) {
        let at = begin()
        if let day { Wire.append(Int32(truncatingIfNeeded: day - PostgresType.epochDays), to: &bytes) }
        end(at, day != nil)
    }

    /// Why the rows cannot be sent, if they cannot.
    var fault: PostgresError? {
        guard let row = firstBadRow ?? (missing != 0 ? count : nil) else { return nil }
        return PostgresError(.invalid, "COPY: row \(row) does not have as many values as it announced")
    }

    @usableFromInline mutating func begin() -> Int {
        missing -= 1
        Wire.append(Int32(-1), to: &bytes)
        return bytes.count
    }

    @usableFromInline mutating func end(_ start: Int, _ isValue: Bool) {
        if isValue { Wire.set(Int32(truncatingIfNeeded: bytes.count - start), at: start - 4, in: &bytes) }
    }

    private mutating func noteEnd() {
        if missing != 0, firstBadRow == nil { firstBadRow = count }
    }
}
