public import Broker
import Bytes
import Postgres
public import Protocol

/// Ends of runs: the decisions of `heliograph.end_runs`, one run after the other.
extension MemoryJobStore {
    /// How a run ended that did not succeed.
    private enum End {
        case failed(error: String, mayRetry: Bool, delayMs: Int64)
        /// It does not count.
        case back(delayMs: Int64)
        /// Its worker or broker died; it counts.
        case lost
    }

    public func settle(_ outcomes: [StoreWork.Outcome]) -> [SettledRun?] {
        var results = [SettledRun?](repeating: SettledRun(isFenced: true), count: outcomes.count)
        // Successes first, as in PostgreSQL.
        for (index, outcome) in outcomes.enumerated() {
            guard case .done(let output) = outcome.kind else { continue }
            if let fault = Self.fault(output) {
                results[index] = end(outcome.run, .failed(error: "output refused: \(fault)", mayRetry: false, delayMs: 0))
            } else {
                results[index] = SettledRun(isFenced: !complete(outcome.run, output))
            }
        }
        for (index, outcome) in outcomes.enumerated() {
            switch outcome.kind {
            case .done: continue
            case .failed(let failure, let delay):
                results[index] = end(outcome.run, .failed(error: failure.message, mayRetry: failure.isRetryable, delayMs: delay))
            case .snoozed(let ms): results[index] = end(outcome.run, .back(delayMs: ms))
            case .returned: results[index] = end(outcome.run, .back(delayMs: 0))
            }
        }
        return results
    }

    public func release(_ runs: [JobRun]) { for run in runs { _ = end(run, .lost) } }

    public func save(_ progress: [JobRun: [UInt8]]) {
        for (run, document) in progress where Self.fault(document) == nil {
            guard var job = current(run) else { continue }
            job.progress = document
            put(job)
        }
    }

    /// Whether the run was the job's current one, which is completed now.
    func complete(_ run: JobRun, _ output: [UInt8]) -> Bool {
        guard var job = current(run) else { return false }
        job.output = output
        finish(job, as: .completed)
        return true
    }

    /// Throws what `heliograph.complete_job` raises.
    func check(_ run: JobRun) throws(PostgresError) {
        guard current(run) == nil else { return }
        throw Self.stale(run)
    }

    static func stale(_ run: JobRun) -> PostgresError {
        var error = PostgresError(.server, "job \(run.id) attempt \(run.attempt) is not running any more")
        error.sqlState = "HG001"
        return error
    }

    private func end(_ run: JobRun, _ end: End) -> SettledRun {
        guard var job = current(run) else { return SettledRun(isFenced: true) }
        let isKeyTaken = isKeyHeld(job.uniqueKey)
        let fate = fate(job, end, isKeyTaken: isKeyTaken)
        if case .failed(let error, _, _) = end {
            job.errors.append(KitJob.Fault(attempt: job.attempt, at: clock.now, error: error))
        } else if fate.isFinal {
            let error = fate == .cancelled ? "cancelled while it ran" : "the worker was lost in the last attempt"
            job.errors.append(KitJob.Fault(attempt: job.attempt, at: clock.now, error: error))
        }
        guard !fate.isFinal else {
            finish(job, as: fate)
            return SettledRun(isFenced: false, ended: (job.kind, fate))
        }
        job.state = fate
        job.progress = []
        job.runAt = clock.now
        switch end {
        case .failed(_, _, let delay): job.runAt = clock.now.adding(.milliseconds(delay))
        case .back(let delay):
            job.runAt = clock.now.adding(.milliseconds(delay))
            // The attempt's number never comes twice: it fences.
            job.maxAttempts += 1
        case .lost: break
        }
        if isKeyTaken { job.uniqueKey = nil }
        put(job)
        return SettledRun(isFenced: false)
    }

    private func fate(_ job: KitJob, _ end: End, isKeyTaken: Bool) -> JobState {
        if job.cancelAskedAt != nil { return .cancelled }
        switch end {
        case .failed(_, let mayRetry, _): return !mayRetry || job.attempt >= job.maxAttempts || isKeyTaken ? .discarded : .retryable
        case .lost: return job.attempt >= job.maxAttempts ? .discarded : .available
        case .back(let delay): return delay > 0 ? .scheduled : .available
        }
    }

    /// Why `jsonb` would not hold this document.
    private static func fault(_ document: [UInt8]) -> String? {
        guard !document.isEmpty else { return nil }
        do throws(JSONError) {
            return holdsNUL(try JSONValue.parse(document)) ? "unsupported Unicode escape sequence" : nil
        } catch {
            return error.description
        }
    }

    private static func holdsNUL(_ value: JSONValue) -> Bool {
        switch value {
        case .string(let text): text.utf8.contains(0)
        case .array(let items): items.contains(where: holdsNUL)
        case .object(let members): members.contains { $0.key.utf8.contains(0) || holdsNUL($0.value) }
        default: false
        }
    }
}
