import CPostgreSQL

/// What went wrong with the database, whether trying again can help, and what the server said.
public struct PostgresError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Kind: String, Sendable {
        /// The server refused or failed a statement; see `sqlState`.
        case server
        /// The connection broke with the statement in flight: it may or may not have taken effect.
        case connectionLost
        /// The connection broke during COMMIT: the transaction may or may not have taken effect.
        case commitUnknown
        /// No connection came free within the wait limit.
        case unavailable
        /// Too many queries wait already.
        case queueFull
        /// The caller's task was cancelled; a statement already sent still runs to its end.
        case cancelled
        /// The pool, listener or transaction has ended.
        case closed
        /// COMMIT was answered with a rollback because an earlier statement had failed.
        case rolledBack
        /// A value is not of the type that was asked for, or is NULL, or is not there.
        case decoding
        /// The call itself is wrong: a malformed buffer, too many parameters.
        case invalid
        /// Migrations on disk and in the database do not agree.
        case migration
        /// The private server cannot be used.
        case privateServer
    }

    public var kind: Kind
    /// The five-character SQLSTATE, or empty when the server did not give one.
    public var sqlState = ""
    public var message: String
    public var detail: String?
    public var hint: String?
    public var constraint: String?
    public var table: String?
    public var column: String?
    /// Which statement of a batch failed, counted from 0.
    public var batchIndex: Int?
    /// Where in the statement, in characters from 1.
    public var position: Int?
    /// The statement had been prepared before a table changed under it; it has been forgotten, so that the next try prepares it anew.
    var hadStalePlan = false

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// Whether the connection that carried the statement is gone.
    public var isConnectionLost: Bool { kind == .connectionLost || kind == .commitUnknown }

    /// Whether the same work may succeed later. After `connectionLost` and `commitUnknown` it may have been done already:
    /// only work that is idempotent is to be tried again.
    public var isRetryable: Bool {
        switch kind {
        case .connectionLost, .commitUnknown, .unavailable, .queueFull: true
        case .server, .rolledBack: hadStalePlan || Self.isRetryable(sqlState)
        case .cancelled, .closed, .decoding, .invalid, .migration, .privateServer: false
        }
    }

    public var isUniqueViolation: Bool { sqlState == "23505" }

    /// Whether others stood in the way, with a key, a lock or a row that they have changed: the same work may succeed at once.
    package var isContended: Bool { kind == .server && (isUniqueViolation || ["40001", "40P01", "55P03"].contains(sqlState)) }

    /// Whether the data are what the server refused (SQLSTATE classes of data, constraints, limits).
    package var isDataFault: Bool { kind == .server && !isUniqueViolation && ["22", "23", "54"].contains(String(sqlState.prefix(2))) }

    /// Whether the same work would fail in the same way for ever: its data, or what it asks for (names, features, raised errors), are wrong.
    package var isLasting: Bool { isDataFault || (kind == .server && !isRetryable && ["42", "0A", "P0", "HG"].contains(String(sqlState.prefix(2)))) }

    /// Serialization, deadlock, lock not available; shutdown and start-up; out of connections, memory or disk; a standby.
    static func isRetryable(_ state: String) -> Bool {
        switch state {
        case "40001", "40P01", "55P03", "57P01", "57P02", "57P03", "57P05", "25P03", "25006": true
        default: state.hasPrefix("53") || state.hasPrefix("08")
        }
    }

    /// SQLSTATEs with which the server ends the session.
    static func endsSession(_ state: String) -> Bool {
        switch state {
        case "57P01", "57P02", "57P03", "57P05", "25P03": true
        default: state.isEmpty || state.hasPrefix("08")
        }
    }

    /// Whether a prepared statement must be made anew: unknown to the session, or its result type has changed.
    var isStalePlan: Bool { kind == .server && (sqlState == "26000" || sqlState == "0A000") }

    public var description: String {
        var text = kind == .server ? "PostgreSQL \(sqlState): \(message)" : "PostgreSQL (\(kind.rawValue)): \(message)"
        if let detail { text += " [\(detail)]" }
        if let constraint { text += " [constraint \(constraint)]" }
        return text
    }

    /// Reads an error result; without SQLSTATE it is libpq's own word that the connection is gone.
    init(result: OpaquePointer) {
        func field(_ code: Unicode.Scalar) -> String? {
            PQresultErrorField(result, Int32(code.value)).map { String(cString: $0) }
        }
        sqlState = field("C") ?? ""
        kind = Self.endsSession(sqlState) ? .connectionLost : .server
        message = field("M") ?? Self.trimmed(PQresultErrorMessage(result))
        detail = field("D")
        hint = field("H")
        constraint = field("n")
        table = field("t")
        column = field("c")
        position = field("P").flatMap { Int($0) }
    }

    /// libpq's message for a connection, on one line.
    static func lost(_ connection: OpaquePointer?, _ fallback: String) -> PostgresError {
        let text = connection.map { trimmed(PQerrorMessage($0)) } ?? ""
        return PostgresError(.connectionLost, text.isEmpty ? fallback : text)
    }

    private static func trimmed(_ text: UnsafePointer<CChar>?) -> String {
        guard let text else { return "" }
        let bytes = String(cString: text).utf8.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D })
        return bytes.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ").replacingTabs()
    }
}

extension String {
    fileprivate func replacingTabs() -> String { String(decoding: utf8.filter { $0 != 0x09 }, as: UTF8.self) }
}
