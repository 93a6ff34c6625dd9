import Postgres
import Protocol
import Reactor

/// The lanes carry the core's store work: one batch at a time each, so that under load batches grow by themselves and
/// alone a job waits for nobody. Inserts, outcomes and claims have their own connections and do not wait for one another.
extension BrokerServer {
    /// Most members of one batch.
    static let batch = 1_000
    /// Inserts that are many, outcomes that are many, and the longest time for which others give way, ns.
    static let enoughToGiveWay = 250
    static let manyOutcomes = 2_000
    static let giveWayNs: Int64 = 200_000_000
    /// After a lost answer: when its back end must have given up, ns.
    static let secondLookNs: Int64 = 40_000_000_000
    /// Wait before what the database refused is tried again, ns.
    static let retryNs: Int64 = 200_000_000

    func runLanes(on loop: isolated EventLoop) {
        if mayHaveStrays { return recoverStrays(on: loop) }
        for lane in StoreLane.allCases where lanes.hasWork(lane) && !lanes.running.contains(lane) {
            lanes.running.insert(lane)
            loop.spawn { await self.drain(lane, on: loop) }
        }
    }

    /// Carries batch after batch. The lanes that change who runs what stop where strays are to be looked for.
    private func drain(_ lane: StoreLane, on loop: isolated EventLoop) async {
        while lanes.hasWork(lane), !(lane.isWriting && mayHaveStrays) {
            switch lane {
            case .inserts:
                await giveWayToOutcomes(on: loop)
                let batch = lanes.inserts.take(core.isBehind ? Self.batch / 2 : Self.batch)
                await insert(batch)
                if batch.count >= Self.enoughToGiveWay { await giveWay(on: loop) }
            case .outcomes: await writeOutcomes(lanes.outcomes.take(Self.batch), on: loop)
            case .claims:
                await giveWayToOutcomes(on: loop)
                await claim(lanes.claims.take(), isLook: false)
                claimTurns += 1
            case .looks: await claim(lanes.looks.take(), isLook: true)
            case .keys: await unblock(lanes.keys.take(Self.batch))
            case .scans: await scan(lanes.scans.take())
            }
            flush(on: loop)
        }
        lanes.running.remove(lane)
        if mayHaveStrays { recoverStrays(on: loop) }
    }

    /// Outcomes go first: what is inserted or claimed faster than outcomes are written would pile up as outcomes, in memory. For a while only:
    /// a database that takes no outcomes may take jobs.
    private func giveWayToOutcomes(on loop: isolated EventLoop) async {
        let limitNs = loop.nowNs + Self.giveWayNs
        while lanes.outcomes.count > Self.manyOutcomes, loop.nowNs < limitNs { await loop.sleep(ns: 1_000_000) }
    }

    /// Many inserts wait for a claim while workers do: the queue would only grow, and its jobs cost a claim each.
    private func giveWay(on loop: isolated EventLoop) async {
        let turn = claimTurns
        let limitNs = loop.nowNs + Self.giveWayNs
        while core.isBehind, claimTurns == turn, loop.nowNs < limitNs { await loop.sleep(ns: 1_000_000) }
    }

    private func insert(_ batch: [StoreWork.Insert]) async {
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
    }

    private func claim(_ wanted: [StoreWork.Claim], isLook: Bool) async {
        do throws(PostgresError) {
            let started = Clock.monotonicNs
            let jobs = try await store.claim(wanted)
            if isLook { core.looked(jobs, asked: wanted, tookNs: Clock.monotonicNs - started) } else { core.claimed(jobs, asked: wanted) }
        } catch {
            Log.warning(isLook ? "no jobs looked for" : "no jobs claimed", ["error": error.description])
            if isLook { core.lookFailed(wanted) } else { core.claimFailed(wanted) }
            if error.kind != .server { mayHaveStrays = true }
        }
    }

    /// What fails here is found by the fleet's upkeep.
    private func unblock(_ keys: [String]) async {
        do throws(PostgresError) {
            for kind in Set(try await store.unblock(keys)) { core.woken(kind) }
        } catch {
            Log.warning("ordering keys not looked at", ["error": error.description])
        }
    }

    private func scan(_ kinds: [String]) async {
        do throws(PostgresError) {
            core.lanesFound(try await store.lanes(kinds), asked: Set(kinds))
        } catch {
            Log.warning("queues not looked for", ["error": error.description])
        }
    }

    /// After a claim whose answer was lost: rows may say that this broker runs them, and it does not know them. They are
    /// looked for while no lane is at work, or what a lane has committed and not yet told would look like a stray.
    private func recoverStrays(on loop: isolated EventLoop) {
        guard !isRecovering, !isStopped, !lanes.isWriting else { return }
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
            for work in lanes.outcomes { known.insert(work.run) }
            let strays = try await store.strays(known: known)
            lanes.outcomes += strays.map(OutcomeWork.unclaim)
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
}
