import Bytes
import Protocol
import Testing

@testable import Broker

/// Random peers, calls, jobs, failures and times against a store model; after every event the rules hold.
@Suite struct FuzzTests {
    @Test(arguments: [1, 2, 3] as [UInt64]) func theRulesHoldWhateverHappens(_ seed: UInt64) {
        var world = World(seed)
        for _ in 0..<2_500 { world.step() }
        world.settleDown()
        // Otherwise this would prove little.
        #expect(world.completed > 20 && world.answered > 200 && world.bench.core.counters.expired > 0 && world.bench.core.counters.batchesReoffered > 0)
    }
}

/// The queue's table as the store keeps it.
private struct StoreModel {
    struct Row {
        var kind: String
        var queue: String
        var priority: Int
        var attempt = 0
        var isRunning = false
    }
    var rows: [Int64: Row] = [:]
    var lastID: Int64 = 0
    var completed: Set<Int64> = []
    var control = QueueControl()

    mutating func insert(_ draft: JobDraft, claim: Bool) -> Int64 {
        lastID += 1
        rows[lastID] = Row(kind: draft.kind, queue: draft.queue, priority: draft.priority, attempt: claim ? 1 : 0, isRunning: claim)
        return lastID
    }

    /// Behind the floors of the lanes, in order; a limited kind gets one at a time.
    mutating func claim(_ claim: StoreWork.Claim) -> [ClaimedJob] {
        let waiting = rows.filter { id, row in
            row.kind == claim.kind && !row.isRunning && !control.isPaused(row.queue)
                && claim.lanes.contains { $0.queue == row.queue && ($0.floor.priority, $0.floor.id) < (row.priority, id) }
        }
        let most = control.limitedKinds.contains(claim.kind) ? min(1, claim.count) : claim.count
        let ids = waiting.map { ($0.value.priority, $0.key) }.sorted { $0 < $1 }.prefix(most).map(\.1)
        return ids.compactMap { id in
            rows[id]?.isRunning = true
            rows[id]?.attempt += 1
            return rows[id].map {
                ClaimedJob(id: id, attempt: $0.attempt, kind: $0.kind, queue: $0.queue, priority: $0.priority, timeoutMs: 0, args: [])
            }
        }
    }

    func lanes(_ kinds: Set<String>) -> [(kind: String, queue: String)] {
        rows.values.filter { kinds.contains($0.kind) && !$0.isRunning }.map { ($0.kind, $0.queue) }
    }

    func isCurrent(_ run: JobRun) -> Bool { rows[run.id].map { $0.isRunning && $0.attempt == run.attempt } ?? false }

    /// Whether it was the current run; `giveBack` returns the attempt.
    mutating func end(_ run: JobRun, done: Bool, giveBack: Bool) -> Bool {
        guard isCurrent(run) else { return false }
        if done {
            rows[run.id] = nil
            completed.insert(run.id)
        } else {
            rows[run.id]?.isRunning = false
            if giveBack { rows[run.id]?.attempt -= 1 }
        }
        return true
    }
}

private struct World {
    let bench = Bench {
        $0.ingestBytes = 200
        $0.waitingCalls = 15
        $0.pendingInserts = 8
        $0.lastValues = 3
    }
    var random: Seeded
    var store = StoreModel()
    /// What a worker was given and has not answered.
    var hands: [String: [Received]] = [:]
    /// Calls of a client's present life without an answer.
    var open: [String: Set<UInt64>] = [:]
    var lastRequest: UInt64 = 0
    var answered = 0
    var completed: Int { store.completed.count }
    var inserts: [StoreWork.Insert] = []
    var outcomes: [StoreWork.Outcome] = []
    var claims: [StoreWork.Claim] = []
    var looks: [StoreWork.Claim] = []
    var adoptions: [StoreWork.Adoption] = []
    /// A worker may hold more than its window only after an adoption.
    var adopted = false
    let names = ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7"]
    let topics = ["a", "b", "c"]

    init(_ seed: UInt64) { random = Seeded(seed) }

    mutating func pick<T>(_ items: [T]) -> T { items[random.below(items.count)] }
    mutating func some(_ items: [String]) -> [String] { items.filter { _ in random.below(2) == 0 } }

