import Bytes
public import Protocol

extension BrokerCore {
    // MARK: From peers

    mutating func enqueue(_ view: MessageView, from peer: PeerID, nowNs: Int64) {
        let requestID = view.header.requestID
        if isStopping { return refuse(peer, requestID, Refusal(.stopping, "broker \(name) is stopping")) }
        if pendingInserts >= limits.pendingInserts {
            counters.refused += 1
            return refuse(peer, requestID, Refusal(.busy, "the queue has \(pendingInserts) inserts waiting; send again later"))
        }
        let draft: JobDraft
        do throws(Refusal) {
            draft = try JobDraft(kind: view.nameString, payload: view.payload)
        } catch {
            counters.malformed += 1
            return refuse(peer, requestID, error)
        }
        pendingInserts += 1
        // Claim on insert only where nothing older may be waiting, or a new job would overtake it.
        var claim = false
        if draft.runAt == nil, let kind = kinds[draft.kind], !kind.mayHaveMore, kind.claiming == 0 || kind.isProbing,
            freeSlots(kind) > kind.ready.count + kind.reserved
        {
            claim = true
            kinds[draft.kind]?.reserved += 1
        }
        work.inserts.append(.init(draft: draft, claim: claim, peer: peer, requestID: requestID))
    }

    /// A worker's word on a run. Runs this broker does not know (another broker gave them) go to the store all the same: it fences.
    mutating func outcome(_ view: MessageView, from peer: PeerID) {
        let run = JobRun(view)
        var wasRunning = false
        if let job = running[run.id], job.attempt == run.attempt, job.peer == peer {
            running[run.id] = nil
            peers[peer]?.jobs -= 1
            wasRunning = true
        } else {
            counters.unknownOutcomes += 1
            // It ended before the store could say whose it is: there is nothing left to adopt.
            adopting[run] = nil
        }
        switch view.header.verb {
        case .done where view.header.flags.contains(.committed):
            counters.jobsDone += 1
            settle(run, peer: peer, fenced: false)
        case .done:
            counters.jobsDone += 1
            work.outcomes.append(.init(run: run, kind: .done(output: view.payloadArray), peer: peer))
        case .failed:
            counters.jobsFailed += 1
            let failure = JobFailure(payload: view.payloadArray)
            let delay = RetryPolicy.delayMs(attempt: run.attempt, jobID: run.id)
            work.outcomes.append(.init(run: run, kind: .failed(failure, retryInMs: delay), peer: peer))
        case .snoozed:
            let delay = min(max(view.header.aux2, 0), RetryPolicy.maxDelayMs)
            work.outcomes.append(.init(run: run, kind: .snoozed(ms: delay), peer: peer))
        default:
            work.outcomes.append(.init(run: run, kind: .returned, peer: peer))
        }
        if wasRunning {
            dispatchAll(peer)
            planClaims()
        }
    }

    // MARK: From the store

    /// One insert is committed.
    public mutating func inserted(_ insert: StoreWork.Insert, id: Int64, isDuplicate: Bool) {
        pendingInserts -= 1
        counters.enqueued += 1
        outbox.send(
            insert.peer, Header(.accepted, requestID: insert.requestID, aux: isDuplicate ? 1 : 0, aux2: id), name: "", payload: [])
        let kind = insert.draft.kind
        if insert.claim {
            kinds[kind]?.reserved -= 1
            if !isDuplicate {
                makeReady(
                    ClaimedJob(
                        id: id, attempt: 1, kind: kind, priority: insert.draft.priority, timeoutMs: insert.draft.timeoutMs, args: insert.draft.args))
            }
        } else if insert.draft.runAt == nil {
            woken(kind)
        }
    }

    /// One insert failed for good.
    public mutating func insertFailed(_ insert: StoreWork.Insert, _ refusal: Refusal) {
        pendingInserts -= 1
        if insert.claim { kinds[insert.draft.kind]?.reserved -= 1 }
        counters.refused += 1
        refuse(insert.peer, insert.requestID, refusal)
    }

