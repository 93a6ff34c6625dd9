public import Protocol

/// The broker as a pure machine: messages, time and the store's answers go in; frames to send (`outbox`) and work for the
/// store (`work`) come out. It imports no clock, no socket and no database, so tests and fuzzing run it by the million.
public struct BrokerCore {
    public let name: String
    public let epoch: Int64
    public let limits: BrokerLimits
    public internal(set) var outbox = Outbox()
    public internal(set) var work = StoreWork()
    public internal(set) var counters = BrokerCounters()

    var peers: [PeerID: Peer] = [:]
    var identities: [[UInt8]: PeerID] = [:]
    var lastPeer: PeerID = 0
    var calls: [UInt64: Call] = [:]
    var lastCall: UInt64 = 0
    var deadlines: DeadlineSlots
    var streams: [String: Service] = [:]
    var services: [String: Service] = [:]
    var heldBytes = 0
    var kinds: [String: KindState] = [:]
    var running: [Int64: RunningJob] = [:]
    /// Runs reported by their workers whose rows the store is asked for.
    var adopting: [JobRun: PeerID] = [:]
    var pendingInserts = 0
    /// Outcomes that wait for the store, as it says.
    public var unwrittenOutcomes = 0
    var pendingInsertBytes = 0
    var topics: TopicTable
    /// Destinations of answers to peers that never said hello, forgotten after the flush.
    var strangers: [PeerID] = []
    var control = QueueControl()
    var isStopping = false
    /// The time of the last event that had one.
    var nowNs: Int64
    var lastLaneScanNs: Int64
    var lastBeatNs: Int64
    var lastPollNs: Int64
    private var lastSeen: (peer: PeerID, nowNs: Int64) = (0, 0)

    public init(name: String, epoch: Int64, limits: BrokerLimits = BrokerLimits(), nowNs: Int64) {
        self.name = name
        self.epoch = epoch
        self.limits = limits
        topics = TopicTable(epoch: epoch, limit: limits.lastValues)
        self.nowNs = nowNs
        lastLaneScanNs = nowNs
        lastBeatNs = nowNs
        lastPollNs = nowNs
        deadlines = DeadlineSlots(nowNs: nowNs)
    }

    // MARK: Messages

    /// Takes one message from the peer with this routing id.
    public mutating func receive(_ view: MessageView, from identity: [UInt8], nowNs: Int64) {
        if let peer = identities[identity] {
            receive(view, from: peer, nowNs: nowNs)
        } else if view.header.verb == .hello, let hello = Hello(payload: view.payloadArray) {
            let peer = admit(identity, hello, nowNs: nowNs)
            welcome(peer)
        } else {
            refuseStranger(view, identity)
        }
    }

    /// The peer number behind a routing id, to save the look-up per message of a frame.
    public func peer(of identity: [UInt8]) -> PeerID? { identities[identity] }

    public mutating func receive(_ view: MessageView, from peer: PeerID, nowNs: Int64) {
        self.nowNs = nowNs
        // A frame carries many messages: its sender is looked up once.
        if lastSeen != (peer, nowNs) {
            lastSeen = (peer, nowNs)
            peers[peer]?.lastSeenNs = nowNs
        }
        switch view.header.verb {
        case .request: call(.request, view, from: peer, nowNs: nowNs)
        case .reply, .committed: answer(view, from: peer)
        case .ingest: call(.batch, view, from: peer, nowNs: nowNs)
        case .enqueue: enqueue(view, from: peer, nowNs: nowNs)
        case .done, .failed, .snoozed, .returned: outcome(view, from: peer)
        case .holding: hold(JobRun(view), peer)
        case .progress: progress(view, from: peer)
        case .held: held(view, by: peer)
        case .publish:
            counters.published += 1
            if !topics.publish(view, to: &outbox) { counters.lastValuesFull += 1 }
        case .snapshot: topics.snapshot(view.nameString, for: peer, requestID: view.header.requestID, to: &outbox)
        case .hello:
            guard let hello = Hello(payload: view.payloadArray) else { return refuseMalformed(view, peer, "hello: unreadable") }
            introduce(peer, hello)
            welcome(peer)
        case .credit:
            guard let windows = Windows(payload: view.payloadArray) else { return refuseMalformed(view, peer, "credit: unreadable") }
            peers[peer]?.windows = windows
            resume(peer, nowNs: nowNs)
        case .beat: break
        case .refused: workerRefused(view, from: peer)
        case .goodbye: drop(peer, because: "left")
        case .inspect: outbox.send(peer, Header(.reply, requestID: view.header.requestID), payload: inspection())
        case .welcome, .accepted, .job, .settled, .cancel, .event, .position, .snapshotEnd:
            refuseMalformed(view, peer, "\(view.header.verb) is not for brokers")
        }
    }

    /// A frame that could not be read: refused by name, counted.
    public mutating func malformedFrame(_ error: FrameError, from identity: [UInt8]) {
        counters.malformed += 1
        let peer = identities[identity] ?? strangerDestination(identity)
        outbox.send(peer, Header(.refused), payload: Refusal(.malformed, error.description).payload)
    }

    // MARK: Time

    /// Call every 100 to 250 ms.
    public mutating func tick(nowNs: Int64) {
        self.nowNs = nowNs
        expireCalls(nowNs: nowNs)
        for (peer, state) in peers where nowNs - state.lastSeenNs > limits.peerSilenceNs {
            counters.peersLost += 1
            drop(peer, because: "silent for \((nowNs - state.lastSeenNs) / 1_000_000) ms")
        }
        if nowNs - lastBeatNs >= limits.beatNs {
            lastBeatNs = nowNs
            for peer in peers.keys { outbox.send(peer, Header(.beat, aux2: epoch)) }
            topics.beat(to: &outbox)
        }
        if nowNs - lastPollNs >= limits.pollNs {
            lastPollNs = nowNs
            for kind in kinds.keys { kinds[kind]?.isProbeDue = true }
            planClaims()
        }
        tendLanes()
        if kinds.contains(where: { $0.value.isLookDue || ($0.value.isLimited && $0.value.mayHaveMore) }) { planClaims() }
    }

    /// Takes the gathered store work.
    public mutating func takeWork() -> StoreWork {
        var taken = StoreWork()
        swap(&taken, &work)
        return taken
    }

    public mutating func flush(_ deliver: (PeerID, [UInt8], [UInt8]) -> Void) { outbox.flush(deliver) }
    public mutating func flushStreams(_ deliver: (String, [UInt8]) -> Void) { outbox.flushStreams(deliver) }

    /// No new work from here on; says goodbye and gives back what was claimed and never sent.
    public mutating func stop() {
        isStopping = true
        for kind in kinds.keys { giveBackUnserved(kind) }
        for peer in peers.keys { outbox.send(peer, Header(.goodbye)) }
    }
}
