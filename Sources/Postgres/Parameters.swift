/// A statement's parameters in binary form with their types: one buffer, however many there are.
///
/// An `Int` goes as int8; cast in SQL where the server cannot (`$1::uuid`, `$2::my_enum`).
public struct Parameters {
    @usableFromInline struct Entry {
        @usableFromInline var type: UInt32
        /// -1 for NULL.
        @usableFromInline var offset: Int
        @usableFromInline var length: Int

        @inlinable init(type: UInt32, offset: Int, length: Int) {
            self.type = type
            self.offset = offset
            self.length = length
        }
    }

    /// The protocol's limit (16 bits).
    static let maxCount = 65_535
    /// Room for a handful of short values without growing.
    @usableFromInline static let initialBytes = 96
    @usableFromInline static let initialEntries = 8

    @usableFromInline var bytes: [UInt8] = []
    @usableFromInline var entries: [Entry] = []
    /// Tells lists of types apart: a statement is prepared once for each.
    @usableFromInline var signature: UInt64 = 0xCBF2_9CE4_8422_2325

    @inlinable public init() {}

    /// `Parameters(1, name, nil as Double?)`.
    @inlinable public init<each Value: PostgresEncodable>(_ value: repeat each Value) {
        repeat append(each value)
    }

    /// `Parameters { $0.append(id); $0.appendJSON(body) }`.
    @inlinable public init(_ build: (inout Parameters) throws -> Void) rethrows {
        try build(&self)
    }

    public var count: Int { entries.count }
    public var isEmpty: Bool { entries.isEmpty }

    @inlinable public mutating func append<Value: PostgresEncodable>(_ value: Value) {
        add(Value.postgresType) { value.encode(into: &$0) }
    }

    /// A JSON text as jsonb; the server checks it.
    public mutating func appendJSON(_ json: [UInt8]?) {
        add(PostgresType.jsonb) { Self.appendJSONB(json, to: &$0) }
    }

    public mutating func appendJSONArray(_ items: [[UInt8]]) {
        add(PostgresType.jsonbArray) { out in
            Wire.array(of: PostgresType.jsonb, items.map(JSONText.init), into: &out)
            return true
        }
    }

    public mutating func appendJSONArray(_ items: [[UInt8]?]) {
        add(PostgresType.jsonbArray) { out in
            Wire.array(of: PostgresType.jsonb, items.map { $0.map(JSONText.init) }, into: &out)
            return true
        }
    }

    /// A bytea[]: `append([[UInt8]])` would not say whether JSON was meant.
    public mutating func appendByteArrays(_ items: [[UInt8]]) {
        add(1001) { out in
            Wire.array(of: PostgresType.bytea, items, into: &out)
            return true
        }
    }

    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
        signature = Parameters().signature
    }

    @inlinable mutating func add(_ type: UInt32, _ encode: (inout [UInt8]) -> Bool) {
        if entries.isEmpty {
            bytes.reserveCapacity(Self.initialBytes)
            entries.reserveCapacity(Self.initialEntries)
        }
        let offset = bytes.count
        let isValue = encode(&bytes)
        entries.append(Entry(type: type, offset: isValue ? offset : -1, length: bytes.count - offset))
        signature = (signature ^ UInt64(type)) &* 0x0000_0100_0000_01B3
    }

    static func appendJSONB(_ json: [UInt8]?, to out: inout [UInt8]) -> Bool {
        guard let json else { return false }
        out.append(1)
        out.append(contentsOf: json)
        return true
    }

    private struct JSONText: PostgresEncodable {
        static var postgresType: UInt32 { PostgresType.jsonb }
        let json: [UInt8]
        func encode(into bytes: inout [UInt8]) -> Bool { Parameters.appendJSONB(json, to: &bytes) }
    }
}
