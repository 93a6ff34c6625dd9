public import Broker
import Bytes
public import Protocol
public import Reactor

/// The queue in memory, on a clock that the test moves: a broker on it decides as on PostgreSQL. Lives on one loop.
///
/// What PostgreSQL decides is written in `Migrations/0004_queue.sql` (`end_runs`, `admit`, `unblock`) and `JobSQL`; `StoreParityTests` runs the
/// same operations against both. Limits by rate are not kept here; arguments stay as they were written, where `jsonb` would reorder them.
public final class MemoryJobStore: JobStore {
    public let clock: KitClock
    public let epoch: Int64
    private(set) var live: [Int64: KitJob] = [:]
    private(set) var finished: [Int64: KitJob] = [:]
    private var lastID: Int64 = 0
    private var index = JobIndex()
    var pausedQueues: Set<String> = []
    var mostRunning: [String: Int] = [:]
    /// Called whenever a job has changed.
    var onChange: () -> Void = {}
    private var deliver: (StoreEvent) -> Void = { _ in }

    public init(_ clock: KitClock = KitClock(), epoch: Int64 = 1) {
        self.clock = clock
        self.epoch = epoch
    }

    // MARK: Looking

    /// Every job there ever was, by id.
    public var jobs: [KitJob] { (Array(live.values) + Array(finished.values)).sorted { $0.id < $1.id } }

    public func job(_ id: Int64) -> KitJob? { live[id] ?? finished[id] }

    /// The job of a run that is its current one.
    func current(_ run: JobRun) -> KitJob? {
        guard let job = live[run.id], job.attempt == run.attempt, job.state == .running else { return nil }
        return job
    }

    func isKeyHeld(_ key: String?) -> Bool { key.map { index.keyHolders[$0] != nil } ?? false }

    func isKeyFree(ordering key: String) -> Bool { !jobs(ordering: key).contains { !$0.isBlocked } }

    private func jobs(ordering key: String) -> [KitJob] { (index.ordered[key] ?? []).compactMap { live[$0] } }

    var running: [KitJob] { index.running.compactMap { live[$0] } }
    /// Those that wait for their time.
    var timed: [KitJob] { index.timed.compactMap { live[$0] } }
    var blocked: [KitJob] { index.blocked.compactMap { live[$0] } }
    /// The queues in which jobs of this kind can be claimed.
    func readyQueues(_ kind: String) -> [String] { index.ready[kind]?.keys.sorted() ?? [] }

    // MARK: Changing

    func put(_ job: KitJob) {
        forget(job.id)
        live[job.id] = job
        index.insert(job)
        onChange()
    }

    func finish(_ job: KitJob, as state: JobState) {
        forget(job.id)
        var job = job
        job.state = state
        job.finishedAt = clock.now
        finished[job.id] = job
        if let key = job.orderingKey { tell(.key(key)) }
        onChange()
    }

    private func forget(_ id: Int64) {
        if let old = live.removeValue(forKey: id) { index.remove(old) }
    }

    /// A word of a run, which may have ended since.
    func heard(_ run: JobRun, _ document: [UInt8]) {
        if current(run) != nil {
            live[run.id]?.progress = document
        } else if finished[run.id]?.attempt == run.attempt {
            finished[run.id]?.progress = document
        }
    }

    func tell(_ event: StoreEvent) { deliver(event) }

    // MARK: Producers

    public func insert(_ inserts: [StoreWork.Insert]) -> [Result<InsertedJob, Refusal>] { inserts.map { .success(insert($0.draft, claim: $0.claim)) } }

    /// A draft that conflicts uses an id up, as it does in PostgreSQL.
    func insert(_ draft: JobDraft, claim: Bool = false) -> InsertedJob {
        lastID += 1
        let now = clock.now
        let isLater = draft.runAt.map { $0 > now } ?? false
        // A job that starts at once needs its key for no moment, whoever holds it.
        if !claim, let key = draft.uniqueKey, let holder = index.keyHolders[key] { return InsertedJob(id: holder, isDuplicate: true) }
        var job = KitJob(id: lastID, draft, state: claim ? .running : isLater ? .scheduled : .available, now: now)
        if claim {
            job.attempt = 1
            job.attemptedAt = now
        }
        if let key = draft.orderingKey, index.ordered[key] != nil {
            job.isBlocked = true
            tell(.key(key))
        }
        put(job)
        return InsertedJob(id: job.id, isDuplicate: false)
    }

