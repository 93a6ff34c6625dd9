import Postgres

/// Why an operator's wish is not granted; the message is for people.
public struct OperationError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Reason: Sendable {
        /// The wish itself is malformed.
        case invalid
        /// What it names is not there.
        case unknown
        /// It cannot be done in the state that things are in.
        case conflict
        /// The database gave up on the search.
        case tooSlow
    }

    public var reason: Reason
    public var message: String
    public var description: String { message }

    public static func invalid(_ message: String) -> OperationError { OperationError(reason: .invalid, message: message) }
    public static func unknown(_ message: String) -> OperationError { OperationError(reason: .unknown, message: message) }
    public static func conflict(_ message: String) -> OperationError { OperationError(reason: .conflict, message: message) }

    init(reason: Reason, message: String) {
        self.reason = reason
        self.message = message
    }

    /// What the server says of a wish, and not of itself: class 22 and check violations (malformed), HG004 (nothing matches), a statement that
    /// ran out of time. nil for everything else.
    init?(_ error: PostgresError) {
        guard error.kind == .server else { return nil }
        switch error.sqlState {
        case "22021", "22P05": self = .invalid("a text must not contain NUL")
        case "HG004": self = .unknown(error.message)
        case "57014": self.init(reason: .tooSlow, message: "the search took too long; narrow it, for instance by kind and time")
        case "23514": self = .invalid("a value is out of its range (\(error.constraint ?? "check"))")
        case let state where state.hasPrefix("22"): self = .invalid(error.message)
        default: return nil
        }
    }
}

/// Runs what an operator asked for; what the server refuses in it comes out as `OperationError`.
func refusing<T>(_ body: () async throws -> T) async throws -> T {
    do {
        return try await body()
    } catch let error as PostgresError {
        throw OperationError(error).map { $0 as any Error } ?? error
    }
}
