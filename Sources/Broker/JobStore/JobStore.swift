import Bytes
public import Postgres
public import Protocol

/// The queue in PostgreSQL: every method is one transaction over a whole batch. Lives on the broker's loop.
///
/// A batch that fails for what one of its members holds (a broken JSON document, a key clash) is run again member by
/// member, so that one producer's mistake costs nobody else anything. A batch that fails for the database is thrown.
public final class JobStore {
    private let pool: PostgresPool
    public private(set) var epoch: Int64 = 0

    public init(_ pool: PostgresPool) { self.pool = pool }

    // MARK: Brokers

    /// Registers this broker's new life.
    public func register(name: String) async throws(PostgresError) {
        let rows = try await pool.query(JobSQL.register, Parameters(name))
        epoch = try rows.int64(0, 0)
        _ = try await pool.query(JobSQL.partitions)
    }

    /// Renews the epoch; false when another life of the same name has ended this one.
    public func beat() async throws(PostgresError) -> Bool { try await !pool.query(JobSQL.beat, Parameters(epoch)).isEmpty }

    public func makePartitions() async throws(PostgresError) { _ = try await pool.query(JobSQL.partitions) }

    /// Epochs whose runs are nobody's any more.
    public func deadEpochs(silenceMs: Int64) async throws(PostgresError) -> [Int64] {
        let rows = try await pool.query(JobSQL.deadEpochs, Parameters(epoch, silenceMs))
        var epochs: [Int64] = []
        for row in 0..<rows.count { epochs.append(try rows.int64(row, 0)) }
        return epochs
    }

    /// Offers the runs of dead epochs again; returns how many.
    public func rescue(_ epochs: [Int64]) async throws(PostgresError) -> Int {
        guard !epochs.isEmpty else { return 0 }
        var total = 0
        var limit: Int64 = 10_000
        while true {
            do throws(PostgresError) {
                let count = try await pool.query(JobSQL.rescueEpochs, Parameters(epochs, limit)).int(0, 0)
                total += count
                if count < limit { break }
            } catch {
                // Two runs of one batch may hold the same unique key; one at a time they do not clash.
                guard error.isUniqueViolation, limit > 1 else { throw error }
                limit = 1
            }
        }
        _ = try await pool.query(JobSQL.forgetEpochs, Parameters(epochs))
        return total
    }

    // MARK: Producers

    public struct Inserted: Sendable {
        public var id: Int64
        public var isDuplicate: Bool
    }

    /// Inserts drafts in order; one result each.
    public func insert(_ inserts: [StoreWork.Insert]) async throws(PostgresError) -> [Result<Inserted, Refusal>] {
        do throws(PostgresError) {
            return try await insertBatch(inserts).map { .success($0) }
        } catch {
            guard !error.isRetryable, inserts.count >= 1, error.kind == .server else { throw error }
            if inserts.count == 1 { return [.failure(Refusal(.storage, error.message, retry: false))] }
            var results: [Result<Inserted, Refusal>] = []
            for insert in inserts { results += try await self.insert([insert]) }
            return results
        }
    }

    private func insertBatch(_ inserts: [StoreWork.Insert]) async throws(PostgresError) -> [Inserted] {
        let parameters = Parameters { p in
            p.append(inserts.map(\.draft.kind))
            p.appendJSONArray(inserts.map(\.draft.args))
            p.append(inserts.map(\.draft.queue))
            p.append(inserts.map { Int64($0.draft.priority) })
            p.append(inserts.map(\.draft.runAt))
            p.append(inserts.map(\.draft.uniqueKey))
            p.append(inserts.map { Int64($0.draft.maxAttempts) })
            p.append(inserts.map { Int64($0.draft.timeoutMs) })
            p.appendJSONArray(inserts.map { $0.draft.tags.isEmpty ? Self.noTags : JSONValue.array($0.draft.tags.map(JSONValue.string)).bytes })
            p.append(inserts.map(\.claim))
            p.append(epoch)
        }
        let rows = try await pool.query(JobSQL.insert, parameters)
        var results: [Inserted] = []
        results.reserveCapacity(rows.count)
        var conflicts: [Int] = []
        for row in 0..<rows.count {
            let made = try rows.bool(row, 2)
            if !made { conflicts.append(row) }
            results.append(Inserted(id: try rows.int64(row, 1), isDuplicate: !made))
        }
        if !conflicts.isEmpty { try await resolve(conflicts, inserts, &results) }
        return results
    }

