package import Postgres

extension PostgresError {
    /// Whether the same work would fail in the same way for ever: what it asks for is wrong (SQLSTATE classes of data, constraints,
    /// names, features, limits, raised errors). A unique key that another transaction has taken meanwhile is no such thing.
    package var isLasting: Bool {
        guard kind == .server, !isRetryable, !isUniqueViolation else { return false }
        return ["22", "23", "42", "0A", "54", "P0", "HG"].contains(String(sqlState.prefix(2)))
    }
}
