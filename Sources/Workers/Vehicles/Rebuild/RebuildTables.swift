import Bytes
import Postgres

/// The tables of the logbook, and which of a car's rows in them were derived after a checkpoint.
struct RebuildTables {
    struct Table {
        /// As checkpoints name it.
        let kind: String
        let table: LogTable
        let name: String
        let time: String
    }

    /// In an order in which rows may be deleted.
    static let all = [
        Table(kind: "event", table: .parkingEvent, name: "heliograph.parking_event", time: "event_time"),
        Table(kind: "point", table: .chargePoint, name: "heliograph.charge_point", time: "recorded_at"),
        Table(kind: "position", table: .position, name: "heliograph.position", time: "recorded_at"),
        Table(kind: "parking", table: .parking, name: "heliograph.parking", time: "started_at"),
        Table(kind: "charge", table: .charge, name: "heliograph.charge", time: "started_at"),
        Table(kind: "drive", table: .drive, name: "heliograph.drive", time: "started_at"),
        Table(kind: "update", table: .update, name: "heliograph.car_update", time: "started_at"),
        Table(kind: "state", table: .state, name: "heliograph.car_state", time: "started_at"),
    ]

    let car: Int64
    let checkpoint: Checkpoint

    // MARK: Setting aside

    /// Copies what there is into temporary tables, for comparison and for its ids, and takes it away. Rows that were open are put back as they were.
    func setAside(_ fences: Fences, _ transaction: PostgresTransaction) async throws {
        for table in Self.all {
            _ = try await transaction.query(
                Statement("CREATE TEMPORARY TABLE old_\(table.kind) ON COMMIT DROP AS SELECT r.* FROM \(table.name) AS r WHERE \(mine(table))"))
            _ = try await transaction.query(Statement("CREATE INDEX ON old_\(table.kind) (\(table.time), id)"))
            _ = try await transaction.query(Statement("ANALYZE old_\(table.kind)"))
        }
        for table in Self.all {
            _ = try await transaction.query(
                Statement("DELETE FROM \(table.name) AS r WHERE \(mine(table)) AND r.id IS DISTINCT FROM \(literal(checkpoint.id(table.kind)))"))
        }
        for table in Self.all { try await restore(table, fences, transaction) }
        if let drive = checkpoint.id("drive") {
            _ = try await transaction.query(Self.claim, Parameters(drive, checkpoint.bound("position")))
        }
    }

    /// The condition for rows that were derived after the checkpoint, or were open then. Numbers and times only: nothing in it is anybody's text.
    private func mine(_ table: Table) -> String {
        var after = "r.\(table.time) > '\(RFC3339.string(checkpoint.bound(table.kind)))'"
        if let late = checkpoint.late(table.kind) { after = "(\(after) OR r.\(table.time) > '\(RFC3339.string(late.after))' AND r.id > \(late.id))" }
        switch table.kind {
        case "position": return "r.car = \(car) AND \(after)"
        case "point": return of("charge", after)
        case "event": return of("parking", after)
        default: return "r.car = \(car) AND (\(after) OR r.id = \(literal(checkpoint.id(table.kind))))"
        }
    }

    /// Rows of those charges or parkings, and the later ones of the one that was open.
    private func of(_ parent: String, _ after: String) -> String {
        let open = literal(checkpoint.id(parent))
        guard let table = Self.all.first(where: { $0.kind == parent }) else { return "false" }
        let later = "o.car = \(car) AND o.\(table.time) > '\(RFC3339.string(checkpoint.bound(parent)))'"
        return "(r.\(parent) IN (SELECT o.id FROM \(table.name) AS o WHERE \(later) AND o.id IS DISTINCT FROM \(open)) OR r.\(parent) = \(open) AND \(after))"
    }

    private func literal(_ id: Int64?) -> String { id.map { "\($0)" } ?? "NULL::bigint" }

