import Bytes
import Protocol

/// A claimed job: committed as running under this broker's epoch.
public struct ClaimedJob: Sendable, Equatable {
    public var id: Int64
    public var attempt: Int
    public var kind: String
    public var priority: Int
    public var timeoutMs: Int
    /// A JSON document.
    public var args: [UInt8]

    public init(id: Int64, attempt: Int, kind: String, priority: Int, timeoutMs: Int, args: [UInt8]) {
        self.id = id
        self.attempt = attempt
        self.kind = kind
        self.priority = priority
        self.timeoutMs = timeoutMs
        self.args = args
    }
}

/// A job that a worker has.
struct RunningJob {
    var attempt: Int
    var kind: String
    var peer: PeerID
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
}