    private func peer(_ who: String) -> Peer? { bench.core.identities[Array(who.utf8)].flatMap { bench.core.peers[$0] } }

    // MARK: Events

    mutating func step() {
        adopted = false
        let before = bench.core.peers
        let who = pick(names)
        switch random.below(100) {
        case 0..<8: hello(who)
        case 8..<30: call(who, random.below(2) == 0 ? .request : .ingest)
        case 30..<42: enqueue(who)
        case 42..<70: work(who)
        case 70..<74: windows(who)
        case 74..<76:
            bench.send(who, Header(.goodbye))
            forget(who)
        case 76..<78: garbage(who)
        case 78: list(who)
        case 79: bench.send(who, JobRun(id: Int64(1 + random.below(max(1, Int(store.lastID)))), attempt: 1 + random.below(2)).header(.holding))
        case 80: operate()
        case 81: bench.send(who, Header(.publish, flags: .state), name: "charging.\(random.below(5))")
        case 82..<92: answerStore()
        default: time()
        }
        look()
        check(before)
    }

    private mutating func hello(_ who: String) {
        let isNew = peer(who) == nil
        if isNew { forget(who) }
        bench.hello(
            who, kinds: some(topics), streams: some(topics), requests: some(topics),
            windows: Windows(jobs: random.below(4), batches: random.below(4), requests: random.below(4)))
    }

    /// What it has, or a part of it: the rest counts as lost.
    private mutating func list(_ who: String) {
        let held = (hands[who] ?? []).filter { $0.verb == .job && random.below(5) > 0 }
        bench.send(who, Header(.held), payload: JobRun.list(held.map { JobRun(id: Int64(bitPattern: $0.header.requestID), attempt: Int($0.header.aux)) }))
    }

    /// Pauses, limits, cancels.
    private mutating func operate() {
        store.control = QueueControl(pausedQueues: Set(some(["other", "default", "*"])), limitedKinds: Set(some(topics)))
        bench.core.setControl(store.control)
        if store.lastID > 0 { bench.core.cancel(1 + Int64(random.below(Int(store.lastID)))) }
    }

    private mutating func windows(_ who: String) {
        bench.send(who, Header(.credit), payload: Windows(jobs: random.below(5), batches: random.below(5), requests: random.below(5)).payload)
    }

    private mutating func call(_ who: String, _ verb: Verb) {
        lastRequest += 1
        if peer(who) != nil { open[who, default: []].insert(lastRequest) }
        let payload = [UInt8](repeating: 1, count: random.below(40))
        bench.send(who, Header(verb, requestID: lastRequest, timeoutMs: Int64(random.below(3_000))), name: pick(topics), payload: payload)
    }

    private mutating func enqueue(_ who: String) {
        lastRequest += 1
        if peer(who) != nil { open[who, default: []].insert(lastRequest) }
        bench.enqueue(who, lastRequest, JobDraft(kind: pick(topics), queue: random.below(3) == 0 ? "other" : "default", priority: 1 + random.below(9)))
    }

    /// A worker answers something that it has, rightly, late or as somebody else.
    private mutating func work(_ who: String) {
        guard let hand = hands[who], !hand.isEmpty else { return }
        let index = random.below(hand.count)
        let message = hand[index]
        if random.below(10) > 0 { hands[who]?.remove(at: index) }
        let sender = random.below(20) == 0 ? pick(names) : who
        switch message.verb {
        case .job:
            let run = JobRun(id: Int64(bitPattern: message.header.requestID), attempt: Int(message.header.aux))
            // Own commits need the row: `done` with the flag comes from a transaction that ended the run.
            if random.below(4) == 0, store.end(run, done: true, giveBack: false) {
                bench.send(sender, run.header(.done, flags: .committed))
            } else {
                bench.send(sender, run.header(pick([.done, .done, .failed, .snoozed, .returned])))
            }
        case .ingest: bench.send(sender, Header(random.below(6) == 0 ? .refused : .committed, requestID: message.header.requestID))
        default: bench.send(sender, Header(random.below(6) == 0 ? .refused : .reply, requestID: message.header.requestID))
        }
    }