    /// Finds who holds the keys that were taken. A holder that started meanwhile has freed its key: then the draft is inserted again.
    private func resolve(_ conflicts: [Int], _ inserts: [StoreWork.Insert], _ results: inout [Inserted]) async throws(PostgresError) {
        let rows = try await pool.query(JobSQL.holders, Parameters(conflicts.compactMap { inserts[$0].draft.uniqueKey }))
        var holders: [String: Int64] = [:]
        for row in 0..<rows.count { holders[try rows.string(row, 0)] = try rows.int64(row, 1) }
        for index in conflicts {
            if let key = inserts[index].draft.uniqueKey, let holder = holders[key] {
                results[index].id = holder
            } else {
                results[index] = try await insertBatch([inserts[index]])[0]
            }
        }
    }

    private static let noTags = Array("[]".utf8)

    // MARK: Runs

    /// Takes available jobs for this broker.
    public func claim(_ wanted: [(kind: String, count: Int)]) async throws(PostgresError) -> [ClaimedJob] {
        let rows = try await pool.query(JobSQL.claim, Parameters(wanted.map(\.kind), wanted.map { Int64($0.count) }, epoch))
        var jobs: [ClaimedJob] = []
        jobs.reserveCapacity(rows.count)
        for row in 0..<rows.count {
            jobs.append(
                ClaimedJob(
                    id: try rows.int64(row, 0), attempt: try rows.int(row, 1), kind: try rows.string(row, 2), priority: try rows.int(row, 3),
                    timeoutMs: try rows.int(row, 4), args: Array(try rows.utf8(row, 5))))
        }
        // RETURNING follows the join, not the order of the claim.
        jobs.sort { ($0.priority, $0.id) < ($1.priority, $1.id) }
        return jobs
    }

    /// What became of an outcome.
    public struct Settled: Sendable {
        public var isFenced: Bool
        /// The kind of a job that was discarded.
        public var discardedKind: String?
    }

    /// Writes outcomes; one result each.
    public func settle(_ outcomes: [StoreWork.Outcome]) async throws(PostgresError) -> [Settled] {
        do throws(PostgresError) {
            return try await settleBatch(outcomes)
        } catch {
            guard !error.isRetryable, error.kind == .server else { throw error }
            if outcomes.count == 1 {
                // An output that PostgreSQL cannot hold is the handler's fault: the run failed.
                if case .done = outcomes[0].kind {
                    var failed = outcomes[0]
                    failed.kind = .failed(JobFailure("output refused: \(error.message)", isRetryable: false), retryInMs: 0)
                    return try await settleBatch([failed])
                }
                throw error
            }
            var results: [Settled] = []
            for outcome in outcomes { results += try await settle([outcome]) }
            return results
        }
    }

