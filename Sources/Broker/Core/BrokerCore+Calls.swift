import Protocol

extension BrokerCore {
    /// A batch or a request arrives from a client.
    mutating func call(_ kind: CallKind, _ view: MessageView, from client: PeerID, nowNs: Int64) {
        let name = view.nameString
        let requestID = view.header.requestID
        if isStopping { return refuse(client, requestID, Refusal(.stopping, "broker \(self.name) is stopping")) }
        let service = (kind == .batch ? streams[name] : services[name]) ?? Service()
        if kind == .request, service.workers.isEmpty {
            counters.refused += 1
            return refuse(client, requestID, Refusal(.noWorker, "no worker serves \(name)"))
        }
        if kind == .batch, heldBytes + view.payload.count > limits.ingestBytes || service.waiting.count >= limits.waitingCalls {
            counters.refused += 1
            return refuse(client, requestID, Refusal(.busy, "stream \(name) has reached its bound; send again later"))
        }
        if kind == .request, service.waiting.count >= limits.waitingCalls {
            counters.refused += 1
            return refuse(client, requestID, Refusal(.busy, "\(name) has reached its bound; ask again later"))
        }
        let budget = view.header.timeoutMs > 0 ? min(view.header.timeoutMs, 3_600_000) * 1_000_000 : limits.defaultCallNs
        lastCall += 1
        let id = lastCall
        var call = Call(kind: kind, name: name, client: client, clientRequestID: requestID, expiresNs: nowNs + budget, payload: [], worker: nil)
        if kind == .batch {
            heldBytes += view.payload.count
            call.payload = view.payloadArray
            counters.batches += 1
        } else {
            counters.requests += 1
        }
        let worker = pickWorker(kind, name)
        call.worker = worker
        if worker == nil {
            if kind == .request { call.payload = view.payloadArray }
            if kind == .batch { streams[name, default: Service()].waiting.append(id) } else { services[name]?.waiting.append(id) }
        }
        calls[id] = call
        deadlines.add(id, atNs: call.expiresNs)
        if let worker { send(id, kind, to: worker, name: view.name, payload: view.payload, budgetNs: budget) }
    }

    /// The worker with the most room, round robin among equals; nil when all are at their window.
    private mutating func pickWorker(_ kind: CallKind, _ name: String) -> PeerID? {
        guard let service = kind == .batch ? streams[name] : services[name], !service.workers.isEmpty else { return nil }
        if !service.waiting.isEmpty { return nil }
        return pick(kind, service.workers, cursor: service.cursor, name)
    }

    private mutating func pick(_ kind: CallKind, _ workers: [PeerID], cursor: Int, _ name: String) -> PeerID? {
        var best: PeerID?
        var room = 0
        for i in 0..<workers.count {
            let peer = workers[(cursor + i) % workers.count]
            guard let state = peers[peer] else { continue }
            let free = kind == .batch ? state.windows.batches - state.batches : state.windows.requests - state.requests
            if free > room {
                room = free
                best = peer
            }
        }
        if best != nil {
            if kind == .batch { streams[name]?.cursor &+= 1 } else { services[name]?.cursor &+= 1 }
        }
        return best
    }

    private mutating func send(
        _ id: UInt64, _ kind: CallKind, to worker: PeerID, name: some Collection<UInt8>, payload: some Collection<UInt8>, budgetNs: Int64
    ) {
        let header = Header(kind == .batch ? .ingest : .request, requestID: id, timeoutMs: max(1, budgetNs / 1_000_000))
        outbox.send(worker, header, name: name, payload: payload)
        if kind == .batch { peers[worker]?.batches += 1 } else { peers[worker]?.requests += 1 }
    }

