import Bytes
import Protocol

/// A claimed job: committed as running under this broker's epoch.
public struct ClaimedJob: Sendable, Equatable {
    public var id: Int64
    public var attempt: Int
    public var kind: String
    public var queue: String
    public var priority: Int
    public var timeoutMs: Int
    /// A JSON document.
    public var args: [UInt8]

    public init(id: Int64, attempt: Int, kind: String, queue: String, priority: Int, timeoutMs: Int, args: [UInt8]) {
        self.id = id
        self.attempt = attempt
        self.kind = kind
        self.queue = queue
        self.priority = priority
        self.timeoutMs = timeoutMs
        self.args = args
    }
}

/// A job that a worker has.
struct RunningJob {
    var attempt: Int
    var kind: String
    var priority: Int
    var peer: PeerID
    /// When it was given out, ns.
    var sinceNs: Int64
}

/// One queue of a kind, as claims walk it.
public struct Lane: Sendable {
    /// A place in the order of a lane: claims look behind it.
    public struct Floor: Sendable, Equatable {
        public var priority = 0
        public var id: Int64 = 0

        public init(priority: Int = 0, id: Int64 = 0) {
            self.priority = priority
            self.id = id
        }
    }

    public var queue: String
    public var floor = Floor()

    public init(queue: String) { self.queue = queue }
}

/// Claimed jobs of one kind that no worker has yet, first by priority, then as they came.
struct ReadyQueue {
    private var levels: [[ClaimedJob]] = Array(repeating: [], count: 10)
    private var heads = [Int](repeating: 0, count: 10)
    private(set) var count = 0

    mutating func append(_ job: ClaimedJob) {
        levels[min(max(job.priority, 0), 9)].append(job)
        count += 1
    }

    mutating func popFirst() -> ClaimedJob? {
        guard count > 0 else { return nil }
        for level in 0..<10 where heads[level] < levels[level].count {
            let job = levels[level][heads[level]]
            heads[level] += 1
            if heads[level] == levels[level].count {
                levels[level].removeAll(keepingCapacity: true)
                heads[level] = 0
            } else if heads[level] > 4_096 {
                levels[level].removeFirst(heads[level])
                heads[level] = 0
            }
            count -= 1
            return job
        }
        return nil
    }

    /// Priority and id of the first job.
    var firstRank: (Int, Int64)? {
        guard count > 0, let level = (0..<10).first(where: { heads[$0] < levels[$0].count }) else { return nil }
        return (level, levels[level][heads[level]].id)
    }

    var runs: [JobRun] { (0..<10).flatMap { levels[$0][heads[$0]...] }.map { JobRun(id: $0.id, attempt: $0.attempt) } }

    /// Takes out the jobs for which `isUnwanted` holds.
    mutating func remove(where isUnwanted: (ClaimedJob) -> Bool) -> [ClaimedJob] {
        guard count > 0 else { return [] }
        let (out, stay) = removeAll().reduce(into: ([ClaimedJob](), [ClaimedJob]())) { parts, job in
            if isUnwanted(job) { parts.0.append(job) } else { parts.1.append(job) }
        }
        for job in stay { append(job) }
        return out
    }

    /// The priority of the last job.
    var lastPriority: Int? {
        guard count > 0 else { return nil }
        return (0..<10).last { heads[$0] < levels[$0].count }
    }

    mutating func removeAll() -> [ClaimedJob] {
        var jobs: [ClaimedJob] = []
        while let job = popFirst() { jobs.append(job) }
        return jobs
    }
}

/// One job kind as this broker sees it.
struct KindState {
    var workers: [PeerID] = []
    var ready = ReadyQueue()
    /// Inserts under way that will come back claimed.
    var reserved = 0
    /// Asked for in claims under way.
    var claiming = 0
    /// The database may hold available jobs of this kind.
    var mayHaveMore = true
    /// It should be looked whether it does, though nothing says so: meanwhile new jobs go on to be claimed as they are inserted.
    var isProbeDue = false
    /// The claim under way is such a look.
    var isProbing = false
    /// Word of available jobs came while a claim was under way, which may have missed them.
    var wokenMeanwhile = false
    var cursor = 0
    /// The queues that may hold available jobs of this kind.
    var lanes = [Lane(queue: JobDraft.defaultQueue)]
    /// When it was last looked before the lanes' floors, and how long that is good for, ns.
    var lookedNs: Int64 = 0
    var lookLifeNs: Int64 = BrokerLimits.leastLookLifeNs
    /// Jobs may be available before the floors.
    var isLookDue = false
    /// Asked for in a look under way.
    var looking = 0
    /// Claims of this kind pass through its limits.
    var isLimited = false
    /// A limited kind that got less than it wanted is not asked for again before, ns.
    var notBeforeNs: Int64 = 0
    /// Available jobs that are more urgent than what the workers have: claimed whatever is ready.
    var urgent = 0

    mutating func addLane(_ queue: String) {
        if !lanes.contains(where: { $0.queue == queue }) { lanes.append(Lane(queue: queue)) }
    }

    mutating func clearFloors() { for index in lanes.indices { lanes[index].floor = Lane.Floor() } }

    var hasFloors: Bool { lanes.contains { $0.floor != Lane.Floor() } }
}
