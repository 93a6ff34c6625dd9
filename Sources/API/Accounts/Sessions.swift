import Bytes
import Postgres
import Secrets

/// What a client gets when it logs in or refreshes.
struct OpenSession {
    var user: User
    var accessToken: String
    var refreshToken: String
}

/// Log-ins of clients: one session each, whose refresh tokens follow one another. Used on the pool's loop.
final class Sessions {
    /// How long a refresh token is good, and with it a session that nobody refreshes, s.
    static let lifetimeSeconds: Int64 = 7 * 86_400
    /// Refresh tokens say what they are, so that a leaked one is recognised.
    private static let prefix = "hgr_"
    /// Longer texts are none of ours.
    static let maxTokenLength = 1_024

    private let pool: PostgresPool
    private let keys: SigningKeys

    init(_ pool: PostgresPool, _ keys: SigningKeys) {
        self.pool = pool
        self.keys = keys
    }

    // MARK: Logging in

    /// Nothing for a password that was changed, or an account that was switched off, while the old one was being checked: the update waits for whoever
    /// changes it and looks again.
    private static let open = Statement(
        """
        WITH a AS (
            UPDATE heliograph.account SET last_login_at = now() WHERE number = $1 AND password_hash = $2 AND is_active RETURNING *
        ), s AS (
            INSERT INTO heliograph.session (account, device_info, address, expires_at)
            SELECT number, $3, $4, now() + $5 * interval '1 s' FROM a RETURNING id
        ), t AS (
            INSERT INTO heliograph.refresh_token (hash, session) SELECT $6, id FROM s
        )
        SELECT s.id::text, \(User.columns) FROM a, s
        """)

    /// A session for the account whose password was found to be right; nil when that is so no longer.
    func open(account: Int64, passwordHash: String, deviceInfo: String, address: String, now: Timestamp) async throws -> OpenSession? {
        let token = Self.newToken()
        let rows = try await pool.query(
            Self.open, Parameters(account, passwordHash, deviceInfo, address, Self.lifetimeSeconds, Secret.hash(token)))
        return rows.isEmpty ? nil : try await session(rows, token, now)
    }

    private func session(_ rows: PostgresRows, _ refreshToken: String, _ now: Timestamp) async throws -> OpenSession {
        let (id, user) = try rows.decode(0) { row in (try row.next(String.self), try User(&row)) }
        let token = WebToken(account: user.id, session: id, issuedAt: now.seconds, expiresAt: now.seconds + WebToken.lifetimeSeconds)
        return OpenSession(user: user, accessToken: token.signed(with: try await keys.current()), refreshToken: refreshToken)
    }

    private static func newToken() -> String { prefix + Secret.random() }

    // MARK: Refreshing

    /// Locks the token and its session: of two uses of one token, the later one sees what the first did.
    private static let find = Statement(
        """
        SELECT s.id::text, t.used_at IS NOT NULL,
            s.revoked_at IS NULL AND s.expires_at > now() AND t.created_at > now() - $2 * interval '1 s' AND a.is_active
        FROM heliograph.refresh_token AS t JOIN heliograph.session AS s ON s.id = t.session JOIN heliograph.account AS a ON a.number = s.account
        WHERE t.hash = $1 FOR UPDATE OF s, t
        """)
    private static let use = Statement("UPDATE heliograph.refresh_token SET used_at = now() WHERE hash = $1")
    private static let add = Statement("INSERT INTO heliograph.refresh_token (hash, session) VALUES ($1, $2::uuid)")
    private static let extend = Statement(
        """
        WITH s AS (UPDATE heliograph.session SET refreshed_at = now(), expires_at = now() + $2 * interval '1 s' WHERE id = $1::uuid RETURNING id, account)
        SELECT s.id::text, \(User.columns) FROM s JOIN heliograph.account AS a ON a.number = s.account
        """)
    private static let revoke = Statement("UPDATE heliograph.session SET revoked_at = now() WHERE id = $1::uuid AND revoked_at IS NULL")

    /// The next token for one that was not used before; nil for any other. Whoever uses one twice shows that two have it: the session ends.
    func refresh(_ token: String, now: Timestamp) async throws -> OpenSession? {
        let hash = Secret.hash(token)
        let next = Self.newToken()
        let rows = try await pool.transaction { transaction -> PostgresRows? in
            let found = try await transaction.query(Self.find, Parameters(hash, Self.lifetimeSeconds))
            guard !found.isEmpty, try found.bool(0, 2) else { return nil }
            let session = try found.string(0, 0)
            guard try !found.bool(0, 1) else {
                try await transaction.execute(Self.revoke, Parameters(session))
                return nil
            }
            return try await transaction.batch([
                (Self.use, Parameters(hash)), (Self.add, Parameters(Secret.hash(next), session)), (Self.extend, Parameters(session, Self.lifetimeSeconds)),
            ])[2]
        }
        guard let rows else { return nil }
        return try await self.session(rows, next, now)
    }

    // MARK: Logging out

    private static let revokeByToken = Statement(
        """
        UPDATE heliograph.session AS s SET revoked_at = now() FROM heliograph.refresh_token AS t
        WHERE t.hash = $1 AND s.id = t.session AND s.account = $2 AND s.revoked_at IS NULL
        """)
    private static let revokeAll = Statement(
        "UPDATE heliograph.session SET revoked_at = now() WHERE account = $1 AND id IS DISTINCT FROM $2::uuid AND revoked_at IS NULL AND expires_at > now()")
    /// Tokens of the operators' log-in belong to the same password.
    private static let dropTokens = Statement("DELETE FROM heliograph.token WHERE account = $1 AND label = 'login'")

    /// Ends the session of a refresh token that belongs to the account; another one's, or an unknown one, changes nothing.
    func revoke(refreshToken: String, account: Int64) async throws {
        try await pool.query(Self.revokeByToken, Parameters(Secret.hash(refreshToken), account), retryOnLoss: true)
    }

    /// Ends all sessions of an account; returns how many were open.
    func revokeAll(account: Int64) async throws -> Int {
        try await pool.query(Self.revokeAll, Parameters(account, nil as String?)).affected
    }

    /// Ends all sessions of an account but `keeping`, as part of a change of its password.
    static func revokeAll(account: Int64, keeping: String? = nil, _ transaction: PostgresTransaction) async throws {
        try await transaction.batch([(revokeAll, Parameters(account, keeping)), (dropTokens, Parameters(account))])
    }
}