    private mutating func garbage(_ who: String) {
        let verb = pick(Verb.allCases.filter { ![.goodbye, .hello, .enqueue, .ingest, .request, .holding, .done, .failed, .returned, .snoozed].contains($0) })
        bench.send(
            who, Header(verb, requestID: random.next(), aux: UInt32(random.below(3))), name: pick(topics),
            payload: (0..<random.below(9)).map { _ in UInt8(truncatingIfNeeded: random.next()) })
    }

    private mutating func time() {
        let alive = names.filter { _ in random.below(8) > 0 && true }
        bench.pass(ms: Int64(random.below(900)), alive: alive)
    }

    // MARK: The store

    private mutating func take() {
        let work = bench.core.takeWork()
        inserts += work.inserts
        outcomes += work.outcomes
        claims += work.claims
        looks += work.looks
        adoptions += work.adoptions
        for run in work.released { _ = store.end(run, done: false, giveBack: false) }
        for run in work.unclaimed { _ = store.end(run, done: false, giveBack: true) }
        if !work.scans.isEmpty { bench.core.lanesFound(store.lanes(work.scans), asked: work.scans) }
        if !work.released.isEmpty || !work.unclaimed.isEmpty { bench.core.wokenAll() }
    }

    private mutating func answerStore(all: Bool = false) {
        take()
        if all || random.below(2) == 0 {
            let batch = inserts
            inserts = []
            for insert in batch {
                if random.below(10) == 0 {
                    bench.core.insertFailed(insert, Refusal(.storage, "no"))
                } else {
                    bench.core.inserted(insert, id: store.insert(insert.draft, claim: insert.claim), isDuplicate: false)
                }
            }
        }
        if all || random.below(2) == 0 {
            let batch = outcomes
            outcomes = []
            for outcome in batch {
                let isDone = if case .done = outcome.kind { true } else { false }
                let isFailed = if case .failed = outcome.kind { true } else { false }
                let current = store.end(outcome.run, done: isDone, giveBack: !isDone && !isFailed)
                bench.core.settle(outcome.run, peer: outcome.peer, fenced: !current)
                if outcome.kind == .returned { bench.core.wokenAll() }
            }
        }
        if all || random.below(2) == 0 {
            let batch = claims
            claims = []
            if !batch.isEmpty {
                if random.below(6) == 0 {
                    bench.core.claimFailed(batch)
                } else {
                    bench.core.claimed(batch.flatMap { store.claim($0) }, asked: batch)
                }
            }
        }
        if all || random.below(2) == 0 {
            let batch = looks
            looks = []
            if !batch.isEmpty {
                if random.below(6) == 0 {
                    bench.core.lookFailed(batch)
                } else {
                    bench.core.looked(batch.flatMap { store.claim($0) }, asked: batch, tookNs: Int64(random.below(100_000_000)))
                }
            }
        }
        let batch = adoptions
        adoptions = []
        for adoption in batch {
            adopted = true
            let row = store.isCurrent(adoption.run) ? store.rows[adoption.run.id] : nil
            bench.core.adopted(adoption, as: row.map { AdoptedRun(kind: $0.kind, priority: $0.priority) })
        }
        take()
        bench.collect()
    }

    // MARK: What came

    private mutating func forget(_ who: String) {
        hands[who] = nil
        open[who] = nil
        _ = bench.take(who)
    }

    private mutating func look() {
        for who in names {
            if peer(who) == nil { open[who] = nil }
            for message in bench.take(who) {
                switch message.verb {
                case .job, .ingest, .request: hands[who, default: []].append(message)
                case .accepted, .committed, .reply, .refused:
                    // Refusals of a stranger, of garbage and of what is not a call have other numbers.
                    if open[who]?.remove(message.header.requestID) != nil { answered += 1 }
                case .cancel: hands[who]?.removeAll { $0.header.requestID == message.header.requestID && $0.verb != .job }
                default: break
                }
            }
        }
        take()
    }

    // MARK: The rules

    /// As `#expect`, which costs too much to be asked a million times.
    private func rule(_ holds: Bool, _ what: @autoclosure () -> String = "", line: Int = #line) {
        if !holds { Issue.record("rule of line \(line) broken \(what())") }
    }

