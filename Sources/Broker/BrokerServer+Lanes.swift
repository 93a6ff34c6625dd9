import Postgres
import Protocol
import Reactor

/// The lanes carry the core's store work: one batch at a time each, so that under load batches grow by themselves and
/// alone a job waits for nobody. Inserts, outcomes and claims have their own connections and do not wait for one another.
extension BrokerServer {
    /// Most members of one batch.
    static let batch = 1_000
    /// Outcomes that are worth a commit at once.
    static let enoughOutcomes = 250
    /// How often it is looked whether there are enough, ns.
    static let gatherStepNs: Int64 = 5_000_000
    /// After a lost answer: when its back end must have given up, ns.
    static let secondLookNs: Int64 = 40_000_000_000
    /// Bytes of outputs in one batch.
    static let batchBytes = 32 << 20
    /// Wait before a batch that the database refused is tried again, ns.
    static let retryNs: Int64 = 200_000_000

    func runLanes(on loop: isolated EventLoop) {
        if mayHaveStrays { return recoverStrays(on: loop) }
        if !insertLane.isRunning, !insertLane.waiting.isEmpty {
            insertLane.isRunning = true
            loop.spawn { await self.runInserts(on: loop) }
        }
        if !outcomeLane.isRunning, !outcomeLane.waiting.isEmpty {
            outcomeLane.isRunning = true
            loop.spawn { await self.runOutcomes(on: loop) }
        }
        if !claimLane.isRunning, !claimLane.waiting.isEmpty {
            claimLane.isRunning = true
            loop.spawn { await self.runClaims(on: loop) }
        }
        if !lookLane.isRunning, !lookLane.waiting.isEmpty {
            lookLane.isRunning = true
            loop.spawn { await self.runLooks(on: loop) }
        }
        if !isAtKeys, !dueKeys.isEmpty {
            isAtKeys = true
            loop.spawn { await self.runKeys(on: loop) }
        }
        if !scanLane.isRunning, !scanLane.waiting.isEmpty {
            scanLane.isRunning = true
            loop.spawn { await self.runScans(on: loop) }
        }
    }

    /// Ordering keys that may have become free. What fails here is found by the fleet's upkeep.
    private func runKeys(on loop: isolated EventLoop) async {
        while !dueKeys.isEmpty {
            let keys = Array(dueKeys.prefix(Self.batch))
            dueKeys.subtract(keys)
            do throws(PostgresError) {
                for kind in Set(try await store.unblock(keys)) { core.woken(kind) }
            } catch {
                Log.warning("ordering keys not looked at", ["error": error.description])
            }
            flush(on: loop)
        }
        isAtKeys = false
    }

    private func runScans(on loop: isolated EventLoop) async {
        while !scanLane.waiting.isEmpty {
            let kinds = scanLane.take(.max)
            do throws(PostgresError) {
                core.lanesFound(try await store.lanes(kinds), asked: Set(kinds))
            } catch {
                Log.warning("queues not looked for", ["error": error.description])
            }
            flush(on: loop)
        }
        scanLane.isRunning = false
    }

    private func runInserts(on loop: isolated EventLoop) async {
        while !insertLane.waiting.isEmpty, !mayHaveStrays {
            let batch = insertLane.take(Self.batch)
            do throws(PostgresError) {
                let results = try await store.insert(batch)
                for (insert, result) in zip(batch, results) {
                    switch result {
                    case .success(let made): core.inserted(insert, id: made.id, isDuplicate: made.isDuplicate)
                    case .failure(let refusal): core.insertFailed(insert, refusal)
                    }
                }
            } catch {
                // Nobody was told "accepted": the producers decide whether to send again. After a lost connection the
                // insert may have happened; claimed rows of it are found by the rescue of this epoch's strays.
                Log.warning("jobs not inserted", ["count": String(batch.count), "error": error.description])
                let refusal = Refusal(error.isConnectionLost ? .disconnected : .storage, error.description, retry: error.isRetryable)
                for insert in batch { core.insertFailed(insert, refusal) }
                if error.kind != .server { mayHaveStrays = true }
            }
            flush(on: loop)
        }
        insertLane.isRunning = false
        if mayHaveStrays { recoverStrays(on: loop) }
    }

