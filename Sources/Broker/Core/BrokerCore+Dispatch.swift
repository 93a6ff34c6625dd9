import Protocol

/// Which job goes to which worker, and what is asked of the store.
extension BrokerCore {
    mutating func makeReady(_ job: ClaimedJob) {
        kinds[job.kind, default: KindState()].ready.append(job)
        giveBackPaused(job.kind)
        dispatch(job.kind)
        giveBackUnserved(job.kind)
    }

    /// Claimed jobs that nobody here can be sent go back, so that another broker's workers may have them.
    mutating func giveBackUnserved(_ kind: String) {
        guard isStopping || !serves(kind) else { return }
        giveBack(kind) { _ in true }
    }

    /// Claimed jobs of queues that are paused meanwhile go back.
    mutating func giveBackPaused(_ kind: String) {
        guard !control.pausedQueues.isEmpty else { return }
        let control = control
        giveBack(kind) { control.isPaused($0.queue) }
    }

    /// Claimed jobs that no worker was sent go back to the store.
    mutating func giveBack(_ kind: String, where isUnwanted: (ClaimedJob) -> Bool) {
        work.unclaimed += kinds[kind]?.ready.removeAll(where: isUnwanted).map(\.run) ?? []
    }

    // MARK: Dispatch

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
        while left > 0, let priority = kinds.values[index].ready.firstPriority, let peer = pickJobWorker(index, priority: priority),
            let job = kinds.values[index].ready.popFirst()
        {
            if let before = give(job.run, kind, job.priority, to: peer) { freed.append(before) }
            counters.dispatched += 1
            outbox.send(
                peer,
                Header(
                    .job, requestID: UInt64(bitPattern: job.id), timeoutMs: Int64(job.timeoutMs), aux: UInt32(clamping: job.attempt),
                    aux2: Int64(job.priority)),
                name: kind.utf8, payload: job.args)
            left -= 1
        }
        for peer in freed { dispatchAll(peer) }
        return left == 0
    }

    /// One run takes one place: whoever had this job before, by an earlier attempt or word, has it no more. Returns that peer.
    mutating func give(_ run: JobRun, _ kind: String, _ priority: Int, to peer: PeerID) -> PeerID? {
        let before = running.updateValue(RunningJob(attempt: run.attempt, kind: kind, priority: priority, peer: peer, sinceNs: nowNs), forKey: run.id)
        if let before { peers[before.peer]?.free(before.priority) }
        peers[peer]?.take(priority)
        return before?.peer
    }

    /// The worker with the most room, round robin among equals. Where all are full: one that has only less urgent jobs before it.
    private mutating func pickJobWorker(_ index: Dictionary<String, KindState>.Index, priority: Int) -> PeerID? {
        let workers = kinds.values[index].workers
        guard !workers.isEmpty else { return nil }
        let start = kinds.values[index].cursor
        var best: PeerID?
        var beyond: PeerID?
        var room = 0
        for i in 0..<workers.count {
            let peer = workers[(start + i) % workers.count]
            guard let place = peers.index(forKey: peer) else { continue }
            let free = peers.values[place].freeJobs
            if free > room {
                room = free
                best = peer
            } else if best == nil, beyond == nil, free == 0, peers.values[place].hasRoom(beyondWindowFor: priority) {
                beyond = peer
            }
        }
        if best != nil { kinds.values[index].cursor = (start + 1) % workers.count }
        return best ?? beyond
    }

    /// Whether a worker of this broker serves the kind.
    public func serves(_ kind: String) -> Bool { kinds[kind].map { !$0.workers.isEmpty } ?? false }

    func window(_ kind: KindState) -> Int { kind.workers.reduce(0) { $0 + (peers[$1]?.windows.jobs ?? 0) } }

    func freeSlots(_ kind: KindState) -> Int { kind.workers.reduce(0) { $0 + (peers[$1]?.freeJobs ?? 0) } }

    // MARK: Claims

    /// Whether workers wait for claims that come back full: producers are faster than what they produce can be claimed.
    public var isBehind: Bool { kinds.values.contains { $0.claiming > 0 && !$0.wasShort && !$0.isProbing && freeSlots($0) > $0.ready.count } }

    /// Whether a job of this priority would run before what is ready, or before what a worker holds.
    func isUrgent(_ priority: Int, _ kind: KindState) -> Bool {
        if let last = kind.ready.lastPriority, priority < last { return true }
        return kind.workers.contains { peers[$0]?.hasRoom(beyondWindowFor: priority) ?? false }
    }

    /// Asks the store for jobs of every kind that has room, at most one claim and one look per kind under way.
    mutating func planClaims() {
        guard !isStopping else { return }
        for (name, kind) in kinds where !kind.workers.isEmpty && kind.notBeforeNs <= nowNs {
            var looking = kind.looking
            // Without floors every claim is a look.
            if kind.isLookDue, !kind.hasFloors {
                kinds[name]?.isLookDue = false
            } else if kind.isLookDue, looking == 0, var look = plan(name, kind, underWay: kind.claiming) {
                // A part of the room: most of what there is lies behind the floors.
                look.count = max(1, look.count / Self.lookPart, min(kind.urgent, look.count))
                for index in look.lanes.indices { look.lanes[index].floor = Lane.Floor() }
                looking = look.count
                kinds[name]?.looking = look.count
                kinds[name]?.isLookDue = false
                work.looks.append(look)
            }
            if kind.mayHaveMore || kind.isProbeDue, kind.claiming == 0, let claim = plan(name, kind, underWay: looking) {
                kinds[name]?.claiming = claim.count
                kinds[name]?.isProbing = !kind.mayHaveMore
                kinds[name]?.isProbeDue = false
                kinds[name]?.wokenMeanwhile = false
                kinds[name]?.wokenByOthers = false
                work.claims.append(claim)
            }
        }
    }

    private static let lookPart = 4

    /// What may be claimed of a kind now, or nil.
    private func plan(_ name: String, _ kind: KindState, underWay: Int) -> StoreWork.Claim? {
        let free = freeSlots(kind)
        // What a limit lets through is not for keeping: another broker's workers may have room for it.
        let ahead = kind.isLimited ? 0 : min(limits.readyAhead, window(kind))
        let room = free + ahead - kind.ready.count - kind.reserved - underWay
        let urgent = kind.ready.count < 2 * limits.readyAhead ? kind.urgent : 0
        let want = min(limits.claimBatch, max(room, urgent))
        // A small claim is worth its round trip only when somebody is idle, or when it cannot wait.
        guard want >= max(1, min(ahead / 2, limits.claimBatch / 2)) || (free > 0 && kind.ready.count == 0 && want > 0) || urgent > 0 else { return nil }
        let lanes = control.pausedQueues.isEmpty ? kind.lanes : kind.lanes.filter { !control.isPaused($0.queue) }
        return lanes.isEmpty ? nil : StoreWork.Claim(kind: name, count: want, lanes: lanes, isLimited: kind.isLimited)
    }

    /// The next claims begin behind these jobs.
    mutating func moveFloors(_ jobs: [ClaimedJob]) {
        // In order: the last one of each lane stays.
        for job in jobs {
            guard let kind = kinds.index(forKey: job.kind), let lane = kinds.values[kind].lanes.firstIndex(where: { $0.queue == job.queue }) else { continue }
            guard !kinds.values[kind].isLimited else { continue }
            if !kinds.values[kind].hasFloors { kinds.values[kind].lookedNs = nowNs }
            kinds.values[kind].lanes[lane].floor = Lane.Floor(priority: job.priority, id: max(0, job.id - BrokerLimits.floorMargin))
        }
    }

    /// The queues in which jobs of these kinds were found. Lanes of queues that hold nothing are forgotten.
    public mutating func lanesFound(_ found: [(kind: String, queue: String)], asked: Set<String>) {
        var queues: [String: Set<String>] = [:]
        for (kind, queue) in found { queues[kind, default: []].insert(queue) }
        for name in asked {
            guard let state = kinds[name] else { continue }
            let here = queues[name] ?? []
            let missing = here.subtracting(state.lanes.map(\.queue))
            kinds[name]?.lanes.removeAll { $0.queue != JobDraft.defaultQueue && !here.contains($0.queue) }
            for queue in missing { kinds[name]?.addLane(queue) }
            if !missing.isEmpty { kinds[name]?.mayHaveMore = true }
        }
        planClaims()
    }

    /// Per tick: looks that are old, queues that should be looked for.
    mutating func tendLanes() {
        for (name, kind) in kinds where kind.hasFloors && nowNs - kind.lookedNs >= kind.lookLifeNs { kinds[name]?.isLookDue = true }
        if nowNs - lastLaneScanNs >= limits.laneScanNs {
            lastLaneScanNs = nowNs
            work.scans.formUnion(kinds.filter { !$0.value.workers.isEmpty }.keys)
        }
    }
}