    /// Gives waiting calls to workers that have room.
    mutating func offerWaiting(_ kind: CallKind, _ name: String) {
        while let service = kind == .batch ? streams[name] : services[name], !service.waiting.isEmpty {
            guard let worker = pick(kind, service.workers, cursor: service.cursor, name) else { return }
            guard let id = popWaiting(kind, name), let call = calls[id] else { return }
            calls[id]?.worker = worker
            let budget = call.expiresNs - (peers[worker]?.lastSeenNs ?? call.expiresNs)
            send(id, kind, to: worker, name: name.utf8, payload: call.payload, budgetNs: budget)
            if kind == .request { calls[id]?.payload = [] }
        }
    }

    private mutating func popWaiting(_ kind: CallKind, _ name: String) -> UInt64? {
        let calls = calls
        let waits = { (id: UInt64) in calls[id].map { $0.worker == nil } ?? false }
        return kind == .batch ? streams[name]?.waiting.popFirst(waits) : services[name]?.waiting.popFirst(waits)
    }

    /// A worker answers a call.
    mutating func answer(_ view: MessageView, from worker: PeerID) {
        guard let call = calls[view.header.requestID], call.worker == worker else {
            counters.lateAnswers += 1
            return
        }
        finish(view.header.requestID)
        release(worker, call.kind, call.name)
        let verb: Verb = call.kind == .batch ? .committed : .reply
        outbox.send(call.client, Header(verb, requestID: call.clientRequestID), name: [], payload: view.payload)
    }

    /// A worker refuses a call: the refusal goes to the caller as it is.
    mutating func workerRefused(_ view: MessageView, from worker: PeerID) {
        guard let call = calls[view.header.requestID], call.worker == worker else {
            counters.lateAnswers += 1
            return
        }
        finish(view.header.requestID)
        release(worker, call.kind, call.name)
        counters.refused += 1
        outbox.send(call.client, Header(.refused, requestID: call.clientRequestID), name: [], payload: view.payload)
    }

    private mutating func release(_ worker: PeerID, _ kind: CallKind, _ name: String) {
        if kind == .batch { peers[worker]?.batches -= 1 } else { peers[worker]?.requests -= 1 }
        guard let hello = peers[worker]?.hello else { return }
        let names = kind == .batch ? hello.streams : hello.requests
        // One window serves all names: they take the place in turn, beginning behind the one that gave it up.
        let next = (names.firstIndex(of: name) ?? -1) + 1
        for i in 0..<names.count { offerWaiting(kind, names[(next + i) % names.count]) }
    }

    /// Forgets a call; its place in `deadlines` and `waiting` is skipped when met.
    mutating func finish(_ id: UInt64) {
        guard let call = calls.removeValue(forKey: id) else { return }
        if call.kind == .batch { heldBytes -= call.payload.count }
        guard call.worker == nil else { return }
        let calls = calls
        let waits = { (id: UInt64) in calls[id].map { $0.worker == nil } ?? false }
        if call.kind == .batch {
            streams[call.name]?.waiting.forget(waits)
            // Clients name streams: a name that nobody serves and nothing waits on leaves no state behind.
            if let service = streams[call.name], service.workers.isEmpty, service.waiting.isEmpty { streams[call.name] = nil }
        } else {
            services[call.name]?.waiting.forget(waits)
        }
    }

    mutating func expireCalls(nowNs: Int64) {
        for id in deadlines.takeDue(nowNs: nowNs) {
            guard let call = calls[id] else { continue }
            finish(id)
            counters.expired += 1
            refuse(call, Refusal(.deadline, "\(call.name) did not answer in time"))
            if let worker = call.worker { expiredAtWorker(id, call, worker) }
        }
    }

    private mutating func expiredAtWorker(_ id: UInt64, _ call: Call, _ worker: PeerID) {
        release(worker, call.kind, call.name)
        outbox.send(worker, Header(.cancel, requestID: id))
    }

    mutating func refuse(_ call: Call, _ refusal: Refusal) { refuse(call.client, call.clientRequestID, refusal) }

    mutating func refuse(_ peer: PeerID, _ requestID: UInt64, _ refusal: Refusal) {
        outbox.send(peer, Header(.refused, requestID: requestID), payload: refusal.payload)
    }
}