    private func runClaims(on loop: isolated EventLoop) async {
        while !claimLane.waiting.isEmpty, !mayHaveStrays {
            let wanted = claimLane.take(.max)
            do throws(PostgresError) {
                core.claimed(try await store.claim(wanted), asked: wanted)
            } catch {
                Log.warning("no jobs claimed", ["error": error.description])
                core.claimFailed(wanted)
                if error.kind != .server { mayHaveStrays = true }
            }
            flush(on: loop)
        }
        claimLane.isRunning = false
        if mayHaveStrays { recoverStrays(on: loop) }
    }

    private func runLooks(on loop: isolated EventLoop) async {
        while !lookLane.waiting.isEmpty, !mayHaveStrays {
            let wanted = lookLane.take(.max)
            do throws(PostgresError) {
                let started = Clock.monotonicNs
                let jobs = try await store.claim(wanted)
                core.looked(jobs, asked: wanted, tookNs: Clock.monotonicNs - started)
            } catch {
                Log.warning("no jobs looked for", ["error": error.description])
                core.lookFailed(wanted)
                if error.kind != .server { mayHaveStrays = true }
            }
            flush(on: loop)
        }
        lookLane.isRunning = false
        if mayHaveStrays { recoverStrays(on: loop) }
    }

    /// Whether a lane is at work that changes who runs what.
    var isWriting: Bool { insertLane.isRunning || claimLane.isRunning || lookLane.isRunning || outcomeLane.isRunning }

    /// After a claim whose answer was lost: rows may say that this broker runs them, and it does not know them. They are
    /// looked for while no lane is at work, or what a lane has committed and not yet told would look like a stray.
    private func recoverStrays(on loop: isolated EventLoop) {
        guard !isRecovering, !isWriting else { return }
        isRecovering = true
        loop.spawn {
            await self.findStrays(on: loop)
            self.isRecovering = false
            self.runLanes(on: loop)
        }
    }

    private func findStrays(on loop: isolated EventLoop) async {
        do throws(PostgresError) {
            var known = core.knownRuns()
            for work in outcomeLane.waiting { known.insert(work.run) }
            let strays = try await store.strays(known: known)
            outcomeLane.waiting += strays.map(OutcomeWork.unclaim)
            mayHaveStrays = false
            // The back end of a lost connection may still be at it, and commit later.
            guard !isSecondLookDue else {
                isSecondLookDue = false
                return
            }
            isSecondLookDue = true
            loop.after(ns: Self.secondLookNs) { [weak self] in
                self?.mayHaveStrays = true
                self?.runLanes(on: loop)
            }
        } catch {
            Log.warning("stray jobs not looked for; tried again", ["error": error.description])
            await loop.sleep(ns: Self.retryNs)
        }
    }

    private func runOutcomes(on loop: isolated EventLoop) async {
        while !outcomeLane.waiting.isEmpty, !mayHaveStrays {
            let batch = outcomeLane.take(Self.batch)
            let left = await write(batch)
            if !left.isEmpty {
                // Outcomes are never dropped: the workers keep theirs until settled, this broker keeps all in order.
                outcomeLane.waiting.insert(contentsOf: left, at: 0)
                await loop.sleep(ns: Self.retryNs)
            }
            flush(on: loop)
            // Nobody waits for an outcome, but inserts wait for the disk: a few outcomes are not worth a commit of their own.
            if batch.count < Self.enoughOutcomes {
                let until = loop.nowNs + config.limits.outcomeGatherNs
                while outcomeLane.waiting.count < Self.enoughOutcomes, loop.nowNs < until { await loop.sleep(ns: Self.gatherStepNs) }
            }
        }
        outcomeLane.isRunning = false
        if mayHaveStrays { recoverStrays(on: loop) }
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
