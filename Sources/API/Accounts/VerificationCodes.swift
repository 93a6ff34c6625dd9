import Bytes
import Postgres
import Secrets

/// Codes that are sent to an e-mail address, to show that who has the code reads its mail. Used on the pool's loop.
final class VerificationCodes {
    enum Purpose: String {
        case registration
        case passwordReset = "password_reset"
    }

    static let digits = 6
    static let lifetimeMinutes = 10
    /// Wrong tries after which a code is dead.
    static let tries = 5
    /// Between two codes for the same address, s.
    static let pauseSeconds = 60
    /// Codes for one address in an hour. With `tries` it limits what can be guessed: 25 of a million in an hour.
    static let perHour = 5

    private let pool: PostgresPool
    private let seal: Seal

    init(_ pool: PostgresPool, _ seal: Seal) {
        self.pool = pool
        self.seal = seal
    }

    /// What a sealed code belongs to.
    static func context(_ email: String, _ purpose: Purpose) -> String { "verification:\(email):\(purpose.rawValue)" }

    // MARK: Sending

    /// The code and the job that mails it are one statement, so that neither is there without the other. An address that cannot get one has a row like the
    /// others, but one that no code opens: a second request within the minute reads the same for all.
    private static let make = Statement(
        """
        WITH may AS (
            SELECT CASE $2 WHEN 'registration' THEN NOT EXISTS (SELECT FROM heliograph.account WHERE email = $1)
                ELSE EXISTS (SELECT FROM heliograph.account WHERE email = $1 AND is_active) END AS it
        ), made AS (
            INSERT INTO heliograph.verification_code AS c (email, purpose, salt, hash, sealed, expires_at)
            SELECT $1, $2, $3, CASE WHEN it THEN sha256($3 || $4) ELSE $5 END, CASE WHEN it THEN $6 END, now() + $8 * interval '1 min' FROM may
            ON CONFLICT (email, purpose) DO UPDATE SET
                salt = excluded.salt, hash = excluded.hash, sealed = excluded.sealed, sent_at = now(), expires_at = excluded.expires_at, tries = 0,
                verified_at = NULL, sends = CASE WHEN c.sends_since > now() - interval '1 hour' THEN c.sends + 1 ELSE 1 END,
                sends_since = CASE WHEN c.sends_since > now() - interval '1 hour' THEN c.sends_since ELSE now() END
            WHERE c.sent_at <= now() - $9 * interval '1 s' AND (c.sends < $10 OR c.sends_since <= now() - interval '1 hour')
            RETURNING 1
        )
        SELECT CASE WHEN it THEN heliograph.enqueue(
            'mail.verification', jsonb_build_object('email', $1, 'purpose', $2, 'locale', $7), unique_key => 'mail.verification:' || $2 || ':' || $1) END
        FROM may, made
        """)
    private static let wait = Statement(
        """
        SELECT ceil(extract(epoch FROM greatest(sent_at + $3 * interval '1 s', CASE WHEN sends >= $4 THEN sends_since + interval '1 hour' END) - now()))::bigint
        FROM heliograph.verification_code WHERE email = $1 AND purpose = $2
        """)

    /// Makes a code and has it mailed, where the address may get one: for a registration to an address that nobody has, for a new password to one that
    /// somebody has. Returns the seconds to wait when it is too soon for another one.
    /// - Parameter locale: `zh` or `en`, of the mail.
    func send(to email: String, for purpose: Purpose, locale: String) async throws -> Int? {
        let code = Array(Secret.digits(Self.digits).utf8)
        let rows = try await pool.query(
            Self.make,
            Parameters(
                email, purpose.rawValue, Secret.bytes(16), code, Secret.bytes(32), seal.close(code, context: Self.context(email, purpose)), locale,
                Self.lifetimeMinutes, Self.pauseSeconds, Int32(Self.perHour)))
        guard rows.isEmpty else { return nil }
        let wait = try await pool.query(Self.wait, Parameters(email, purpose.rawValue, Self.pauseSeconds, Int32(Self.perHour)), retryOnLoss: true)
        // Gone meanwhile: used, just now.
        return wait.isEmpty ? 1 : max(1, try wait.int(0, 0))
    }

    // MARK: Checking

    /// A right code is marked, a wrong one counted, whoever else tries at the same time.
    private static let check = Statement(
        """
        UPDATE heliograph.verification_code SET
            tries = tries + CASE WHEN hash = sha256(salt || $3) THEN 0 ELSE 1 END,
            verified_at = CASE WHEN hash = sha256(salt || $3) THEN coalesce(verified_at, now()) ELSE verified_at END
        WHERE email = $1 AND purpose = $2 AND expires_at > now() AND tries < $4
        RETURNING hash = sha256(salt || $3)
        """)
    private static let take = Statement(
        """
        DELETE FROM heliograph.verification_code
        WHERE email = $1 AND purpose = $2 AND hash = sha256(salt || $3) AND verified_at IS NOT NULL AND expires_at > now() AND tries < $4
        """)

    /// Whether this is the code that was sent, not expired and not tried too often; marks it as verified.
    func check(_ code: String, of email: String, for purpose: Purpose) async throws -> Bool {
        let rows = try await pool.query(Self.check, Parameters(email, purpose.rawValue, Array(code.utf8), Int32(Self.tries)))
        return try !rows.isEmpty && rows.bool(0, 0)
    }

    /// Uses up a code that was checked, once, in the transaction of what it is good for.
    static func take(_ code: String, of email: String, for purpose: Purpose, _ transaction: PostgresTransaction) async throws -> Bool {
        try await transaction.execute(take, Parameters(email, purpose.rawValue, Array(code.utf8), Int32(tries))) == 1
    }

    /// One answer for a wrong code, an old one, one that was tried too often, and an address that never got one.
    static var refusal: APIError { .said(400, "验证码错误或已过期") }
}
