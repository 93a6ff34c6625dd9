import Protocol

extension BrokerCore {
    mutating func admit(_ identity: [UInt8], _ hello: Hello, nowNs: Int64) -> PeerID {
        lastPeer += 1
        let peer = lastPeer
        identities[identity] = peer
        peers[peer] = Peer(identity: identity, hello: hello, windows: hello.windows, lastSeenNs: nowNs)
        outbox.add(peer, identity: identity)
        enroll(peer, hello)
        counters.peersSeen += 1
        return peer
    }

    /// A second hello replaces the first: a worker may learn new kinds while it runs.
    mutating func introduce(_ peer: PeerID, _ hello: Hello) {
        let before = peers[peer]?.hello.kinds ?? []
        withdraw(peer)
        peers[peer]?.hello = hello
        peers[peer]?.windows = hello.windows
        enroll(peer, hello)
        for kind in before { giveBackUnserved(kind) }
    }

    mutating func welcome(_ peer: PeerID) {
        outbox.send(peer, Header(.welcome, aux2: epoch), payload: Welcome(broker: name, epoch: epoch).payload)
        if let state = peers[peer] { resume(peer, nowNs: state.lastSeenNs) }
    }

    private mutating func enroll(_ peer: PeerID, _ hello: Hello) {
        // A name given twice must not count this peer's room twice.
        for stream in Set(hello.streams) { streams[stream, default: Service()].workers.append(peer) }
        for request in Set(hello.requests) { services[request, default: Service()].workers.append(peer) }
        for kind in Set(hello.kinds) {
            kinds[kind, default: KindState()].workers.append(peer)
            kinds[kind]?.mayHaveMore = true
            kinds[kind]?.isLimited = control.limitedKinds.contains(kind)
            work.scans.insert(kind)
        }
    }

    private mutating func withdraw(_ peer: PeerID) {
        guard let hello = peers[peer]?.hello else { return }
        for stream in hello.streams { streams[stream]?.workers.removeAll { $0 == peer } }
        for request in hello.requests { services[request]?.workers.removeAll { $0 == peer } }
        for kind in hello.kinds { kinds[kind]?.workers.removeAll { $0 == peer } }
    }

    /// New room at a worker: hand it what waits.
    mutating func resume(_ peer: PeerID, nowNs: Int64) {
        guard let hello = peers[peer]?.hello else { return }
        for stream in hello.streams { offerWaiting(.batch, stream) }
        for request in hello.requests { offerWaiting(.request, request) }
        dispatchAll(peer)
        planClaims()
    }

    /// Forgets a peer. Its batches and jobs are offered again at once, its requests are refused.
    public mutating func drop(_ peer: PeerID, because reason: String) {
        guard let state = peers[peer] else { return }
        withdraw(peer)
        peers[peer] = nil
        identities[state.identity] = nil
        outbox.remove(peer)
        var reoffered: [UInt64] = []
        for (id, call) in calls where call.worker == peer || call.client == peer {
            if call.client == peer {
                // What another worker has stays until it answers: its window is open again only then.
                if call.worker == nil || call.worker == peer { finish(id) }
                continue
            }
            switch call.kind {
            case .request:
                finish(id)
                refuse(call, Refusal(.workerLost, "the worker behind \(call.name) \(reason)"))
            case .batch: reoffered.append(id)
            }
        }
        counters.batchesReoffered += reoffered.count
        // In front of what waits, and among themselves as they came. The names are the calls' own: a later hello may have dropped them.
        reoffered.sort(by: >)
        var names: Set<String> = []
        for id in reoffered {
            guard let name = calls[id]?.name else { continue }
            calls[id]?.worker = nil
            streams[name, default: Service()].waiting.putBack(id)
            names.insert(name)
        }
        for stream in names { offerWaiting(.batch, stream) }
        for kind in state.hello.kinds { giveBackUnserved(kind) }
        for (id, job) in running where job.peer == peer {
            running[id] = nil
            work.released.append(JobRun(id: id, attempt: job.attempt))
            counters.jobsReleased += 1
        }
    }

    // MARK: Refusals

    mutating func refuseMalformed(_ view: MessageView, _ peer: PeerID, _ message: String) {
        counters.malformed += 1
        outbox.send(peer, Header(.refused, requestID: view.header.requestID), payload: Refusal(.malformed, message).payload)
    }

    mutating func refuseStranger(_ view: MessageView, _ identity: [UInt8]) {
        counters.strangers += 1
        let refusal =
            view.header.verb == .hello ? Refusal(.malformed, "hello: unreadable") : Refusal(.stranger, "say hello first to broker \(name)")
        outbox.send(strangerDestination(identity), Header(.refused, requestID: view.header.requestID), payload: refusal.payload)
    }

    /// A stranger gets one answer and leaves no state behind.
    mutating func strangerDestination(_ identity: [UInt8]) -> PeerID {
        lastPeer += 1
        outbox.add(lastPeer, identity: identity)
        strangers.append(lastPeer)
        return lastPeer
    }

    /// Call after each flush: forgets the strangers that were answered.
    public mutating func forgetStrangers() {
        for peer in strangers { outbox.remove(peer) }
        strangers.removeAll(keepingCapacity: true)
    }
}
