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

    var run: JobRun { JobRun(id: id, attempt: attempt) }
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

extension PriorityLevels<ClaimedJob> {
    mutating func append(_ job: ClaimedJob) { append(job, priority: job.priority) }

    /// Priority and id of the first job.
    var firstRank: (Int, Int64)? { first.map { ($0.priority, $0.element.id) } }
}

/// How many jobs of a kind end a second, as last measured.
struct Turnover {
    private var count = 0
    private var sinceNs: Int64 = 0
    private var perSecond = 0.0

    /// How long it is measured, and how long a measure is good for, ns.
    private static let spanNs: Int64 = 100_000_000
    private static let lifeNs: Int64 = 500_000_000

    mutating func add(nowNs: Int64) {
        count += 1
        let spent = nowNs - sinceNs
        guard spent >= Self.spanNs else { return }
        perSecond = spent < Self.lifeNs ? Double(count) * 1e9 / Double(spent) : 0
        count = 0
        sinceNs = nowNs
    }

    /// Jobs that end within so long, ns.
    func jobs(within ns: Int64, nowNs: Int64) -> Int { nowNs - sinceNs < Self.lifeNs ? Int(perSecond * Double(ns) / 1e9) : 0 }
}

/// One job kind as this broker sees it.
struct KindState {
    var workers: [PeerID] = []
    /// Claimed jobs that no worker has yet.
    var ready = PriorityLevels<ClaimedJob>()
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
    /// The last claim found fewer jobs than it asked for, and nobody else has spoken of jobs since: what is available now was inserted here.
    var wasShort = false
    /// Somebody else spoke of jobs while a claim was under way.
    var wokenByOthers = false
    /// Since when there may be more, ns.
    var moreSinceNs: Int64 = 0
    var turnover = Turnover()
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
