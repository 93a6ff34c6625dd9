import Bytes
import Postgres
import Reactor
import Secrets

/// The keys that sign access tokens, as one loop knows them: from the database, looked at again for a key id that it does not know.
final class SigningKeys {
    private let pool: PostgresPool
    private var keys: [WebToken.Key] = []
    private var askedNs: Int64 = .min

    /// How soon it is looked again for an unknown key, ns: anybody can make one up.
    private static let askAgainNs: Int64 = 1_000_000_000
    /// How long the newest key signs before it is looked for a newer one, ns.
    private static let freshNs: Int64 = 60_000_000_000

    init(_ pool: PostgresPool) { self.pool = pool }

    /// The first caller makes the first key; others find it.
    private static let read = Statement(
        """
        WITH made AS (
            INSERT INTO heliograph.signing_key (kid, secret) SELECT 'first', $1
            WHERE NOT EXISTS (SELECT FROM heliograph.signing_key) ON CONFLICT DO NOTHING RETURNING kid, secret, created_at
        )
        SELECT kid, secret FROM (SELECT kid, secret, created_at FROM made UNION ALL SELECT kid, secret, created_at FROM heliograph.signing_key) AS k
        ORDER BY created_at DESC
        """)
    private static let rotate = Statement("INSERT INTO heliograph.signing_key (kid, secret) VALUES ($1, $2)")
    /// Nothing that they signed is good any longer.
    private static let forget = Statement(
        """
        DELETE FROM heliograph.signing_key AS k
        WHERE EXISTS (SELECT FROM heliograph.signing_key AS n WHERE n.created_at > k.created_at AND n.created_at < now() - $1 * interval '1 s')
        """)

    /// The key that signs now.
    func current() async throws -> WebToken.Key {
        if keys.isEmpty || Clock.monotonicNs - askedNs >= Self.freshNs { try await load() }
        guard let key = keys.first else { throw APIError.databaseUnavailable }
        return key
    }

    /// Verifies an access token; throws `PostgresError` when keys cannot be read.
    func verify(_ text: String, nowSeconds: Int64) async throws -> Result<WebToken, WebToken.Fault> {
        let result = WebToken.verify(text, nowSeconds: nowSeconds, keys: keys)
        guard case .failure(.unknownKey) = result, askedNs == .min || Clock.monotonicNs - askedNs >= Self.askAgainNs else { return result }
        try await load()
        return WebToken.verify(text, nowSeconds: nowSeconds, keys: keys)
    }

    private func load() async throws {
        let rows = try await pool.query(Self.read, Parameters(Secret.bytes(32)), retryOnLoss: true)
        keys = try rows.map { row in WebToken.Key(id: try row.next(String.self), secret: try row.next([UInt8].self)) }
        askedNs = Clock.monotonicNs
    }

    /// Puts a new key in front; the ones before it verify until what they have signed has expired.
    static func rotate(_ pool: PostgresPool) async throws -> String {
        let id = Hex.text(Secret.bytes(8))
        try await pool.query(rotate, Parameters(id, Secret.bytes(32)))
        try await pool.query(forget, Parameters(2 * WebToken.lifetimeSeconds), retryOnLoss: true)
        return id
    }
}