    // MARK: Claims

    public func claim(_ wanted: [StoreWork.Claim]) -> [ClaimedJob] {
        var claimed: [KitJob] = []
        for claim in wanted.filter({ !$0.isLimited }) + wanted.filter(\.isLimited) {
            var most = claim.count
            if claim.isLimited, let limit = mostRunning[claim.kind] { most = min(most, limit - running.count { $0.kind == claim.kind }) }
            guard most > 0 else { continue }
            var found: [JobIndex.Rank] = []
            for lane in claim.lanes where !isPaused(lane.queue) {
                let ranks = index.ready[claim.kind]?[lane.queue] ?? []
                found += ranks[JobIndex.place(of: JobIndex.Rank(priority: lane.floor.priority, id: lane.floor.id + 1), in: ranks)...].prefix(most)
            }
            for rank in found.sorted().prefix(most) {
                guard var job = live[rank.id] else { continue }
                job.state = .running
                job.attempt += 1
                job.attemptedAt = clock.now
                put(job)
                claimed.append(job)
            }
        }
        return claimed.sorted { ($0.priority, $0.id) < ($1.priority, $1.id) }.map {
            ClaimedJob(id: $0.id, attempt: $0.attempt, kind: $0.kind, queue: $0.queue, priority: $0.priority, timeoutMs: $0.timeoutMs, args: $0.args)
        }
    }

    public func lanes(_ kinds: [String]) -> [(kind: String, queue: String)] {
        Set(kinds).sorted().flatMap { kind in readyQueues(kind).map { (kind: kind, queue: $0) } }
    }

    /// At most 5,000 at a time, those due longest first.
    /// There are no other brokers.
    public func tell(_ places: [(kind: String, queue: String)]) {}

    public func promote() -> [(kind: String, queue: String)] {
        let due = timed.filter { $0.runAt <= clock.now }
        let moved = due.sorted { ($0.runAt, $0.id) < ($1.runAt, $1.id) }.prefix(5_000)
        for var job in moved {
            job.state = .available
            put(job)
        }
        return Self.places(Array(moved))
    }

    private static func places(_ jobs: [KitJob]) -> [(kind: String, queue: String)] {
        Dictionary(grouping: jobs) { $0.kind }.sorted { $0.key < $1.key }.flatMap { kind, jobs in
            Set(jobs.map(\.queue)).sorted().map { (kind: kind, queue: $0) }
        }
    }

    public func unblock(_ keys: [String]) -> [String] {
        var kinds: [String] = []
        for key in Set(keys).sorted() {
            let jobs = jobs(ordering: key)
            guard !jobs.contains(where: { !$0.isBlocked }), var first = jobs.min(by: { $0.id < $1.id }) else { continue }
            first.isBlocked = false
            put(first)
            if first.state == .available { kinds.append(first.kind) }
        }
        return kinds
    }

    // MARK: Brokers

    public func adopt(_ runs: [JobRun]) -> [Int64: AdoptedRun] {
        var adopted: [Int64: AdoptedRun] = [:]
        for run in runs { if let job = current(run) { adopted[job.id] = AdoptedRun(kind: job.kind, priority: job.priority) } }
        return adopted
    }

    public func strays(known: Set<JobRun>) -> [JobRun] { running.map(\.run).filter { !known.contains($0) } }

    public func control() -> QueueControl { QueueControl(pausedQueues: pausedQueues, limitedKinds: Set(mostRunning.keys)) }
    public func cancelAsked() -> [Int64] { running.filter { $0.cancelAskedAt != nil }.map(\.id) }
    public func beat(serves: [UInt8]) -> Bool { true }

    /// Events come at the end of the tick, as PostgreSQL's come after the commit: never while the broker is in the middle of a batch.
    public func listen(on loop: isolated EventLoop, _ onEvent: @escaping (StoreEvent) -> Void) {
        deliver = { event in loop.atEndOfTick { onEvent(event) } }
        deliver(.listening)
    }

    public func close(on loop: isolated EventLoop) async { deliver = { _ in } }
}
