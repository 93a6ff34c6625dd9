/// A SQL statement with `$1 …` parameters, prepared once on each connection that uses it.
///
/// Keep one in a `static let`: making it reads the text once, using it costs the same for any length.
public struct Statement: Hashable, Sendable {
    public let sql: String
    private let digest: UInt64

    public init(_ sql: String) {
        self.sql = sql
        // FNV-1a: the identity is still checked by comparing the texts.
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in sql.utf8 { digest = (digest ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        self.digest = digest
    }

    public static func == (a: Statement, b: Statement) -> Bool { a.digest == b.digest && a.sql == b.sql }
    public func hash(into hasher: inout Hasher) { hasher.combine(digest) }
}

extension Statement: ExpressibleByStringLiteral {
    public init(stringLiteral sql: String) { self.init(sql) }
}

/// One statement with one list of parameter types: what a connection prepares.
struct PreparedKey: Hashable {
    let statement: Statement
    let types: UInt64

    func hash(into hasher: inout Hasher) {
        statement.hash(into: &hasher)
        hasher.combine(types)
    }
}

/// A statement's name on one connection. The name is short enough to be stored in place.
final class Prepared {
    let key: PreparedKey
    let name: String
    var lastUsed: UInt64 = 0

    init(_ key: PreparedKey, number: UInt64) {
        self.key = key
        name = "h\(number)"
    }
}
