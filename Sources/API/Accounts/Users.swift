import Bytes
import Postgres

/// Accounts as their owners and admins change them. Used on the pool's loop.
final class Users {
    private let pool: PostgresPool

    init(_ pool: PostgresPool) { self.pool = pool }

    // MARK: Logging in

    struct Credentials {
        var number: Int64
        var hash: String
    }

    /// An address goes before a name: accounts made at the command line may be called like somebody's address.
    private static let byLogin = Statement(
        """
        SELECT number, password_hash FROM heliograph.account WHERE (email = lower($1) OR lower(username) = lower($1)) AND is_active
        ORDER BY email = lower($1) DESC NULLS LAST LIMIT 1
        """)
    private static let hashByNumber = Statement("SELECT password_hash FROM heliograph.account WHERE number = $1")

    /// Of the account with this e-mail address or user name; nil when there is none that may log in.
    func credentials(login: String) async throws -> Credentials? {
        let rows = try await pool.query(Self.byLogin, Parameters(login), retryOnLoss: true)
        return rows.isEmpty ? nil : Credentials(number: try rows.int64(0, 0), hash: try rows.string(0, 1))
    }

    func passwordHash(_ number: Int64) async throws -> String? {
        let rows = try await pool.query(Self.hashByNumber, Parameters(number), retryOnLoss: true)
        return rows.isEmpty ? nil : try rows.string(0, 0)
    }

    // MARK: Registering

    private static let insert = Statement(
        """
        INSERT INTO heliograph.account AS a (username, email, password_hash, email_verified_at) VALUES ($1, $2, $3, CASE WHEN $4 THEN now() END)
        ON CONFLICT DO NOTHING RETURNING \(User.columns)
        """)

    /// Makes an account, with `code` using up the one that was sent to its address. A name or address that is taken leaves the code as it was.
    func register(username: String, email: String, passwordHash: String, code: String?) async throws -> User {
        try await pool.transaction { transaction in
            if let code, !(try await VerificationCodes.take(code, of: email, for: .registration, transaction)) { throw VerificationCodes.refusal }
            let rows = try await transaction.query(Self.insert, Parameters(username, email, passwordHash, code != nil))
            // That a name is taken cannot be hidden from somebody who wants it. One text for both, so that an answer does not tell which of them it was.
            // Where codes are needed, nobody gets this far with the address of another: codes for a taken address are never sent.
            guard !rows.isEmpty else { throw APIError.said(409, "该邮箱或用户名已被使用") }
            return try rows.decode(0) { row in try User(&row) }
        }
    }

    // MARK: One account

    private static let byNumber = Statement("SELECT \(User.columns) FROM heliograph.account AS a WHERE a.number = $1")
    private static let byID = Statement("SELECT \(User.columns) FROM heliograph.account AS a WHERE a.id = $1::uuid")
    private static let change = Statement(
        """
        UPDATE heliograph.account AS a SET username = coalesce($2, username), metadata = coalesce($3, metadata),
            updated_at = CASE WHEN $2 IS NULL AND $3 IS NULL THEN updated_at ELSE now() END
        WHERE number = $1 RETURNING \(User.columns)
        """)

    func find(_ number: Int64) async throws -> User? { try Self.first(try await pool.query(Self.byNumber, Parameters(number), retryOnLoss: true)) }

    func find(id: String) async throws -> User? {
        guard UUIDText.isValid(id) else { return nil }
        return try Self.first(try await pool.query(Self.byID, Parameters(id), retryOnLoss: true))
    }

    /// Changes what is given; nil when the account has been deleted meanwhile.
    func change(_ number: Int64, username: String?, metadata: JSONValue?) async throws -> User? {
        let rows: PostgresRows
        do throws(PostgresError) {
            rows = try await pool.query(Self.change, Parameters(number, username, metadata))
        } catch {
            throw error.isUniqueViolation ? APIError.said(409, "用户名已被使用") : error
        }
        return try Self.first(rows)
    }

    private static func first(_ rows: PostgresRows) throws -> User? { rows.isEmpty ? nil : try rows.decode(0) { row in try User(&row) } }

    // MARK: Passwords

    private static let replaceHash = Statement(
        "UPDATE heliograph.account SET password_hash = $3, updated_at = now() WHERE number = $1 AND password_hash = $2")
    private static let resetHash = Statement(
        """
        UPDATE heliograph.account SET password_hash = $2, updated_at = now(), email_verified_at = coalesce(email_verified_at, now())
        WHERE email = $1 AND is_active RETURNING number
        """)

    /// Puts a new hash in the place of the one that was checked and ends all sessions but the caller's; false when another change was faster.
    func changePassword(_ number: Int64, from old: String, to new: String, keeping session: String) async throws -> Bool {
        try await pool.transaction { transaction in
            guard try await transaction.execute(Self.replaceHash, Parameters(number, old, new)) == 1 else { return false }
            try await Sessions.revokeAll(account: number, keeping: session, transaction)
            return true
        }
    }

    /// Uses up the code, sets the hash and ends all sessions, or none of it.
    func resetPassword(_ email: String, code: String, hash: String) async throws {
        try await pool.transaction { transaction in
            guard try await VerificationCodes.take(code, of: email, for: .passwordReset, transaction) else { throw VerificationCodes.refusal }
            let rows = try await transaction.query(Self.resetHash, Parameters(email, hash))
            // Deleted or switched off since the code was sent.
            guard !rows.isEmpty else { throw VerificationCodes.refusal }
            try await Sessions.revokeAll(account: try rows.int64(0, 0), transaction)
        }
    }

    // MARK: For admins

    private static let condition = """
        ($1::text IS NULL OR a.role = $1) AND ($2::boolean IS NULL OR a.is_active = $2)
        AND ($3::text IS NULL OR strpos(lower(a.username), lower($3)) > 0 OR strpos(a.email, lower($3)) > 0)
        """
    private static let count = Statement("SELECT count(*) FROM heliograph.account AS a WHERE \(condition)")
    private static let list = Statement(
        "SELECT \(User.columns) FROM heliograph.account AS a WHERE \(condition) ORDER BY a.created_at, a.number LIMIT $4 OFFSET $5")
    private static let delete = Statement("DELETE FROM heliograph.account WHERE id = $1::uuid")

    struct Filter {
        var role: String?
        var isActive: Bool?
        var search: String?
    }

    func list(_ filter: Filter, _ page: Page) async throws -> (users: [User], total: Int) {
        let rows = try await pool.batch(
            [
                (Self.count, Parameters(filter.role, filter.isActive, filter.search)),
                (Self.list, Parameters(filter.role, filter.isActive, filter.search, page.size, page.offset)),
            ], retryOnLoss: true)
        return (try rows[1].map { row in try User(&row) }, try rows[0].int(0, 0))
    }

    /// Whether there was one. Its sessions and tokens go with it.
    func delete(id: String) async throws -> Bool {
        guard UUIDText.isValid(id) else { return false }
        return try await pool.query(Self.delete, Parameters(id)).affected == 1
    }
}
