import Bytes
import Postgres
import Reactor

/// One attempt to write a group, in one transaction.
extension Logbook {
    /// Why an attempt failed, and what helps.
    struct Failure {
        enum Cure {
            /// Try the same again a little later.
            case wait
            /// One of the entries is what the database refuses: try them in smaller groups.
            case divide
            /// Nothing: the pool is closed.
            case end
        }
        var cure: Cure
        var reason: String

        init(_ error: any Error) {
            reason = String(describing: error)
            guard let error = error as? PostgresError else {
                cure = .divide
                return
            }
            switch error.kind {
            case .closed: cure = .end
            case .invalid, .decoding: cure = .divide
            default:
                let isRaised = error.kind == .server && ["P0", "HG"].contains(String(error.sqlState.prefix(2)))
                cure = error.isDataFault || error.isUniqueViolation || isRaised ? .divide : .wait
            }
        }
    }

    /// What came of a transaction, once it is committed.
    private struct Outcome {
        var written: [WaitingEntry] = []
        /// By an attempt before this one.
        var foundCommitted: [WaitingEntry] = []
        var fenced: [WaitingEntry] = []
        var checkpoints: [Int64: (epoch: Int64, day: Int64)] = [:]
        var lostEffects = 0
    }

    /// nil: every entry has its outcome.
    func attempt(_ group: [WaitingEntry]) async -> Failure? {
        do {
            var needs = RowIDs.Needs()
            for entry in group { for effect in entry.effects { needs.add(effect) } }
            try await ids.reserve(needs, pool)
            let outcome = try await pool.transaction { transaction in try await self.write(group, transaction) }
            settle(outcome)
            return nil
        } catch {
            // Only a lost answer leaves it open what became of the transaction.
            let isUnknown = (error as? PostgresError)?.isConnectionLost ?? false
            if !isUnknown { for entry in group { entry.attempted = nil } }
            return Failure(error)
        }
    }

    private func settle(_ outcome: Outcome) {
        counters.groups += outcome.written.isEmpty ? 0 : 1
        counters.entries += outcome.written.count
        counters.foundCommitted += outcome.foundCommitted.count
        counters.fenced += outcome.fenced.count
        counters.lostEffects += outcome.lostEffects
        checkpoints.merge(outcome.checkpoints) { $1 }
        for entry in outcome.written + outcome.foundCommitted { entry.finish(.success(())) }
        for entry in outcome.fenced {
            checkpoints[entry.car] = nil
            entry.finish(.failure(.fenced))
        }
    }

    private func write(_ group: [WaitingEntry], _ transaction: PostgresTransaction) async throws -> Outcome {
        let locked = try await CarMemory.lock(Set(group.map(\.car)).sorted(), transaction)
        var outcome = Outcome()
        var cars: [Int64: CarMemory.Written] = [:]
        for entry in group {
            guard let row = locked[entry.car], row.epoch == entry.epoch, holder == nil || row.holder == holder else {
                outcome.fenced.append(entry)
                continue
            }
            if let attempted = entry.attempted, row.version >= attempted {
                outcome.foundCommitted.append(entry)
                continue
            }
            var car =
                cars[entry.car]
                ?? CarMemory.Written(
                    car: entry.car, memory: [], view: [], notBefore: entry.notBefore, version: row.version, requests: 0, open: row.open)
            car.version += 1
            car.memory = entry.memory
            car.view = entry.view
            car.notBefore = entry.notBefore
            car.requests += entry.requests
            cars[entry.car] = car
            entry.attempted = car.version
            outcome.written.append(entry)
        }
        guard !outcome.written.isEmpty else { return outcome }
        let before = try await checkpoints(outcome.written, &outcome.checkpoints, transaction)
        let around = try await surroundings(outcome.written, locked, transaction)
        var rows = LogRows()
        var journal = JournalRows()
        for entry in outcome.written {
            guard let version = entry.attempted else { continue }
            if let json = before[ObjectIdentifier(entry)], let first = entry.records.first {
                journal.add(codec.checkpoint(json, at: first.at, number: JournalRecord.number(version: version, place: 0)), car: entry.car)
            }
            for (place, record) in entry.records.enumerated() {
                var record = record
                record.number = JournalRecord.number(version: version, place: place + 1)
                journal.add(record, car: entry.car)
            }
            guard var car = cars[entry.car] else { continue }
            for effect in entry.effects { rows.take(effect, car: entry.car, open: &car.open, ids: ids, around) }
            cars[entry.car] = car
        }
        outcome.lostEffects = rows.lost
        try await rows.write(transaction)
        try await journal.write(transaction)
        CarMemory.write(Array(cars.values), at: now(), transaction)
        return outcome
    }

    /// The checkpoints that belong before entries: of each car the first one of a day, unless it is there already, written by who had the car before.
    private func checkpoints(
        _ entries: [WaitingEntry], _ made: inout [Int64: (epoch: Int64, day: Int64)], _ transaction: PostgresTransaction
    ) async throws(PostgresError) -> [ObjectIdentifier: [UInt8]] {
        var firsts: [Int64: WaitingEntry] = [:]
        for entry in entries {
            guard let day = entry.day, made[entry.car] == nil else { continue }
            if let last = checkpoints[entry.car], last.epoch == entry.epoch, last.day == day { continue }
            made[entry.car] = (entry.epoch, day)
            firsts[entry.car] = entry
        }
        guard !firsts.isEmpty else { return [:] }
        let rows = try await transaction.query(
            Checkpoint.selectMissing, Parameters(Array(firsts.keys), firsts.values.map { $0.records[0].at }))
        var found: [ObjectIdentifier: [UInt8]] = [:]
        for row in 0..<rows.count {
            guard let entry = firsts[try rows.int64(row, 0)] else { continue }
            found[ObjectIdentifier(entry)] = Array(try rows.string(row, 1).utf8)
        }
        return found
    }

    /// What effects need to know besides: read only where there are some that do.
    private func surroundings(
        _ entries: [WaitingEntry], _ locked: [Int64: CarMemory.Locked], _ transaction: PostgresTransaction
    ) async throws(PostgresError) -> LogRows.Surroundings {
        var wantsFences = false
        var charges: [Int64] = []
        for entry in entries {
            for effect in entry.effects {
                switch effect {
                case .openDrive, .closeDrive, .openCharge, .openParking: wantsFences = true
                case .closeCharge:
                    wantsFences = true
                    if let id = locked[entry.car]?.open.charge { charges.append(id) }
                default: break
                }
            }
        }
        return try await LogRows.Surroundings.read(wantsFences: wantsFences, charges: charges, transaction)
    }
}

extension LogRows.Surroundings {
    static func read(wantsFences: Bool, charges: [Int64], _ transaction: PostgresTransaction) async throws(PostgresError) -> Self {
        var around = Self()
        if wantsFences { around.fences = try Fences(try await transaction.query(Fences.select)) }
        if !charges.isEmpty { around.charges = try ChargeRows.places(try await transaction.query(ChargeRows.selectPlaces, Parameters(charges))) }
        return around
    }
}
