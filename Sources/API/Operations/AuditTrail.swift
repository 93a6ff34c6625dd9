public import Bytes
public import Postgres

/// Who did what, when. Notes are written in the transaction of the change itself.
public struct AuditTrail {
    public static let maxLimit = 500

    let pool: PostgresPool

    public init(_ pool: PostgresPool) { self.pool = pool }

    private static let insert = Statement(
        "INSERT INTO heliograph.audit (who, action, subject, detail) VALUES ($1, $2, $3, $4) RETURNING id")
    private static let extend = Statement("UPDATE heliograph.audit SET detail = detail || $2 WHERE id = $1")
    private static let newest = Statement(
        """
        SELECT id, at, who, action, subject, detail FROM heliograph.audit
        WHERE id < coalesce($1, 9223372036854775807) ORDER BY id DESC LIMIT $2
        """)

    /// Adds a note to the transaction; returns its id.
    @discardableResult
    static func note(
        _ transaction: PostgresTransaction, _ who: String, _ action: String, _ subject: String = "", _ detail: JSONValue = [:]
    ) async throws(PostgresError) -> Int64 {
        try await transaction.query(insert, Parameters(who, action, subject, detail)).int64(0, 0)
    }

    /// Brings a note up to date: members of `detail` replace those of the same name.
    static func extend(_ transaction: PostgresTransaction, _ id: Int64, _ detail: JSONValue) async throws(PostgresError) {
        try await transaction.query(extend, Parameters(id, detail))
    }

    /// `[{"id","at","who","action","subject","detail"}]`, newest first.
    public func list(before: Int64? = nil, limit: Int = 50) async throws -> JSONValue {
        let rows = try await pool.query(Self.newest, Parameters(before, min(max(limit, 1), Self.maxLimit)), retryOnLoss: true)
        return try rows.objects()
    }
}