    private func restore(_ table: Table, _ fences: Fences, _ transaction: PostgresTransaction) async throws {
        guard let row = checkpoint.open.first(where: { $0.key == table.kind })?.value.object else { return }
        // A fence that is gone is nobody's any more.
        let members = row.map { member in
            let isGone = member.key.hasSuffix("geofence") && !fences.all.contains { Int($0.number) == member.value.int }
            return (key: member.key, value: isGone ? JSONValue.null : member.value)
        }
        let names = members.map(\.key).filter { $0.utf8.allSatisfy { $0 == UInt8(ascii: "_") || $0 &- 0x61 < 26 } }
        let columns = names.joined(separator: ", ")
        let late = names.filter { $0 != "id" }
        let statement = Statement(
            """
            INSERT INTO \(table.name) AS r (\(columns)) SELECT \(columns) FROM jsonb_populate_record(NULL::\(table.name), $1)
            ON CONFLICT (id) DO UPDATE SET (\(late.joined(separator: ", "))) = ROW(\(late.map { "excluded.\($0)" }.joined(separator: ", ")))
            """)
        _ = try await transaction.query(statement, Parameters { $0.appendJSON(JSONValue.object(members).bytes) })
    }

    /// Positions of a drive that was open: one that was discarded later has lost them.
    private static let claim: Statement = """
        UPDATE heliograph.position AS p SET drive = d.id FROM heliograph.drive AS d
        WHERE d.id = $1 AND p.car = d.car AND p.recorded_at >= d.started_at AND p.recorded_at <= $2 AND p.drive IS DISTINCT FROM d.id
        """

    /// The ids that rows had, by their times.
    func keepIDs(_ ids: RowIDs, _ transaction: PostgresTransaction) async throws {
        for table in Self.all {
            var kept = KeptIDs()
            var last = (at: Timestamp(microseconds: .min), id: Int64.min)
            let page = Statement(
                "SELECT \(table.time), id FROM old_\(table.kind) WHERE (\(table.time), id) > ($1, $2) ORDER BY \(table.time), id LIMIT \(Self.page)")
            while true {
                let rows = try await transaction.query(page, Parameters(last.at, last.id))
                for row in 0..<rows.count {
                    last = (try rows.timestamp(row, 0), try rows.int64(row, 1))
                    kept.append(last.id, at: last.at)
                }
                if rows.count < Self.page { break }
            }
            ids.keep(kept, of: table.table)
        }
    }

    private static let page = 50_000

    // MARK: What is different

    func differences(_ transaction: PostgresTransaction) async throws -> [RebuildReport.Table] {
        var all: [RebuildReport.Table] = []
        for table in Self.all.reversed() {
            let both = "old_\(table.kind) AS o FULL JOIN (SELECT r.* FROM \(table.name) AS r WHERE \(mine(table))) AS n ON n.id = o.id"
            let counts = try await transaction.query(
                Statement(
                    """
                    SELECT count(*) FILTER (WHERE o.id = n.id AND o IS NOT DISTINCT FROM n), count(*) FILTER (WHERE o.id = n.id AND o IS DISTINCT FROM n),
                        count(*) FILTER (WHERE o.id IS NULL), count(*) FILTER (WHERE n.id IS NULL) FROM \(both)
                    """))
            var found = RebuildReport.Table(name: table.name)
            found.same = try counts.int(0, 0)
            found.changed = try counts.int(0, 1)
            found.added = try counts.int(0, 2)
            found.removed = try counts.int(0, 3)
            if found.isDifferent { found.examples = try await examples(table, both, transaction) }
            all.append(found)
        }
        return all
    }

    private func examples(_ table: Table, _ both: String, _ transaction: PostgresTransaction) async throws -> [String] {
        let rows = try await transaction.query(
            Statement(
                """
                SELECT concat_ws(' ', coalesce(o.id, n.id), coalesce(o.\(table.time), n.\(table.time)),
                    CASE WHEN o.id IS NULL THEN 'is new' WHEN n.id IS NULL THEN 'is gone' ELSE (
                        SELECT string_agg(format('%s: %s → %s', key, a.value, b.value), ', ' ORDER BY key)
                        FROM jsonb_each(to_jsonb(o)) AS a JOIN jsonb_each(to_jsonb(n)) AS b USING (key) WHERE a.value IS DISTINCT FROM b.value) END)
                FROM \(both) WHERE o.id IS NULL OR n.id IS NULL OR o IS DISTINCT FROM n
                ORDER BY coalesce(o.\(table.time), n.\(table.time)), coalesce(o.id, n.id) LIMIT \(RebuildReport.mostExamples)
                """))
        return try rows.map { row in try row.next(String.self) }
    }
}
