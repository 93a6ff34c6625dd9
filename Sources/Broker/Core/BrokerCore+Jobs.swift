import Bytes
public import Protocol

extension BrokerCore {
    // MARK: From peers

    mutating func enqueue(_ view: MessageView, from peer: PeerID, nowNs: Int64) {
        let requestID = view.header.requestID
        if isStopping { return refuse(peer, requestID, Refusal(.stopping, "broker \(name) is stopping")) }
        if pendingInserts >= limits.pendingInserts || pendingInsertBytes >= limits.pendingInsertBytes {
            counters.refused += 1
            return refuse(peer, requestID, Refusal(.busy, "the queue has \(pendingInserts) inserts waiting; send again later"))
        }
        if unwrittenOutcomes >= limits.unwrittenOutcomes {
            counters.refused += 1
            return refuse(peer, requestID, Refusal(.busy, "the queue has \(unwrittenOutcomes) outcomes to write first; send again later"))
        }
        let draft: JobDraft
        do throws(Refusal) {
            draft = try JobDraft(kind: view.nameString, payload: view.payload)
        } catch {
            counters.malformed += 1
            return refuse(peer, requestID, error)
        }
        pendingInserts += 1
        pendingInsertBytes += draft.args.count
        let claim = mayClaimOnInsert(draft)
        if claim { kinds[draft.kind]?.reserved += 1 }
        work.inserts.append(.init(draft: draft, claim: claim, peer: peer, requestID: requestID))
    }

    /// Only where nothing may be waiting but what has just come, or a new job would overtake it, and where nothing else decides when it may start.
    private func mayClaimOnInsert(_ draft: JobDraft) -> Bool {
        // A unique key is looked at where jobs wait: a job that never waits would run beside the one that holds its key.
        guard draft.runAt == nil, draft.orderingKey == nil, draft.uniqueKey == nil, let kind = kinds[draft.kind], !kind.isLimited,
            !control.isPaused(draft.queue)
        else { return false }
        // For a moment only: what waits must come to its turn while new jobs keep coming.
        let isFresh = kind.wasShort && (!kind.mayHaveMore || nowNs - kind.moreSinceNs < limits.insertAheadNs)
        guard !kind.mayHaveMore && kind.claiming == 0 || kind.isProbing || isFresh else { return false }
        let free = freeSlots(kind)
        // A job that is claimed for later cannot go to another broker's worker: only as many as go on within a moment.
        let ahead = min(limits.readyAhead, window(kind), kind.turnover.jobs(within: limits.insertAheadNs, nowNs: nowNs))
        if free + ahead > kind.ready.count + kind.reserved { return true }
        return free == 0 && kind.ready.count + kind.reserved == 0 && kind.workers.contains { peers[$0]?.hasRoom(beyondWindowFor: draft.priority) ?? false }
    }