    /// A claim's answer. Fewer jobs than asked for means that no more are available now.
    public mutating func claimed(_ jobs: [ClaimedJob], asked: [(kind: String, count: Int)]) {
        var got: [String: Int] = [:]
        for job in jobs {
            got[job.kind, default: 0] += 1
            if job.args.count <= Header.maxPayload {
                kinds[job.kind, default: KindState()].ready.append(job)
            } else {
                // Enqueued by SQL, where nothing bounds the arguments; no message can carry them.
                let failure = JobFailure("args of \(job.args.count) bytes, at most \(Header.maxPayload)", isRetryable: false)
                work.outcomes.append(.init(run: JobRun(id: job.id, attempt: job.attempt), kind: .failed(failure, retryInMs: 0), peer: 0))
            }
        }
        counters.claims += 1
        for (kind, count) in asked {
            kinds[kind]?.claiming -= count
            let wasWoken = kinds[kind]?.wokenMeanwhile ?? false
            kinds[kind]?.mayHaveMore = wasWoken || got[kind, default: 0] >= count
            dispatch(kind)
        }
        for kind in got.keys { giveBackUnserved(kind) }
        if isStopping { stop() }
        planClaims()
    }

    /// The claim did not happen; it is planned again at the next poll.
    public mutating func claimFailed(_ asked: [(kind: String, count: Int)]) {
        for (kind, count) in asked {
            kinds[kind]?.claiming -= count
            kinds[kind]?.mayHaveMore = false
        }
    }

    /// The outcome is committed, or was refused because the run is no longer the job's current one.
    public mutating func settle(_ run: JobRun, peer: PeerID, fenced: Bool) {
        if fenced { counters.fenced += 1 }
        outbox.send(peer, run.header(.settled, flags: fenced ? .fenced : []))
    }

    /// A worker still runs a job of another life. One question to the store per run is enough.
    mutating func hold(_ run: JobRun, _ peer: PeerID) {
        guard adopting.updateValue(peer, forKey: run) != peer else { return }
        work.adoptions.append(.init(run: run, peer: peer))
    }

    /// A run of a dead broker now belongs to this one, or the worker is told to stop it.
    public mutating func adopted(_ adoption: StoreWork.Adoption, kind: String?) {
        // Its outcome came meanwhile, or its worker reported it again as another peer.
        guard adopting[adoption.run] == adoption.peer else { return }
        adopting[adoption.run] = nil
        if let kind, peers[adoption.peer] != nil {
            let before = give(adoption.run, kind, to: adoption.peer)
            counters.adopted += 1
            if let before, before != adoption.peer { dispatchAll(before) }
        } else if kind != nil {
            work.released.append(adoption.run)
        } else {
            outbox.send(adoption.peer, adoption.run.header(.cancel, flags: .fenced))
        }
    }

    /// A job has used its attempts up, or must not be retried: told on `jobs.<kind>`.
    public mutating func discarded(_ outcome: StoreWork.Outcome, kind: String) {
        guard case .failed(let failure, _) = outcome.kind else { return }
        counters.jobsDiscarded += 1
        var w = JSONWriter()
        w.object { w in
            w.member("type", "discarded")
            w.member("id", Int(outcome.run.id))
            w.member("attempt", outcome.run.attempt)
            w.member("error", failure.message)
        }
        let topic = Array(Topic.jobs(kind).utf8)
        // A kind as long as a name may be leaves no room for the stream's name before it.
        guard topic.count <= Header.maxName else { return }
        topics.publish(topic: topic, payload: w.bytes, to: &outbox)
    }

    /// Every run this broker has: ready, given out, or with its outcome on the way to the store.
    public func knownRuns() -> Set<JobRun> {
        var runs = Set(running.map { JobRun(id: $0.key, attempt: $0.value.attempt) })
        for kind in kinds.values { runs.formUnion(kind.ready.runs) }
        return runs
    }

    /// Jobs of this kind may have become available.
    public mutating func woken(_ kind: String) {
        guard kinds[kind] != nil else { return }
        wake(kind)
        planClaims()
    }

    public mutating func wokenAll() {
        for kind in kinds.keys { wake(kind) }
        planClaims()
    }

    private mutating func wake(_ kind: String) {
        kinds[kind]?.mayHaveMore = true
        kinds[kind]?.wokenMeanwhile = true
    }

    // MARK: Dispatch

    private mutating func makeReady(_ job: ClaimedJob) {
        kinds[job.kind, default: KindState()].ready.append(job)
        dispatch(job.kind)
        giveBackUnserved(job.kind)
    }

