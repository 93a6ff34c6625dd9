import Postgres
import Protocol
import Reactor

/// The outcome lane: ends of runs, runs given back, runs taken over.
extension BrokerServer {
    /// Outcomes that are worth a commit at once.
    static let enoughOutcomes = 250
    /// How often it is looked whether there are enough, ns.
    static let gatherStepNs: Int64 = 5_000_000
    /// Bytes of outputs in one batch.
    static let batchBytes = 32 << 20

    func writeOutcomes(_ batch: [OutcomeWork], on loop: isolated EventLoop) async {
        let left = await write(batch)
        if !left.isEmpty {
            // Outcomes are never dropped: the workers keep theirs until settled, this broker keeps all in order.
            lanes.outcomes.insert(contentsOf: left, at: 0)
            await loop.sleep(ns: Self.retryNs)
        }
        // Nobody waits for an outcome, but inserts wait for the disk: a few outcomes are not worth a commit of their own.
        guard batch.count < Self.enoughOutcomes else { return }
        flush(on: loop)
        let until = loop.nowNs + config.limits.outcomeGatherNs
        while lanes.outcomes.count < Self.enoughOutcomes, loop.nowNs < until { await loop.sleep(ns: Self.gatherStepNs) }
    }

    /// Writes a batch in up to three transactions; returns what the database did not take.
    private func write(_ batch: [OutcomeWork]) async -> [OutcomeWork] {
        var outcomes: [StoreWork.Outcome] = []
        var released: [JobRun] = []
        var adoptions: [StoreWork.Adoption] = []
        for work in batch {
            switch work {
            case .outcome(let outcome): outcomes.append(outcome)
            case .release(let run): released.append(run)
            case .unclaim(let run): outcomes.append(.init(run: run, kind: .returned, peer: 0))
            case .adopt(let adoption): adoptions.append(adoption)
            }
        }
        var left: [OutcomeWork] = []
        // One statement must stay far below what one message to the server may carry.
        for part in Self.parts(outcomes) {
            var unwritten = part
            if await !attempt({ () async throws(PostgresError) in unwritten = try await settle(part) }) || !unwritten.isEmpty {
                left += unwritten.map(OutcomeWork.outcome)
            }
        }
        if !released.isEmpty, await !attempt({ () async throws(PostgresError) in try await release(released) }) {
            left += released.map(OutcomeWork.release)
        }
        if !adoptions.isEmpty, await !attempt({ () async throws(PostgresError) in try await adopt(adoptions) }) {
            left += adoptions.map(OutcomeWork.adopt)
        }
        return left
    }

    private func attempt(_ body: () async throws(PostgresError) -> Void) async -> Bool {
        do throws(PostgresError) {
            try await body()
            return true
        } catch {
            Log.warning("outcomes not written; tried again", ["error": error.description])
            return false
        }
    }

    private static func parts(_ outcomes: [StoreWork.Outcome]) -> [[StoreWork.Outcome]] {
        var parts: [[StoreWork.Outcome]] = []
        var bytes = 0
        for outcome in outcomes {
            let size = if case .done(let output) = outcome.kind { output.count } else { 0 }
            if parts.isEmpty || bytes + size > batchBytes {
                parts.append([])
                bytes = 0
            }
            bytes += size
            parts[parts.count - 1].append(outcome)
        }
        return parts
    }

    /// Returns those that could not be written now.
    private func settle(_ outcomes: [StoreWork.Outcome]) async throws(PostgresError) -> [StoreWork.Outcome] {
        let results = try await store.settle(outcomes)
        var unwritten: [StoreWork.Outcome] = []
        for (outcome, result) in zip(outcomes, results) {
            guard let result else {
                unwritten.append(outcome)
                continue
            }
            core.settle(outcome.run, peer: outcome.peer, fenced: result.isFenced, kind: outcome.jobKind)
            if let ended = result.ended { core.ended(outcome, kind: ended.kind, as: ended.state) }
            if outcome.kind == .returned { core.wokenAll() }
        }
        return unwritten
    }

    private func release(_ runs: [JobRun]) async throws(PostgresError) {
        try await store.release(runs)
        core.wokenAll()
    }

    private func adopt(_ adoptions: [StoreWork.Adoption]) async throws(PostgresError) {
        let adopted = try await store.adopt(adoptions.map(\.run))
        for adoption in adoptions { core.adopted(adoption, as: adopted[adoption.run.id]) }
    }
}
