import Postgres

/// Forgets sessions, refresh tokens and codes whose time is over.
package final class AccountsTask: UpkeepTask {
    package let name = "accounts"
    package let intervalNs: Int64 = 600_000_000_000

    /// Rows deleted in one statement, so that none holds its locks for long.
    static let chunk: Int64 = 5_000

    private static let statements = [
        // Its tokens go with it.
        Statement(
            "DELETE FROM heliograph.session WHERE id IN (SELECT id FROM heliograph.session WHERE expires_at < now() ORDER BY expires_at LIMIT $1)"),
        // A used one is kept as long as it would be good, to know it when it comes again.
        Statement(
            """
            DELETE FROM heliograph.refresh_token WHERE hash IN (
                SELECT hash FROM heliograph.refresh_token WHERE created_at < now() - interval '7 days' ORDER BY created_at LIMIT $1)
            """),
        // With them go the counts of codes in an hour, once that hour is over.
        Statement(
            """
            DELETE FROM heliograph.verification_code WHERE (email, purpose) IN (
                SELECT email, purpose FROM heliograph.verification_code
                WHERE expires_at < now() AND sends_since < now() - interval '1 hour' ORDER BY expires_at LIMIT $1)
            """),
    ]

    package init() {}

    package func run(_ turn: UpkeepTurn) async throws {
        for statement in Self.statements {
            while turn.mayWork() {
                if try await turn.pool.query(statement, Parameters(Self.chunk)).affected < Self.chunk { break }
            }
        }
    }
}
