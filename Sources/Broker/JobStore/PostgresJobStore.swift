import Bytes
public import Postgres
public import Protocol
public import Reactor

/// The queue in PostgreSQL: every method is one transaction over a whole batch. Lives on the broker's loop.
///
/// A batch that fails for what one of its members holds (a broken JSON document, a key clash) is run again member by
/// member, so that one producer's mistake costs nobody else anything. A batch that fails for the database is thrown.
public final class PostgresJobStore: JobStore {
    private let config: PostgresConfig
    private let pool: PostgresPool
    private var listener: PostgresListener?
    /// For the beat alone: it must come through whatever the others wait for.
    private let beatPool: PostgresPool
    private let name: String
    public let epoch: Int64

    private init(_ config: PostgresConfig, _ pool: PostgresPool, _ beatPool: PostgresPool, name: String, epoch: Int64) {
        self.config = config
        self.pool = pool
        self.beatPool = beatPool
        self.name = name
        self.epoch = epoch
    }

    /// Connects and registers a broker's new life.
    public static func open(_ config: PostgresConfig, name: String, on loop: isolated EventLoop) async throws(PostgresError) -> PostgresJobStore {
        var config = config
        config.settings += JobSQL.settings
        let pool = PostgresPool(config, size: 4, name: "broker", on: loop)
        do throws(PostgresError) {
            let rows = try await pool.query(JobSQL.register, Parameters(name))
            var beatConfig = config
            beatConfig.statementTimeoutMs = 2_000
            beatConfig.stallGraceMs = 1_000
            beatConfig.waitLimitMs = 2_000
            beatConfig.reconnectMaxMs = max(config.reconnectMinMs, 500)
            return PostgresJobStore(
                config, pool, PostgresPool(beatConfig, size: 1, name: "broker beat", on: loop), name: name, epoch: try rows.int64(0, 0))
        } catch {
            await pool.close(on: loop)
            throw error
        }
    }

    public func close(on loop: isolated EventLoop) async {
        listener?.close()
        await beatPool.close(on: loop)
        await pool.close(on: loop)
    }

    public func beat(serves: [UInt8]) async throws(PostgresError) -> Bool {
        let parameters = Parameters { p in
            p.append(epoch)
            p.appendJSON(serves)
            p.append(name)
        }
        return try await !beatPool.query(JobSQL.beat, parameters).isEmpty
    }

    // MARK: Producers

    /// Inserts drafts in order; one result each. Once something may be committed nothing is thrown: it would be sent again.
    public func insert(_ inserts: [StoreWork.Insert]) async throws(PostgresError) -> [Result<InsertedJob, Refusal>] {
        var results: [Result<InsertedJob, Refusal>?]
        do throws(PostgresError) {
            results = try await insertBatch(inserts)
        } catch {
            guard error.isOfMember else { throw error }
            results = Array(repeating: nil, count: inserts.count)
        }
        var all: [Result<InsertedJob, Refusal>] = []
        all.reserveCapacity(results.count)
        for (insert, result) in zip(inserts, results) {
            if let result { all.append(result) } else { all.append(await insertAlone(insert)) }
        }
        return all
    }

    /// Others may take its keys meanwhile: tried a few times.
    private func insertAlone(_ insert: StoreWork.Insert) async -> Result<InsertedJob, Refusal> {
        for _ in 0..<Self.keyTurns {
            do throws(PostgresError) {
                if let result = try await insertBatch([insert])[0] { return result }
            } catch {
                if error.isContended { continue }
                return .failure(Refusal(error.isConnectionLost ? .disconnected : .storage, error.message, retry: !error.isDataFault))
            }
        }
        return .failure(Refusal(.storage, "others keep taking the keys of this job", retry: true))
    }

    private static let keyTurns = 5