    /// Claimed jobs that nobody here can be sent go back, so that another broker's workers may have them.
    mutating func giveBackUnserved(_ kind: String) {
        guard let state = kinds[kind], state.ready.count > 0, isStopping || state.workers.isEmpty else { return }
        let jobs = kinds[kind]?.ready.removeAll() ?? []
        work.unclaimed += jobs.map { JobRun(id: $0.id, attempt: $0.attempt) }
    }

    /// Room at a peer goes to the most urgent ready job among all kinds that it serves.
    mutating func dispatchAll(_ peer: PeerID) {
        guard let hello = peers[peer]?.hello else { return }
        if hello.kinds.count == 1 {
            dispatch(hello.kinds[0])
            return
        }
        while let free = peers[peer]?.freeJobs, free > 0 {
            var best: (kind: String, rank: (Int, Int64))?
            for kind in hello.kinds {
                guard let rank = kinds[kind]?.ready.firstRank else { continue }
                if best.map({ rank < $0.rank }) ?? true { best = (kind, rank) }
            }
            guard let best, dispatch(best.kind, most: 1) else { return }
        }
    }

    /// Sends ready jobs to workers with room; whether it sent as many as it was allowed to.
    @discardableResult
    mutating func dispatch(_ kind: String, most: Int = .max) -> Bool {
        guard let index = kinds.index(forKey: kind), !isStopping else { return false }
        var left = most
        var freed: [PeerID] = []
        while left > 0, kinds.values[index].ready.count > 0, let peer = pickJobWorker(index), let job = kinds.values[index].ready.popFirst() {
            if let before = give(JobRun(id: job.id, attempt: job.attempt), kind, to: peer) { freed.append(before) }
            counters.dispatched += 1
            outbox.send(
                peer,
                Header(.job, requestID: UInt64(bitPattern: job.id), timeoutMs: Int64(job.timeoutMs), aux: UInt32(clamping: job.attempt)),
                name: kind.utf8, payload: job.args)
            left -= 1
        }
        for peer in freed { dispatchAll(peer) }
        return left == 0
    }

    /// One run takes one place: whoever had this job before, by an earlier attempt or word, has it no more. Returns that peer.
    private mutating func give(_ run: JobRun, _ kind: String, to peer: PeerID) -> PeerID? {
        let before = running.updateValue(RunningJob(attempt: run.attempt, kind: kind, peer: peer), forKey: run.id)?.peer
        if let before { peers[before]?.jobs -= 1 }
        peers[peer]?.jobs += 1
        return before
    }

    private mutating func pickJobWorker(_ index: Dictionary<String, KindState>.Index) -> PeerID? {
        let workers = kinds.values[index].workers
        guard !workers.isEmpty else { return nil }
        let start = kinds.values[index].cursor
        var best: PeerID?
        var room = 0
        for i in 0..<workers.count {
            let peer = workers[(start + i) % workers.count]
            if let free = peers[peer]?.freeJobs, free > room {
                room = free
                best = peer
            }
        }
        if best != nil { kinds.values[index].cursor = (start + 1) % workers.count }
        return best
    }

    func freeSlots(_ kind: KindState) -> Int { kind.workers.reduce(0) { $0 + (peers[$1]?.freeJobs ?? 0) } }

    /// Asks the store for jobs of every kind that has room, at most one claim per kind under way.
    mutating func planClaims() {
        guard !isStopping else { return }
        for (name, kind) in kinds where (kind.mayHaveMore || kind.isProbeDue) && kind.claiming == 0 && !kind.workers.isEmpty {
            let window = kind.workers.reduce(0) { $0 + (peers[$1]?.windows.jobs ?? 0) }
            let free = freeSlots(kind)
            let ahead = min(limits.readyAhead, window)
            let want = min(limits.claimBatch, free + ahead - kind.ready.count - kind.reserved)
            // A small claim is worth its round trip only when somebody is idle.
            guard want >= max(1, min(ahead / 2, limits.claimBatch / 2)) || (free > 0 && kind.ready.count == 0 && want > 0) else { continue }
            kinds[name]?.claiming = want
            kinds[name]?.isProbing = !kind.mayHaveMore
            kinds[name]?.isProbeDue = false
            kinds[name]?.wokenMeanwhile = false
            work.claims.append((kind: name, count: want))
        }
    }
}
