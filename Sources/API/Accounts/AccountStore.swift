public import Bytes
public import Postgres
import Secrets

/// Why an account or token cannot be made.
public enum AccountError: Error, Hashable, Sendable, CustomStringConvertible {
    case badUsername
    case badPassword
    case taken(String)
    case unknown(String)
    /// Too many passwords wait to be hashed.
    case busy

    public var description: String {
        switch self {
        case .badUsername: "a user name has 1 to 64 characters, none of them a control character"
        case .badPassword: "a password has 8 to \(PasswordHasher.maxPasswordBytes) bytes"
        case .taken(let name): "there is a user \(name) already"
        case .unknown(let name): "there is no user \(name)"
        case .busy: "too many passwords wait to be hashed"
        }
    }
}

/// A token as its holder gets it: the only time that its text is seen.
public struct IssuedToken: Sendable {
    public let text: String
    public let scope: Scope
    /// nil: never.
    public let expiresAt: Timestamp?
}

/// Accounts and tokens in PostgreSQL. Used on the pool's loop.
public final class AccountStore {
    public enum Role: String, CaseIterable, Sendable {
        case user, admin
    }

    struct Credentials {
        let number: Int64
        let role: Role
        let hash: String
    }

    let pool: PostgresPool
    let hasher: PasswordHasher

    public init(_ pool: PostgresPool, _ hasher: PasswordHasher) {
        self.pool = pool
        self.hasher = hasher
    }

    // MARK: Accounts

    private static let insert = Statement(
        """
        INSERT INTO heliograph.account (username, password_hash, role) VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING RETURNING number
        """)
    private static let find = Statement("SELECT number, role, password_hash FROM heliograph.account WHERE lower(username) = lower($1) AND is_active")
    private static let promote = Statement("UPDATE heliograph.account SET role = $2 WHERE lower(username) = lower($1)")

    /// Makes an account and returns its number. Throws `AccountError` and `PostgresError`.
    @discardableResult
    public func createUser(_ username: String, password: String, role: Role = .user) async throws -> Int64 {
        guard Self.isUsername(username) else { throw AccountError.badUsername }
        guard (8...PasswordHasher.maxPasswordBytes).contains(password.utf8.count) else { throw AccountError.badPassword }
        guard let hash = await hasher.hash(password) else { throw AccountError.busy }
        let rows = try await pool.query(Self.insert, Parameters(username, hash, role.rawValue))
        guard rows.count > 0 else { throw AccountError.taken(username) }
        return try rows.int64(0, 0)
    }

    /// Gives an account another role.
    public func setRole(_ username: String, _ role: Role) async throws {
        guard Self.isUsername(username) else { throw AccountError.badUsername }
        if try await pool.query(Self.promote, Parameters(username, role.rawValue), retryOnLoss: true).affected == 0 {
            throw AccountError.unknown(username)
        }
    }

    func credentials(_ username: String) async throws -> Credentials? {
        let rows = try await pool.query(Self.find, Parameters(username), retryOnLoss: true)
        guard rows.count > 0, let role = Role(rawValue: try rows.string(0, 1)) else { return nil }
        return Credentials(number: try rows.int64(0, 0), role: role, hash: try rows.string(0, 2))
    }

    static func isUsername(_ name: String) -> Bool {
        (1...64).contains(name.unicodeScalars.count) && !name.unicodeScalars.contains { $0.properties.generalCategory == .control }
    }

    // MARK: Tokens

    /// Tokens that expired a while ago go on this occasion.
    private static let insertToken = Statement(
        """
        WITH gone AS (DELETE FROM heliograph.token WHERE expires_at < now() - interval '1 day')
        INSERT INTO heliograph.token (hash, scope, account, label, expires_at)
        VALUES (sha256(convert_to($1, 'UTF8')), $2, $3, $4, now() + $5 * interval '1 second') RETURNING expires_at
        """)

    /// Makes a token: its scope's prefix and 32 random bytes in hex.
    /// - Parameter lifetimeSeconds: nil makes one that does not expire.
    public func createToken(_ scope: Scope, label: String, account: Int64? = nil, lifetimeSeconds: Int64? = nil) async throws -> IssuedToken {
        let text = Self.randomToken(scope)
        let rows = try await pool.query(Self.insertToken, Parameters(text, scope.rawValue, account, label, lifetimeSeconds))
        return IssuedToken(text: text, scope: scope, expiresAt: try rows.timestampIfPresent(0, 0))
    }

    private static func randomToken(_ scope: Scope) -> String { scope.prefix + Secret.random() }
}
