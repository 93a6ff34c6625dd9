package import Bytes
package import Postgres
package import Secrets

/// `heliograph.vehicle_account`: accounts and their sealed tokens.
package struct TokenStore {
    package let pool: PostgresPool
    let seal: Seal

    package init(_ pool: PostgresPool, _ seal: Seal) {
        self.pool = pool
        self.seal = seal
    }

    /// An account as it is stored.
    struct Row {
        var number: Int64
        var name: String
        var rotation: Int64
        var fault: String?
        /// nil: they cannot be opened with this process's key.
        var tokens: TokenPair?
        var tokensAt: Timestamp
        var expiresAt: Timestamp?
    }

    /// An account as operators see it.
    package struct Listed: Sendable {
        package var number: Int64
        package var name: String
        package var fault: String?
        package var tokensAt: Timestamp
        package var cars: Int
    }

    // MARK: For operators

    package func list() async throws(PostgresError) -> [Listed] {
        let rows = try await pool.query(
            """
            SELECT a.number, a.name, a.fault, a.tokens_at, (SELECT count(*) FROM heliograph.car AS c WHERE c.account = a.number AND NOT c.is_gone)
            FROM heliograph.vehicle_account AS a ORDER BY a.number
            """)
        var found: [Listed] = []
        for row in 0..<rows.count {
            found.append(
                Listed(
                    number: try rows.int64(row, 0), name: try rows.string(row, 1), fault: try rows.stringIfPresent(row, 2),
                    tokensAt: try rows.timestamp(row, 3), cars: try rows.int(row, 4)))
        }
        return found
    }

    /// Adds an account, or gives one of this name new tokens: whoever uses it takes them from now on.
    ///
    /// - Parameter json: `{"access_token":…,"refresh_token":…}`. nil when it is none; else the account's number.
    package func login(_ name: String, _ json: [UInt8]) async throws -> Int64? {
        guard let tokens = TokenPair(json: json) else { return nil }
        return try await pool.transaction { transaction in
            let made = try await transaction.query(
                """
                INSERT INTO heliograph.vehicle_account (name, tokens) VALUES ($1, '') ON CONFLICT (name) DO UPDATE SET name = EXCLUDED.name
                RETURNING number
                """, Parameters(name))
            let number = try made.int64(0, 0)
            try await transaction.query(
                """
                UPDATE heliograph.vehicle_account SET tokens = $2, access_expires_at = $3, tokens_at = coalesce($4, now()), rotation = rotation + 1,
                    fault = NULL WHERE number = $1
                """, Parameters(number, seal.close(tokens.json, context: Self.context(number)), tokens.expiresAt, tokens.issuedAt))
            return number
        }
    }

    // MARK: For pollers

    func read(_ number: Int64) async throws(PostgresError) -> Row? {
        let rows = try await pool.query(Self.select, Parameters(number))
        return rows.isEmpty ? nil : try row(rows)
    }

    /// The account's row, locked until the transaction ends; nil: another has it locked, or it is gone.
    func lock(_ number: Int64, _ transaction: PostgresTransaction) async throws(PostgresError) -> Row? {
        let rows = try await transaction.query(Self.selectForUpdate, Parameters(number))
        return rows.isEmpty ? nil : try row(rows)
    }

    /// Stores a new pair where the stored one is still that of `rotation`; false: it is not.
    func rotate(
        _ number: Int64, from rotation: Int64, to tokens: TokenPair, expiresAt: Timestamp?, at now: Timestamp, _ transaction: PostgresTransaction
    ) async throws(PostgresError) -> Bool {
        try await transaction.execute(
            """
            UPDATE heliograph.vehicle_account SET tokens = $3, access_expires_at = $4, tokens_at = $5, rotation = rotation + 1, fault = NULL
            WHERE number = $1 AND rotation = $2
            """, Parameters(number, rotation, seal.close(tokens.json, context: Self.context(number)), expiresAt, now)) == 1
    }

    /// Nothing is asked in its name any more, until somebody logs in again. Only where the tokens are still those.
    func signOut(_ number: Int64, rotation: Int64, _ fault: String) async throws(PostgresError) {
        _ = try await pool.query(
            "UPDATE heliograph.vehicle_account SET fault = $3 WHERE number = $1 AND rotation = $2", Parameters(number, rotation, fault), retryOnLoss: true)
    }

    private static let columns = "number, name, rotation, fault, tokens, tokens_at, access_expires_at"
    private static let select = Statement("SELECT \(columns) FROM heliograph.vehicle_account WHERE number = $1")
    private static let selectForUpdate = Statement("SELECT \(columns) FROM heliograph.vehicle_account WHERE number = $1 FOR UPDATE SKIP LOCKED")

    private func row(_ rows: PostgresRows) throws(PostgresError) -> Row {
        let number = try rows.int64(0, 0)
        return Row(
            number: number, name: try rows.string(0, 1), rotation: try rows.int64(0, 2), fault: try rows.stringIfPresent(0, 3),
            tokens: seal.open(try rows.bytes(0, 4), context: Self.context(number)).flatMap { TokenPair(json: $0) }, tokensAt: try rows.timestamp(0, 5),
            expiresAt: try rows.timestampIfPresent(0, 6))
    }

    static func context(_ number: Int64) -> String { "vehicle_account:\(number)" }
}
