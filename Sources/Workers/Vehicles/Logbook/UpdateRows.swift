import Bytes
import Postgres

/// A group's software updates: those it opens, with their ends where they have them, those from before that it closes, and those that did not happen.
struct UpdateRows {
    private struct Row {
        var id: Int64
        var car: Int64
        var version: String
        var startedAt: Timestamp
        var endedAt: Timestamp?
    }

    private var opened: [Row] = []
    private var closed: [Row] = []
    private var cancelled: [Int64] = []

    mutating func open(_ id: Int64, _ car: Int64, _ version: String, at: Timestamp) {
        opened.append(Row(id: id, car: car, version: version, startedAt: at))
    }

    mutating func close(_ id: Int64, _ car: Int64, _ version: String, at: Timestamp) {
        if let i = opened.lastIndex(where: { $0.id == id }) {
            opened[i].version = version
            opened[i].endedAt = at
        } else {
            closed.append(Row(id: id, car: car, version: version, startedAt: at, endedAt: at))
        }
    }

    mutating func cancel(_ id: Int64) {
        if let i = opened.lastIndex(where: { $0.id == id }) { opened.remove(at: i) } else { cancelled.append(id) }
    }

    mutating func found(_ id: Int64, _ car: Int64, _ version: String, at: Timestamp) {
        opened.append(Row(id: id, car: car, version: version, startedAt: at, endedAt: at))
    }

    func write(_ transaction: PostgresTransaction) {
        if !cancelled.isEmpty { transaction.enqueue(Self.table.delete, Parameters(cancelled)) }
        if let rows = RowTable.json(closed, Self.json) { transaction.enqueue(Self.table.update, rows) }
        if let rows = RowTable.json(opened, Self.json) { transaction.enqueue(Self.table.insert, rows) }
    }

    private static func json(_ row: Row, _ w: inout JSONWriter) {
        w.id("id", row.id)
        w.id("car", row.car)
        w.member("version", row.version)
        w.member("started_at", row.startedAt, .utc)
        w.member("ended_at", row.endedAt.map { max(row.startedAt, $0) }, .utc)
    }

    private static let table = RowTable("heliograph.car_update", columns: ["version", "ended_at"], late: ["version", "ended_at"])
}