    private func check(_ before: [PeerID: Peer]) {
        let core = bench.core
        var held = 0
        var busy: [PeerID: (batches: Int, requests: Int)] = [:]
        var waiting: [String: Int] = [:]
        var pending: [PeerID: Set<UInt64>] = [:]
        for call in core.calls.values {
            if call.kind == .batch { held += call.payload.count }
            pending[call.client, default: []].insert(call.clientRequestID)
            guard let worker = call.worker else {
                waiting[(call.kind == .batch ? "s" : "r") + call.name, default: 0] += 1
                continue
            }
            if call.kind == .batch { busy[worker, default: (0, 0)].batches += 1 } else { busy[worker, default: (0, 0)].requests += 1 }
        }
        rule(held == core.heldBytes)
        for insert in inserts { pending[insert.peer, default: []].insert(insert.requestID) }
        var jobs: [PeerID: Int] = [:]
        for job in core.running.values { jobs[job.peer, default: 0] += 1 }
        for (id, peer) in core.peers {
            rule(peer.batches == busy[id]?.batches ?? 0 && peer.requests == busy[id]?.requests ?? 0 && peer.jobs == jobs[id] ?? 0)
            // Nothing new goes beyond a window.
            if let old = before[id] {
                rule(peer.batches <= max(old.batches, peer.windows.batches) && peer.requests <= max(old.requests, peer.windows.requests))
                // An urgent job may go beyond it, by as much again.
                rule(adopted || peer.jobs <= max(old.jobs, 2 * peer.windows.jobs))
            }
        }
        rule(core.running.values.allSatisfy { core.peers[$0.peer] != nil })
        for who in names {
            guard let id = core.identities[Array(who.utf8)] else { continue }
            // No call is lost: each without an answer is pending.
            rule(open[who, default: []].isSubset(of: pending[id] ?? []), "\(who)")
        }
        // Nothing waits where there is room.
        for (kind, services) in [("s", core.streams), ("r", core.services)] {
            for (name, service) in services {
                rule(service.waiting.count == waiting[kind + name] ?? 0)
                guard !service.waiting.isEmpty else { continue }
                let room = service.workers.contains { peer in
                    core.peers[peer].map { kind == "s" ? $0.batches < $0.windows.batches : $0.requests < $0.windows.requests } ?? false
                }
                rule(!room, "\(kind) \(name)")
            }
        }
        for (name, kind) in core.kinds {
            rule(kind.reserved >= 0 && kind.claiming >= 0 && kind.looking >= 0)
            if kind.ready.count > 0 { rule(core.freeSlots(kind) == 0 && !kind.workers.isEmpty, "\(name)") }
        }
        rule(core.pendingInserts == inserts.count)
        // No job is lost: what the table says is running is known here, or its end is on the way.
        var known = core.knownRuns()
        known.formUnion(outcomes.map(\.run))
        for (id, row) in store.rows where row.isRunning && !known.contains(JobRun(id: id, attempt: row.attempt)) { Issue.record("job \(id) belongs to nobody") }
    }

    /// With diligent workers everything ends.
    mutating func settleDown() {
        for who in names { forget(who) }
        bench.pass(ms: 6_000)
        for who in names { forget(who) }
        #expect(bench.core.peers.isEmpty)
        store.control = QueueControl()
        bench.core.setControl(store.control)
        answerStore(all: true)
        for who in names.prefix(2) { bench.hello(who, kinds: topics, streams: topics, requests: topics, windows: Windows(jobs: 3, batches: 3, requests: 3)) }
        for _ in 0..<3_000 where !store.rows.isEmpty || !bench.core.calls.isEmpty {
            look()
            for who in names.prefix(2) {
                for message in hands.removeValue(forKey: who) ?? [] {
                    switch message.verb {
                    case .job: bench.send(who, JobRun(id: Int64(bitPattern: message.header.requestID), attempt: Int(message.header.aux)).header(.done))
                    case .ingest: bench.send(who, Header(.committed, requestID: message.header.requestID))
                    default: bench.send(who, Header(.reply, requestID: message.header.requestID))
                    }
                }
            }
            answerStore(all: true)
            bench.pass(ms: 200, alive: Array(names.prefix(2)))
        }
        #expect(store.rows.isEmpty && bench.core.running.isEmpty && bench.core.calls.isEmpty && bench.core.heldBytes == 0)
        #expect(store.completed.count > 0)
    }
}
