import Bytes
import Postgres

/// Ids for rows that are about to be written: blocks of the sequences, and, where rows are derived again, the ids they had.
final class RowIDs {
    private var free: [[Int64]] = Array(repeating: [], count: LogTable.allCases.count)
    private var kept: [KeptIDs?] = Array(repeating: nil, count: LogTable.allCases.count)

    /// How many ids the effects take, table by table.
    struct Needs {
        fileprivate(set) var counts = Array(repeating: 0, count: LogTable.allCases.count)

        mutating func add(_ effect: VehicleEffect) {
            guard let table = effect.table else { return }
            counts[table.rawValue] += 1
        }
    }

    /// Rows of a table that are derived again keep the ids given here, by their times.
    func keep(_ ids: KeptIDs, of table: LogTable) { kept[table.rawValue] = ids }

    /// Takes blocks of the sequences where too few ids are left.
    func reserve(_ needs: Needs, _ pool: PostgresPool) async throws(PostgresError) {
        var tables: [Int64] = []
        var sequences: [String] = []
        var counts: [Int64] = []
        for table in LogTable.allCases {
            let missing = needs.counts[table.rawValue] - free[table.rawValue].count
            guard missing > 0 else { continue }
            tables.append(Int64(table.rawValue))
            sequences.append(table.sequence)
            counts.append(Int64(max(missing, table.block)))
        }
        guard !tables.isEmpty else { return }
        // Ids that are taken twice because an answer was lost are only lost.
        let rows = try await pool.query(Self.takeBlocks, Parameters(tables, sequences, counts), retryOnLoss: true)
        var blocks: [[Int64]] = Array(repeating: [], count: LogTable.allCases.count)
        for row in 0..<rows.count { blocks[try rows.int(row, 0)].append(try rows.int64(row, 1)) }
        // Taken from the end: the smallest comes first.
        for table in LogTable.allCases where !blocks[table.rawValue].isEmpty {
            free[table.rawValue] = blocks[table.rawValue].sorted(by: >) + free[table.rawValue]
        }
    }

    /// The id of a row with this time; `reserve` has seen to it that there is one.
    func take(_ table: LogTable, at: Timestamp) -> Int64 {
        if let id = kept[table.rawValue]?.take(at) { return id }
        guard let id = free[table.rawValue].popLast() else { preconditionFailure("an id of \(table) that was not reserved") }
        return id
    }

    private static let takeBlocks: Statement = """
        SELECT u.number, nextval(u.name::regclass) FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS u(number, name, n), generate_series(1, u.n)
        """
}

extension VehicleEffect {
    /// Where it makes a row.
    var table: LogTable? {
        switch self {
        case .state: .state
        case .openDrive: .drive
        case .position: .position
        case .openCharge: .charge
        case .chargePoint: .chargePoint
        case .openParking: .parking
        case .parkingEvent: .parkingEvent
        case .openUpdate, .foundVersion: .update
        case .closeDrive, .discardDrive, .closeCharge, .closeParking, .closeUpdate, .cancelUpdate, .efficiency, .identity, .place: nil
        }
    }
}