    /// A worker's word on a run. Runs this broker does not know (another broker gave them) go to the store all the same: it fences.
    mutating func outcome(_ view: MessageView, from peer: PeerID) {
        let run = JobRun(view)
        var wasRunning = false
        var jobKind: String?
        if let job = running[run.id], job.attempt == run.attempt, job.peer == peer {
            running[run.id] = nil
            peers[peer]?.free(job.priority)
            // Its place in the kind's limit is free.
            kinds[job.kind]?.notBeforeNs = 0
            kinds[job.kind]?.turnover.add(nowNs: nowNs)
            jobKind = job.kind
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
            work.outcomes.append(.init(run: run, kind: .done(output: view.payloadArray), peer: peer, jobKind: jobKind))
        case .failed:
            counters.jobsFailed += 1
            let failure = JobFailure(payload: view.payloadArray)
            let delay = failure.retryInMs.map { min(max($0, 0), RetryPolicy.maxDelayMs) } ?? RetryPolicy.standard.delayMs(attempt: run.attempt, jobID: run.id)
            work.outcomes.append(.init(run: run, kind: .failed(failure, retryInMs: delay), peer: peer, jobKind: jobKind))
        case .snoozed:
            let delay = min(max(view.header.aux2, 0), RetryPolicy.maxDelayMs)
            work.outcomes.append(.init(run: run, kind: .snoozed(ms: delay), peer: peer, jobKind: jobKind))
        default:
            work.outcomes.append(.init(run: run, kind: .returned, peer: peer, jobKind: jobKind))
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
        pendingInsertBytes -= insert.draft.args.count
        counters.enqueued += 1
        outbox.send(
            insert.peer, Header(.accepted, requestID: insert.requestID, aux: isDuplicate ? 1 : 0, aux2: id), name: "", payload: [])
        let kind = insert.draft.kind
        if insert.claim {
            kinds[kind]?.reserved -= 1
            if !isDuplicate {
                makeReady(
                    ClaimedJob(
                        id: id, attempt: 1, kind: kind, queue: insert.draft.queue, priority: insert.draft.priority, timeoutMs: insert.draft.timeoutMs,
                        args: insert.draft.args))
            }
        } else if insert.draft.runAt == nil, !isDuplicate {
            wake(kind, queue: insert.draft.queue, priority: insert.draft.priority)
        }
    }

    /// One insert failed for good.
    public mutating func insertFailed(_ insert: StoreWork.Insert, _ refusal: Refusal) {
        pendingInserts -= 1
        pendingInsertBytes -= insert.draft.args.count
        if insert.claim { kinds[insert.draft.kind]?.reserved -= 1 }
        counters.refused += 1
        refuse(insert.peer, insert.requestID, refusal)
    }

    /// A claim's answer. Fewer jobs than asked for means that no more are available now, or that the kind's limit is reached.
    public mutating func claimed(_ jobs: [ClaimedJob], asked: [StoreWork.Claim]) {
        let got = keep(jobs)
        counters.claims += 1
        moveFloors(jobs)
        for claim in asked {
            let isShort = got[claim.kind, default: 0] < claim.count
            kinds[claim.kind]?.claiming -= claim.count
            // An urgent job may lie before this claim's floors: a look has it.
            if kinds[claim.kind]?.isLookDue == false, kinds[claim.kind]?.looking == 0 { kinds[claim.kind]?.urgent = 0 }
            let wasWoken = kinds[claim.kind]?.wokenMeanwhile ?? false
            let wasWokenByOthers = kinds[claim.kind]?.wokenByOthers ?? false
            // A limit may be what held the others back: only time or an end tells.
            kinds[claim.kind]?.mayHaveMore = wasWoken || claim.isLimited || !isShort
            kinds[claim.kind]?.moreSinceNs = nowNs
            kinds[claim.kind]?.wasShort = isShort && !wasWokenByOthers
            kinds[claim.kind]?.isProbing = false
            if claim.isLimited, isShort { kinds[claim.kind]?.notBeforeNs = nowNs + limits.limitedPollNs }
        }
        send(got.keys)
    }

    /// A look's answer, which took so long: what was available before the floors.
    public mutating func looked(_ jobs: [ClaimedJob], asked: [StoreWork.Claim], tookNs: Int64) {
        let got = keep(jobs)
        counters.looks += 1
        for claim in asked {
            kinds[claim.kind]?.looking = 0
            kinds[claim.kind]?.lookedNs = nowNs
            kinds[claim.kind]?.lookLifeNs = min(max(tookNs * BrokerLimits.lookShare, BrokerLimits.leastLookLifeNs), BrokerLimits.mostLookLifeNs)
            kinds[claim.kind]?.urgent = 0
            // There is more: the claims go on from here, not from where they were.
            if got[claim.kind, default: 0] >= claim.count {
                moveFloors(jobs.filter { $0.kind == claim.kind })
                wokenByOthers(claim.kind)
            }
        }
        send(got.keys)
    }

    /// Takes claimed jobs in; how many of each kind.
    private mutating func keep(_ jobs: [ClaimedJob]) -> [String: Int] {
        var got: [String: Int] = [:]
        for job in jobs {
            got[job.kind, default: 0] += 1
            if job.args.count <= Header.maxPayload {
                kinds[job.kind, default: KindState()].ready.append(job)
            } else {
                // Enqueued by SQL, where nothing bounds the arguments; no message can carry them.
                let failure = JobFailure("args of \(job.args.count) bytes, at most \(Header.maxPayload)", isRetryable: false)
                work.outcomes.append(.init(run: job.run, kind: .failed(failure, retryInMs: 0), peer: 0))
            }
        }
        return got
    }

    private mutating func send(_ arrived: some Collection<String>) {
        for kind in arrived.sorted(by: { (kinds[$0]?.ready.firstRank ?? (9, 0)) < (kinds[$1]?.ready.firstRank ?? (9, 0)) }) {
            giveBackPaused(kind)
            dispatch(kind)
            giveBackUnserved(kind)
        }
        if isStopping { stop() }
        planClaims()
    }

    /// The claim did not happen; it is planned again at the next poll.
    public mutating func claimFailed(_ asked: [StoreWork.Claim]) {
        for claim in asked {
            kinds[claim.kind]?.claiming -= claim.count
            kinds[claim.kind]?.mayHaveMore = false
            kinds[claim.kind]?.wasShort = false
            kinds[claim.kind]?.isProbing = false
            kinds[claim.kind]?.urgent = 0
        }
    }

    public mutating func lookFailed(_ asked: [StoreWork.Claim]) {
        for claim in asked {
            kinds[claim.kind]?.looking = 0
            kinds[claim.kind]?.lookedNs = nowNs
        }
    }

    /// The outcome is committed, or was refused because the run is no longer the job's current one.
    public mutating func settle(_ run: JobRun, peer: PeerID, fenced: Bool, kind: String? = nil) {
        // Its place in the kind's limit is free from now on.
        if let kind, kinds[kind]?.isLimited == true {
            kinds[kind]?.notBeforeNs = 0
            planClaims()
        }
        if fenced { counters.fenced += 1 }
        outbox.send(peer, run.header(.settled, flags: fenced ? .fenced : []))
    }

    /// A worker still runs a job of another life. One question to the store per run is enough.
    mutating func hold(_ run: JobRun, _ peer: PeerID) {
        guard adopting.updateValue(peer, forKey: run) != peer else { return }
        work.adoptions.append(.init(run: run, peer: peer))
    }

    /// A run of a dead broker now belongs to this one, or the worker is told to stop it.
    public mutating func adopted(_ adoption: StoreWork.Adoption, as run: AdoptedRun?) {
        // Its outcome came meanwhile, or its worker reported it again as another peer.
        guard adopting[adoption.run] == adoption.peer else { return }
        adopting[adoption.run] = nil
        if let run, peers[adoption.peer] != nil {
            let before = give(adoption.run, run.kind, run.priority, to: adoption.peer)
            counters.adopted += 1
            if run.isCancelled { cancel(adoption.run.id) }
            if let before, before != adoption.peer { dispatchAll(before) }
        } else if run != nil {
            work.released.append(adoption.run)
        } else {
            outbox.send(adoption.peer, adoption.run.header(.cancel, flags: .fenced))
        }
    }

    /// A job has used its attempts up, must not be retried, or was cancelled: told on `jobs.<kind>`.
    public mutating func ended(_ outcome: StoreWork.Outcome, kind: String, as state: JobState) {
        if state == .discarded { counters.jobsDiscarded += 1 } else { counters.jobsCancelled += 1 }
        tell(kind) { w in
            w.member("type", state.rawValue)
            w.member("id", Int(outcome.run.id))
            w.member("attempt", outcome.run.attempt)
            if case .failed(let failure, _) = outcome.kind { w.member("error", failure.message) }
        }
    }

    /// A worker's list of what it has. A run that was given to it before its last list and is not in this one was lost on the way, with a connection
    /// that broke and came back: it never began, and is offered again.
    mutating func held(_ view: MessageView, by peer: PeerID) {
        guard let state = peers[peer] else { return }
        guard let runs = JobRun.list(view.payload) else { return refuseMalformed(view, peer, "held: \(view.payload.count) bytes are no list of runs") }
        peers[peer]?.listedNs = nowNs
        guard state.jobs > 0, state.listedNs > 0 else { return }
        for (id, job) in running where job.peer == peer && job.sinceNs < state.listedNs {
            let run = JobRun(id: id, attempt: job.attempt)
            guard !runs.contains(run) else { continue }
            running[id] = nil
            peers[peer]?.free(job.priority)
            counters.jobsMissed += 1
            work.unclaimed.append(run)
        }
        if peers[peer]?.jobs != state.jobs {
            dispatchAll(peer)
            planClaims()
        }
    }

    /// How far a run is: kept with the job, and told on `jobs.<kind>`.
    mutating func progress(_ view: MessageView, from peer: PeerID) {
        let run = JobRun(view)
        guard let job = running[run.id], job.attempt == run.attempt, job.peer == peer else { return }
        let document = view.payloadArray
        guard document.count <= JobProgress.maxBytes, (try? JSONValue.parse(document)) != nil else {  // ok: refused right here
            return refuseMalformed(view, peer, "progress must be a JSON document of at most \(JobProgress.maxBytes) bytes")
        }
        work.progress[run] = document
        tell(job.kind) { w in
            w.member("type", "progress")
            w.member("id", Int(run.id))
            w.member("attempt", run.attempt)
            w.key("progress")
            w.raw(document)
        }
    }

    private mutating func tell(_ kind: String, _ members: (inout JSONWriter) -> Void) {
        var w = JSONWriter()
        w.object { members(&$0) }
        let topic = Array(Topic.jobs(kind).utf8)
        // A kind as long as a name may be leaves no room for the stream's name before it.
        guard topic.count <= Header.maxName else { return }
        topics.publish(topic: topic, payload: w.bytes, to: &outbox)
    }

    /// Every run this broker has: ready, given out, or with its outcome on the way to the store.
    public func knownRuns() -> Set<JobRun> {
        var runs = Set(running.map { JobRun(id: $0.key, attempt: $0.value.attempt) })
        for kind in kinds.values { runs.formUnion(kind.ready.elements.map(\.run)) }
        return runs
    }

    /// A job of this kind and queue may have become available, and others before it.
    public mutating func woken(_ kind: String, queue: String, priority: Int) {
        wokenByOthers(kind)
        wake(kind, queue: queue, priority: priority)
    }

    private mutating func wake(_ kind: String, queue: String, priority: Int) {
        guard let index = kinds.index(forKey: kind) else { return }
        kinds.values[index].addLane(queue)
        if kinds.values[index].lanes.contains(where: { $0.queue == queue && priority < $0.floor.priority }) { kinds.values[index].isLookDue = true }
        if isUrgent(priority, kinds.values[index]) { kinds.values[index].urgent += 1 }
        wake(kind)
        planClaims()
    }

    /// Jobs of this kind may have become available, old ones too.
    public mutating func woken(_ kind: String, queue: String? = nil) {
        guard kinds[kind] != nil else { return }
        if let queue { kinds[kind]?.addLane(queue) }
        lookFor(kind)
        planClaims()
    }

    public mutating func wokenAll() {
        for kind in kinds.keys { lookFor(kind) }
        work.scans.formUnion(kinds.filter { !$0.value.workers.isEmpty }.keys)
        planClaims()
    }

    private mutating func lookFor(_ kind: String) {
        kinds[kind]?.isLookDue = true
        wokenByOthers(kind)
    }

    private mutating func wokenByOthers(_ kind: String) {
        kinds[kind]?.wasShort = false
        kinds[kind]?.wokenByOthers = true
        wake(kind)
    }

    private mutating func wake(_ kind: String) {
        if kinds[kind]?.mayHaveMore == false { kinds[kind]?.moreSinceNs = nowNs }
        kinds[kind]?.mayHaveMore = true
        kinds[kind]?.wokenMeanwhile = true
    }

    // MARK: From operators

    /// Pauses and limits are these now.
    public mutating func setControl(_ new: QueueControl) {
        guard new != control else { return }
        control = new
        for kind in kinds.keys {
            // What a limit lets through is counted where all of its jobs are looked at.
            if new.limitedKinds.contains(kind) { kinds[kind]?.clearFloors() }
            kinds[kind]?.isLimited = new.limitedKinds.contains(kind)
            kinds[kind]?.notBeforeNs = 0
            giveBackPaused(kind)
        }
        wokenAll()
    }

    /// An operator wants this job stopped. The store decides that it is cancelled, when its run ends.
    public mutating func cancel(_ id: Int64) {
        if let job = running[id] {
            return outbox.send(job.peer, JobRun(id: id, attempt: job.attempt).header(.cancel))
        }
        for kind in kinds.keys { giveBack(kind) { $0.id == id } }
    }
}
