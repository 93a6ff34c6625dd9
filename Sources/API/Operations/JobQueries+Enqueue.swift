public import Bytes
import Postgres

extension JobQueries {
    private static let add = Statement("SELECT heliograph.enqueue_many(jsonb_build_array($1::jsonb))")
    /// A job that was there before was not made by this transaction.
    private static let isOlder = Statement("SELECT created_at <> now() FROM heliograph.job WHERE id = $1")

    /// Enqueues a job as anybody's SQL would: `{"id","duplicate"}`. A unique key that is held gives the id of the job that holds it.
    public func enqueue(_ order: JobOrder, by who: String) async throws -> JSONValue {
        try await refusing {
            try await pool.transaction { transaction in
                let id = try await transaction.query(Self.add, Parameters(order.json)).int64(0, 0)
                let row = try await transaction.query(Self.isOlder, Parameters(id))
                // The holder of the key may have started and ended meanwhile.
                let isDuplicate = row.isEmpty ? true : try row.bool(0, 0)
                if !isDuplicate { try await AuditTrail.note(transaction, who, "enqueue", String(id), ["kind": .string(order.kind ?? "")]) }
                return ["id": .int(Int(id)), "duplicate": .bool(isDuplicate)]
            }
        }
    }
}
