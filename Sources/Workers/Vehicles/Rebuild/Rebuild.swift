import Bytes
import Postgres
import Reactor

/// Derives a car's rows again from its journal, by the code that wrote them, in one transaction: afterwards all is new, or all is as it was.
final class Rebuild {
    private let car: Int64
    private let pool: PostgresPool
    private let isDry: Bool
    /// A machine from its memory, nil standing for a car of which nothing is known; nil where the memory is not one.
    private let replay: (JSONValue?) -> (any Replay)?
    private let progress: (_ inputs: Int, _ at: Timestamp) -> Void
    private let codec = JournalCodec()
    private let ids = RowIDs()
    private var fences = Fences()
    private var open = OpenRows()
    private var effects: [VehicleEffect] = []
    private var report = RebuildReport(from: Timestamp(seconds: 0), isDry: false)

    /// Records read, and effects written, at a time.
    private static let page = 5_000

    /// - Parameters:
    ///   - pool: of two connections at least.
    ///   - progress: called now and then, with the inputs taken so far and the last one's time.
    init(
        car: Int64, _ pool: PostgresPool, isDry: Bool, progress: @escaping (_ inputs: Int, _ at: Timestamp) -> Void = { _, _ in },
        replay: @escaping (JSONValue?) -> (any Replay)?
    ) {
        self.car = car
        self.pool = pool
        self.isDry = isDry
        self.progress = progress
        self.replay = replay
    }

    /// Rolls a dry run back.
    private struct DryRun: Error {}

    /// - Parameters:
    ///   - since: derive what follows from the last checkpoint at or before this time; nil: all that the journal has.
    ///   - byForce: also while a poller has the car.
    func run(since: Timestamp?, byForce: Bool = false, on loop: isolated EventLoop) async throws -> RebuildReport {
        let lease = RebuildLease(car, pool)
        try await lease.take(byForce: byForce, on: loop)
        var failure: (any Error)?
        do {
            try await pool.transaction { transaction in try await self.derive(since, lease, transaction) }
        } catch is DryRun {
            report.isDry = true
        } catch {
            failure = error
        }
        do {
            try await lease.release()
        } catch {
            // It ends by itself: nobody renews it any more.
            Log.warning("rebuild: the car was not given back", ["car": String(car), "error": String(describing: error)])
        }
        if let failure { throw failure }
        return report
    }

    private func derive(_ since: Timestamp?, _ lease: RebuildLease, _ transaction: PostgresTransaction) async throws {
        let locked = try await lease.confirm(transaction)
        fences = try Fences(try await transaction.query(Fences.select))
        let checkpoint = try await start(since, transaction)
        report.from = checkpoint.at
        guard var machine = replay(checkpoint.memory) else { throw RebuildFault.memoryUnreadable }
        open = checkpoint.openRows
        let tables = RebuildTables(car: car, checkpoint: checkpoint)
        try await tables.setAside(fences, transaction)
        try await tables.keepIDs(ids, transaction)
        try await replayAll(&machine, after: checkpoint, transaction)
        try await flush(transaction)
        report.tables = try await tables.differences(transaction)
        if isDry { throw DryRun() }
        transaction.enqueue(
            Self.keepMemory,
            Parameters { p in
                p.append(car)
                p.appendJSON(machine.memory)
                p.appendJSON(machine.view(fences))
                p.append(locked.version + 1)
            })
        keepOpen(transaction)
    }

    private func start(_ since: Timestamp?, _ transaction: PostgresTransaction) async throws -> Checkpoint {
        var rows: PostgresRows?
        if let since { rows = try await transaction.query(Self.lastCheckpoint, Parameters(car, since)) }
        if rows?.isEmpty ?? true { rows = try await transaction.query(Self.firstCheckpoint, Parameters(car)) }
        guard let rows, rows.count == 1 else { throw RebuildFault.noCheckpoint }
        let record = try Self.record(rows, 0)
        guard let checkpoint = Checkpoint(try codec.checkpoint(record), at: record.at, number: record.number) else { throw RebuildFault.noCheckpoint }
        return checkpoint
    }

    // MARK: The inputs

    /// Day by day: within a day the records' numbers are their order.
    private func replayAll(_ machine: inout any Replay, after start: Checkpoint, _ transaction: PostgresTransaction) async throws {
        var from = Self.day(start.at)
        while true {
            guard let next = try await transaction.query(Self.nextRecord, Parameters(car, from)).timestampIfPresent(0, 0) else { return }
            let day = Self.day(next)
            from = day.adding(seconds: 86_400)
            var last = start.number
            while true {
                let rows = try await transaction.query(Self.records, Parameters(car, day, from, last, Int64(Self.page)))
                for row in 0..<rows.count {
                    let record = try Self.record(rows, row)
                    last = record.number
                    if record.kind == .checkpoint { try await renew(record, machine, transaction) } else { take(record, &machine) }
                    if effects.count >= Self.page { try await flush(transaction) }
                }
                progress(report.inputs, day)
                if rows.count < Self.page { break }
            }
        }
    }

