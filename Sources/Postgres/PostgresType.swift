/// Object ids of the built-in types (PostgreSQL's `pg_type.dat`; they never change).
public enum PostgresType {
    public static let bool: UInt32 = 16
    public static let bytea: UInt32 = 17
    static let char: UInt32 = 18
    static let name: UInt32 = 19
    public static let int8: UInt32 = 20
    public static let int2: UInt32 = 21
    public static let int4: UInt32 = 23
    public static let text: UInt32 = 25
    static let oid: UInt32 = 26
    public static let json: UInt32 = 114
    static let xml: UInt32 = 142
    public static let float4: UInt32 = 700
    public static let float8: UInt32 = 701
    static let unknown: UInt32 = 705
    static let bpchar: UInt32 = 1042
    public static let varchar: UInt32 = 1043
    public static let date: UInt32 = 1082
    public static let timestamp: UInt32 = 1114
    public static let timestamptz: UInt32 = 1184
    public static let numeric: UInt32 = 1700
    public static let uuid: UInt32 = 2950
    public static let jsonb: UInt32 = 3802

    public static let boolArray: UInt32 = 1000
    public static let int2Array: UInt32 = 1005
    public static let int4Array: UInt32 = 1007
    public static let textArray: UInt32 = 1009
    public static let int8Array: UInt32 = 1016
    public static let float8Array: UInt32 = 1022
    public static let timestamptzArray: UInt32 = 1185
    public static let jsonbArray: UInt32 = 3807

    /// Types made by users (enumerations, domains, citext) have ids from here on.
    static let firstUserType: UInt32 = 16_384

    /// Whether a type's binary form is its text in UTF-8. A user's type is taken to be one: enumerations are.
    static func isText(_ type: UInt32) -> Bool {
        switch type {
        case text, varchar, name, bpchar, char, unknown, json, xml: true
        default: type >= firstUserType
        }
    }

    static let uuidArray: UInt32 = 2951

    /// Whether a type's binary form is an array's. Users' types are not told apart by number and count as both text and array.
    static func isArray(_ type: UInt32) -> Bool {
        switch type {
        case boolArray, int2Array, int4Array, textArray, int8Array, float8Array, timestamptzArray, jsonbArray, uuidArray, 1001, 1014, 1015, 1021,
            1115, 1231:
            true
        default: type >= firstUserType
        }
    }

    /// A name for messages.
    static func name(_ type: UInt32) -> String {
        switch type {
        case bool: "bool"
        case bytea: "bytea"
        case int8: "int8"
        case int2: "int2"
        case int4: "int4"
        case text: "text"
        case varchar: "varchar"
        case float4: "float4"
        case float8: "float8"
        case date: "date"
        case timestamp: "timestamp"
        case timestamptz: "timestamptz"
        case numeric: "numeric"
        case uuid: "uuid"
        case json: "json"
        case jsonb: "jsonb"
        default: "type \(type)"
        }
    }

    /// Microseconds from 1970 to 2000, PostgreSQL's epoch.
    static let epochMicros: Int64 = 946_684_800_000_000
    /// Days from 1970-01-01 to 2000-01-01.
    static let epochDays: Int64 = 10_957
}
