import Bytes
import Postgres

/// A group's records of the journal, for COPY.
struct JournalRows {
    private var copy = CopyBuffer()
    var isEmpty: Bool { copy.isEmpty }

    mutating func add(_ record: JournalRecord, car: Int64) {
        copy.beginRow(fields: Self.columns.count)
        copy.append(car)
        copy.append(record.at)
        copy.append(record.number)
        copy.append(record.kind.rawValue)
        copy.append(record.body)
        copy.append(record.isDeflated)
    }

    func write(_ transaction: PostgresTransaction) async throws(PostgresError) {
        if !copy.isEmpty { _ = try await transaction.copy(into: "heliograph.vehicle_journal", columns: Self.columns, rows: copy) }
    }

    private static let columns = ["car", "at", "number", "kind", "body", "is_deflated"]
}