    private func settleBatch(_ outcomes: [StoreWork.Outcome]) async throws(PostgresError) -> [Settled] {
        var done = Columns()
        var failed = Columns()
        var back = Columns()
        for (index, outcome) in outcomes.enumerated() {
            switch outcome.kind {
            case .done(let output):
                done.add(index, outcome.run)
                done.json.append(output.isEmpty ? nil : output)
            case .failed(let failure, let delay):
                failed.add(index, outcome.run)
                failed.texts.append(failure.message)
                failed.flags.append(failure.isRetryable)
                failed.delays.append(delay)
            case .snoozed(let ms):
                back.add(index, outcome.run)
                back.delays.append(ms)
            case .returned:
                back.add(index, outcome.run)
                back.delays.append(0)
            }
        }
        var items: [(Statement, Parameters)] = []
        if !done.isEmpty {
            items.append(
                (
                    JobSQL.complete,
                    Parameters {
                        done.append(to: &$0)
                        $0.appendJSONArray(done.json)
                    }
                ))
        }
        if !failed.isEmpty {
            items.append(
                (
                    JobSQL.fail,
                    Parameters {
                        failed.append(to: &$0)
                        $0.append(failed.texts)
                        $0.append(failed.flags)
                        $0.append(failed.delays)
                    }
                ))
        }
        if !back.isEmpty {
            items.append(
                (
                    JobSQL.giveBack,
                    Parameters {
                        back.append(to: &$0)
                        $0.append(back.delays)
                    }
                ))
        }
        let answers = try await pool.batch(items)
        var results = [Settled](repeating: Settled(isFenced: true), count: outcomes.count)
        var next = 0
        for columns in [done, failed, back] where !columns.isEmpty {
            let rows = answers[next]
            next += 1
            for row in 0..<rows.count {
                guard let index = columns.index[try rows.int64(row, 0)] else { continue }
                results[index].isFenced = false
            }
        }
        if !failed.isEmpty {
            let rows = answers[done.isEmpty ? 0 : 1]
            for row in 0..<rows.count where try rows.bool(row, 1) {
                if let index = failed.index[try rows.int64(row, 0)] { results[index].discardedKind = try rows.string(row, 2) }
            }
        }
        return results
    }

    private struct Columns {
        var ids: [Int64] = []
        var attempts: [Int64] = []
        var json: [[UInt8]?] = []
        var texts: [String] = []
        var flags: [Bool] = []
        var delays: [Int64] = []
        var index: [Int64: Int] = [:]
        var isEmpty: Bool { ids.isEmpty }

        mutating func add(_ position: Int, _ run: JobRun) {
            ids.append(run.id)
            attempts.append(Int64(run.attempt))
            index[run.id] = position
        }

        func append(to p: inout Parameters) {
            p.append(ids)
            p.append(attempts)
        }
    }

    /// Offers runs of dead workers again.
    public func release(_ runs: [JobRun]) async throws(PostgresError) {
        guard !runs.isEmpty else { return }
        do throws(PostgresError) {
            _ = try await pool.query(JobSQL.rescueRuns, Self.columns(runs))
        } catch {
            guard error.isUniqueViolation, runs.count > 1 else { throw error }
            for run in runs { _ = try await pool.query(JobSQL.rescueRuns, Self.columns([run])) }
        }
    }

    /// Makes runs of a dead epoch this broker's; returns the kinds of those that were current.
    public func adopt(_ runs: [JobRun]) async throws(PostgresError) -> [Int64: String] {
        var parameters = Self.columns(runs)
        parameters.append(epoch)
        let rows = try await pool.query(JobSQL.adopt, parameters)
        var kinds: [Int64: String] = [:]
        for row in 0..<rows.count { kinds[try rows.int64(row, 0)] = try rows.string(row, 1) }
        return kinds
    }

    /// Runs that the table gives to this broker and that it does not know: left by a claim whose answer was lost.
    public func strays(known: Set<JobRun>) async throws(PostgresError) -> [JobRun] {
        let rows = try await pool.query(JobSQL.runsOf, Parameters(epoch))
        var strays: [JobRun] = []
        for row in 0..<rows.count {
            let run = JobRun(id: try rows.int64(row, 0), attempt: try rows.int(row, 1))
            if !known.contains(run) { strays.append(run) }
        }
        return strays
    }

    /// Makes due jobs available; returns their kinds.
    public func promote() async throws(PostgresError) -> [String] {
        let rows = try await pool.query(JobSQL.promote)
        var kinds: [String] = []
        for row in 0..<rows.count { kinds.append(try rows.string(row, 0)) }
        return kinds
    }

    private static func columns(_ runs: [JobRun]) -> Parameters { Parameters(runs.map(\.id), runs.map { Int64($0.attempt) }) }
}
