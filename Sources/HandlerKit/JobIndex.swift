import Protocol

/// What PostgreSQL's indexes are to the job table: who holds which key, what can be claimed, what runs, what waits for its time.
struct JobIndex {
    /// A place in the order of claims.
    struct Rank: Comparable {
        var priority: Int
        var id: Int64

        static func < (a: Rank, b: Rank) -> Bool { (a.priority, a.id) < (b.priority, b.id) }
    }

    private(set) var keyHolders: [String: Int64] = [:]
    private(set) var ordered: [String: Set<Int64>] = [:]
    /// Available jobs that are not blocked, by kind and queue, in order. No empty ones.
    private(set) var ready: [String: [String: [Rank]]] = [:]
    private(set) var running: Set<Int64> = []
    private(set) var timed: Set<Int64> = []
    private(set) var blocked: Set<Int64> = []

    mutating func insert(_ job: KitJob) {
        if job.holdsKey, let key = job.uniqueKey { keyHolders[key] = job.id }
        if let key = job.orderingKey { ordered[key, default: []].insert(job.id) }
        if job.isBlocked { blocked.insert(job.id) }
        switch job.state {
        case .running: running.insert(job.id)
        case .scheduled, .retryable: timed.insert(job.id)
        default:
            guard !job.isBlocked else { return }
            let rank = Rank(priority: job.priority, id: job.id)
            let place = Self.place(of: rank, in: ready[job.kind]?[job.queue] ?? [])
            ready[job.kind, default: [:]][job.queue, default: []].insert(rank, at: place)
        }
    }

    mutating func remove(_ job: KitJob) {
        if let key = job.uniqueKey, keyHolders[key] == job.id { keyHolders[key] = nil }
        if let key = job.orderingKey {
            ordered[key]?.remove(job.id)
            if ordered[key]?.isEmpty ?? false { ordered[key] = nil }
        }
        blocked.remove(job.id)
        running.remove(job.id)
        timed.remove(job.id)
        guard job.state == .available, !job.isBlocked, let ranks = ready[job.kind]?[job.queue] else { return }
        ready[job.kind]?[job.queue]?.remove(at: Self.place(of: Rank(priority: job.priority, id: job.id), in: ranks))
        if ranks.count == 1 { ready[job.kind]?[job.queue] = nil }
    }

    /// Where this rank is, or would be put.
    static func place(of rank: Rank, in ranks: [Rank]) -> Int {
        var (low, high) = (0, ranks.count)
        while low < high {
            let middle = (low + high) / 2
            if ranks[middle] < rank { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