    /// One result each, or nil where another transaction was quicker with a key and has let go of it, or has not been seen: to be inserted again.
    private func insertBatch(_ inserts: [StoreWork.Insert]) async throws(PostgresError) -> [Result<InsertedJob, Refusal>?] {
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
            p.append(inserts.map(\.draft.orderingKey))
            p.append(epoch)
        }
        let rows = try await pool.query(JobSQL.insert, parameters)
        var results: [Result<InsertedJob, Refusal>?] = []
        results.reserveCapacity(rows.count)
        var conflicts: [Int] = []
        for row in 0..<rows.count {
            if try rows.bool(row, 2) {
                results.append(.success(InsertedJob(id: try rows.int64(row, 1), isDuplicate: false)))
            } else {
                conflicts.append(row)
                results.append(nil)
            }
        }
        if !conflicts.isEmpty { await resolve(conflicts, inserts, &results) }
        return results
    }

    /// Finds who holds the unique keys that were taken.
    private func resolve(_ conflicts: [Int], _ inserts: [StoreWork.Insert], _ results: inout [Result<InsertedJob, Refusal>?]) async {
        do throws(PostgresError) {
            let rows = try await pool.query(JobSQL.holders, Parameters(conflicts.compactMap { inserts[$0].draft.uniqueKey }), retryOnLoss: true)
            var holders: [String: Int64] = [:]
            for row in 0..<rows.count { holders[try rows.string(row, 0)] = try rows.int64(row, 1) }
            for index in conflicts {
                guard let key = inserts[index].draft.uniqueKey, let holder = holders[key] else { continue }
                results[index] = .success(InsertedJob(id: holder, isDuplicate: true))
            }
        } catch {
            // The others of the batch are committed: only these are asked for again.
            for index in conflicts { results[index] = .failure(Refusal(.storage, error.description, retry: true)) }
        }
    }

    private static let noTags = Array("[]".utf8)

    // MARK: Runs

    public func claim(_ wanted: [StoreWork.Claim]) async throws(PostgresError) -> [ClaimedJob] {
        var items: [(Statement, Parameters)] = []
        for isLimited in [false, true] {
            let claims = wanted.filter { $0.isLimited == isLimited }
            guard !claims.isEmpty else { continue }
            let lanes = claims.flatMap { claim in claim.lanes.map { (kind: claim.kind, lane: $0) } }
            items.append(
                (
                    isLimited ? JobSQL.claimLimited : JobSQL.claim,
                    Parameters { p in
                        p.append(claims.map(\.kind))
                        p.append(claims.map { Int64($0.count) })
                        p.append(epoch)
                        p.append(lanes.map(\.kind))
                        p.append(lanes.map(\.lane.queue))
                        p.append(lanes.map { Int64($0.lane.floor.priority) })
                        p.append(lanes.map(\.lane.floor.id))
                    }
                ))
        }
        var jobs: [ClaimedJob] = []
        for rows in try await pool.batch(items) {
            jobs.reserveCapacity(jobs.count + rows.count)
            for row in 0..<rows.count {
                jobs.append(
                    ClaimedJob(
                        id: try rows.int64(row, 0), attempt: try rows.int(row, 1), kind: try rows.string(row, 2), queue: try rows.string(row, 3),
                        priority: try rows.int(row, 4), timeoutMs: try rows.int(row, 5), args: Array(try rows.utf8(row, 6))))
            }
        }
        // RETURNING follows the join, not the order of the claim.
        jobs.sort { ($0.priority, $0.id) < ($1.priority, $1.id) }
        return jobs
    }

    public func lanes(_ kinds: [String]) async throws(PostgresError) -> [(kind: String, queue: String)] {
        try Self.pairs(try await pool.query(JobSQL.lanes, Parameters(kinds)))
    }

    private static func pairs(_ rows: PostgresRows) throws(PostgresError) -> [(kind: String, queue: String)] {
        var pairs: [(kind: String, queue: String)] = []
        for row in 0..<rows.count { pairs.append((try rows.string(row, 0), try rows.string(row, 1))) }
        return pairs
    }

    /// An output that PostgreSQL cannot hold is the handler's fault: the run failed.
    public func settle(_ outcomes: [StoreWork.Outcome]) async throws(PostgresError) -> [SettledRun?] {
        do throws(PostgresError) {
            return try await settleBatch(outcomes)
        } catch {
            guard error.isOfMember else { throw error }
            if outcomes.count > 1 {
                var results: [SettledRun?] = []
                for outcome in outcomes { results += try await settle([outcome]) }
                return results
            }
            guard !error.isContended, case .done = outcomes[0].kind else {
                Log.warning("outcome not written; tried again", ["id": String(outcomes[0].run.id), "error": error.description])
                return [nil]
            }
            var failed = outcomes[0]
            failed.kind = .failed(JobFailure("output refused: \(error.message)", isRetryable: false), retryInMs: 0)
            return try await settleBatch([failed])
        }
    }

    private func settleBatch(_ outcomes: [StoreWork.Outcome]) async throws(PostgresError) -> [SettledRun] {
        var done: (runs: [JobRun], outputs: [[UInt8]?], positions: [Int64: Int]) = ([], [], [:])
        var ends = Ends()
        for (index, outcome) in outcomes.enumerated() {
            if case .done(let output) = outcome.kind {
                done.runs.append(outcome.run)
                done.outputs.append(output.isEmpty ? nil : output)
                done.positions[outcome.run.id] = index
            } else {
                ends.add(outcome, at: index)
            }
        }
        var items: [(Statement, Parameters)] = []
        if !done.runs.isEmpty {
            items.append(
                (
                    JobSQL.complete,
                    Parameters {
                        Self.append(done.runs, to: &$0)
                        $0.appendJSONArray(done.outputs)
                    }
                ))
        }
        if !ends.runs.isEmpty { items.append((JobSQL.endRuns, ends.parameters)) }
        let answers = try await pool.batch(items)
        var results = [SettledRun](repeating: SettledRun(isFenced: true), count: outcomes.count)
        if !done.runs.isEmpty {
            for row in 0..<answers[0].count {
                if let index = done.positions[try answers[0].int64(row, 0)] { results[index].isFenced = false }
            }
        }
        if !ends.runs.isEmpty, let rows = answers.last {
            for row in 0..<rows.count {
                guard let index = ends.positions[try rows.int64(row, 0)] else { continue }
                results[index].isFenced = false
                if let state = JobState(rawValue: try rows.string(row, 1)), state.isFinal { results[index].ended = (try rows.string(row, 2), state) }
            }
        }
        return results
    }

    /// The columns of `end_runs`.
    private struct Ends {
        var runs: [JobRun] = []
        var how: [String] = []
        var errors: [String?] = []
        var mayRetry: [Bool] = []
        var delays: [Int64] = []
        var positions: [Int64: Int] = [:]

        mutating func add(_ outcome: StoreWork.Outcome, at position: Int) {
            switch outcome.kind {
            case .done: return
            case .failed(let failure, let delay): add(outcome.run, "failed", failure.message, failure.isRetryable, delay)
            case .snoozed(let ms): add(outcome.run, "back", nil, true, ms)
            case .returned: add(outcome.run, "back", nil, true, 0)
            }
            positions[outcome.run.id] = position
        }

        mutating func add(_ run: JobRun, _ how: String, _ error: String?, _ mayRetry: Bool, _ delay: Int64) {
            runs.append(run)
            self.how.append(how)
            errors.append(error)
            self.mayRetry.append(mayRetry)
            delays.append(delay)
        }

        var parameters: Parameters {
            Parameters {
                PostgresJobStore.append(runs, to: &$0)
                $0.append(how)
                $0.append(errors)
                $0.append(mayRetry)
                $0.append(delays)
            }
        }
    }

    private static func append(_ runs: [JobRun], to p: inout Parameters) {
        p.append(runs.map(\.id))
        p.append(runs.map { Int64($0.attempt) })
    }

    public func release(_ runs: [JobRun]) async throws(PostgresError) {
        guard !runs.isEmpty else { return }
        do throws(PostgresError) {
            try await releaseBatch(runs)
        } catch {
            // Two runs of one batch may hold the same unique key; one at a time they do not clash.
            guard error.isContended, runs.count > 1 else { throw error }
            for run in runs { try await releaseBatch([run]) }
        }
    }

    private func releaseBatch(_ runs: [JobRun]) async throws(PostgresError) {
        var ends = Ends()
        for run in runs { ends.add(run, "lost", nil, true, 0) }
        _ = try await pool.query(JobSQL.endRuns, ends.parameters)
    }

    public func adopt(_ runs: [JobRun]) async throws(PostgresError) -> [Int64: AdoptedRun] {
        let parameters = Parameters { p in
            Self.append(runs, to: &p)
            p.append(epoch)
        }
        let rows = try await pool.query(JobSQL.adopt, parameters)
        var adopted: [Int64: AdoptedRun] = [:]
        for row in 0..<rows.count {
            adopted[try rows.int64(row, 0)] = AdoptedRun(kind: try rows.string(row, 1), priority: try rows.int(row, 2), isCancelled: try rows.bool(row, 3))
        }
        return adopted
    }

    public func strays(known: Set<JobRun>) async throws(PostgresError) -> [JobRun] {
        let rows = try await pool.query(JobSQL.runsOf, Parameters(epoch))
        var strays: [JobRun] = []
        for row in 0..<rows.count {
            let run = JobRun(id: try rows.int64(row, 0), attempt: try rows.int(row, 1))
            if !known.contains(run) { strays.append(run) }
        }
        return strays
    }

    public func promote() async throws(PostgresError) -> [(kind: String, queue: String)] { try Self.pairs(try await pool.query(JobSQL.promote)) }

    public func tell(_ places: [(kind: String, queue: String)]) async throws(PostgresError) {
        _ = try await pool.query(JobSQL.tell, Parameters(places.map(\.kind), places.map(\.queue)))
    }

    public func unblock(_ keys: [String]) async throws(PostgresError) -> [String] {
        let rows = try await pool.query(JobSQL.unblock, Parameters(keys))
        var kinds: [String] = []
        for row in 0..<rows.count { kinds.append(try rows.string(row, 0)) }
        return kinds
    }

    public func save(_ progress: [JobRun: [UInt8]]) async throws(PostgresError) {
        guard !progress.isEmpty else { return }
        let runs = Array(progress.keys)
        let parameters = Parameters { p in
            Self.append(runs, to: &p)
            p.appendJSONArray(runs.map { progress[$0] })
        }
        do throws(PostgresError) {
            _ = try await pool.query(JobSQL.progress, parameters)
        } catch {
            // A document that PostgreSQL cannot hold is lost alone.
            guard error.isDataFault else { throw error }
            guard progress.count > 1 else { return Log.warning("progress refused", ["id": String(runs[0].id), "error": error.message]) }
            for (run, document) in progress { try await save([run: document]) }
        }
    }

    // MARK: What others do

    public func control() async throws(PostgresError) -> QueueControl {
        let rows = try await pool.query(JobSQL.control, retryOnLoss: true)
        var control = QueueControl()
        for row in 0..<rows.count {
            let name = try rows.string(row, 1)
            if try rows.string(row, 0) == "queue" { control.pausedQueues.insert(name) } else { control.limitedKinds.insert(name) }
        }
        return control
    }

    public func cancelAsked() async throws(PostgresError) -> [Int64] {
        let rows = try await pool.query(JobSQL.cancelAsked, Parameters(epoch), retryOnLoss: true)
        var ids: [Int64] = []
        for row in 0..<rows.count { ids.append(try rows.int64(row, 0)) }
        return ids
    }

    /// What was said while nobody listened is made up for by looking at everything once.
    public func listen(on loop: isolated EventLoop, _ onEvent: @escaping (StoreEvent) -> Void) {
        let channels = ["heliograph_job", "heliograph_key", "heliograph_control", "heliograph_cancel"]
        listener = PostgresListener(config, channels: channels, on: loop) {
            onEvent(.listening)
        } onNotify: { channel, payload in
            switch channel {
            case "heliograph_key": onEvent(.key(payload))
            case "heliograph_control": onEvent(.control)
            case "heliograph_cancel": if let id = Int64(payload) { onEvent(.cancel(id)) }
            default: onEvent(Self.wake(payload))
            }
        }
    }

    /// `[priority, queue, kind]`, or empty for anything.
    static func wake(_ payload: String) -> StoreEvent {
        guard let parts = try? JSONValue.parse(Array(payload.utf8)).array, parts.count == 3,  // ok: what cannot be read wakes all
            let priority = parts[0].int, let queue = parts[1].string, let kind = parts[2].string
        else { return .wokenAll }
        return .woken(kind: kind, queue: queue, priority: priority)
    }
}

extension PostgresError {
    /// Whether one member of a batch is what failed it: what it holds, or what others hold of its rows and keys.
    fileprivate var isOfMember: Bool { isContended || isDataFault }
}