    private func take(_ record: JournalRecord, _ machine: inout any Replay) {
        do throws(JournalCodec.Unreadable) {
            effects += machine.take(try codec.input(record))
            report.inputs += 1
        } catch {
            report.unreadable += 1
            Log.warning("rebuild: a record is passed over", ["car": String(car), "reason": error.description])
        }
    }

    private func flush(_ transaction: PostgresTransaction) async throws {
        guard !effects.isEmpty else { return }
        var needs = RowIDs.Needs()
        for effect in effects { needs.add(effect) }
        try await ids.reserve(needs, pool)
        var around = try await LogRows.Surroundings.read(wantsFences: false, charges: open.charge.map { [$0] } ?? [], transaction)
        around.fences = fences
        var rows = LogRows()
        for effect in effects { rows.take(effect, car: car, open: &open, ids: ids, around) }
        effects.removeAll(keepingCapacity: true)
        try await rows.write(transaction)
    }

    /// A checkpoint on the way says what is so now: whoever begins there later finds what was derived today.
    private func renew(_ record: JournalRecord, _ machine: any Replay, _ transaction: PostgresTransaction) async throws {
        try await flush(transaction)
        transaction.enqueue(
            Self.passMemory,
            Parameters { p in
                p.append(car)
                p.appendJSON(machine.memory)
            })
        keepOpen(transaction)
        let json = Array(try await transaction.query(Checkpoint.select, Parameters([car], [record.at])).string(0, 1).utf8)
        let renewed = codec.checkpoint(json, at: record.at, number: record.number)
        guard renewed != record else { return }
        transaction.enqueue(Self.keepCheckpoint, Parameters(car, record.at, record.number, renewed.body, renewed.isDeflated))
    }

    private func keepOpen(_ transaction: PostgresTransaction) {
        transaction.enqueue(Self.keepOpen, Parameters(car, open.drive, open.charge, open.parking, open.updating))
    }

    private static func day(_ at: Timestamp) -> Timestamp { Timestamp(seconds: Civil.floorDivide(at.seconds, 86_400) * 86_400) }

    private static func record(_ rows: PostgresRows, _ row: Int) throws -> JournalRecord {
        guard let kind = JournalKind(rawValue: Int16(clamping: try rows.int(row, 2))) else {
            throw PostgresError(.decoding, "a record of the journal has the unknown kind \(try rows.int(row, 2))")
        }
        return JournalRecord(
            kind: kind, at: try rows.timestamp(row, 0), number: try rows.int64(row, 1), body: try rows.bytes(row, 3), isDeflated: try rows.bool(row, 4))
    }

    // MARK: SQL

    private static let lastCheckpoint: Statement = """
        SELECT at, number, kind, body, is_deflated FROM heliograph.vehicle_journal WHERE car = $1 AND kind = 8 AND at <= $2
        ORDER BY at DESC, number DESC LIMIT 1
        """
    private static let firstCheckpoint: Statement = """
        SELECT at, number, kind, body, is_deflated FROM heliograph.vehicle_journal WHERE car = $1 AND kind = 8 ORDER BY at, number LIMIT 1
        """
    private static let nextRecord: Statement = "SELECT min(at) FROM heliograph.vehicle_journal WHERE car = $1 AND at >= $2"
    private static let records: Statement = """
        SELECT at, number, kind, body, is_deflated FROM heliograph.vehicle_journal WHERE car = $1 AND at >= $2 AND at < $3 AND number > $4
        ORDER BY number LIMIT $5
        """
    private static let keepCheckpoint: Statement = """
        UPDATE heliograph.vehicle_journal SET body = $4, is_deflated = $5 WHERE car = $1 AND at = $2 AND number = $3
        """
    private static let passMemory: Statement = "UPDATE heliograph.car_memory SET memory = $2 WHERE car = $1"
    private static let keepMemory: Statement = "UPDATE heliograph.car_memory SET memory = $2, view = $3, version = $4 WHERE car = $1"
    private static let keepOpen: Statement = "UPDATE heliograph.car_memory SET drive = $2, charge = $3, parking = $4, updating = $5 WHERE car = $1"
}
