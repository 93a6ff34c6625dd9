public import Bytes

/// What was asked of the cloud, for tests that say what must not be asked.
public struct CloudCounters: Sendable {
    /// One request, as it was answered.
    public struct Entry: Hashable, Sendable {
        public var at: Timestamp
        /// The car's id; nil: none is meant.
        public var car: Int64?
        public var endpoint: CloudEndpoint
        /// 0: no answer.
        public var status: Int
    }

    struct Key: Hashable {
        var car: Int64?
        var endpoint: CloudEndpoint
    }

    /// Entries kept; the oldest half goes first. 0: none.
    public var keeps = 0
    public private(set) var entries: [Entry] = []
    private var counts: [Key: Int] = [:]
    private var byStatus: [Int: Int] = [:]
    private var whileAsleep: [Int64: Int] = [:]
    public private(set) var frames = 0
    /// Stream subscriptions that were accepted.
    public internal(set) var subscriptions = 0
    /// Refreshes that were refused.
    public internal(set) var refusedRefreshes = 0

    mutating func note(_ t: Timestamp, _ car: Int64?, _ endpoint: CloudEndpoint, _ status: Int) {
        counts[Key(car: car, endpoint: endpoint), default: 0] += 1
        byStatus[status, default: 0] += 1
        guard keeps > 0 else { return }
        if entries.count >= keeps { entries.removeFirst(max(1, entries.count / 2)) }
        entries.append(Entry(at: t, car: car, endpoint: endpoint, status: status))
    }

    mutating func noteAsleep(_ car: Int64) { whileAsleep[car, default: 0] += 1 }
    mutating func noteFrame() { frames += 1 }

    /// Requests of one car, or of all.
    public func requests(_ endpoint: CloudEndpoint, car: Int64? = nil) -> Int {
        if let car { return counts[Key(car: car, endpoint: endpoint)] ?? 0 }
        return counts.reduce(0) { $0 + ($1.key.endpoint == endpoint ? $1.value : 0) }
    }

    /// `vehicle_data` asked of a car that slept: a logger that knows it sleeps asks none.
    public func dataWhileAsleep(car: Int64? = nil) -> Int {
        if let car { return whileAsleep[car] ?? 0 }
        return whileAsleep.values.reduce(0, +)
    }

    public func answers(status: Int) -> Int { byStatus[status] ?? 0 }

    /// Forgets all of it.
    public mutating func reset() {
        let keeps = keeps
        self = CloudCounters()
        self.keeps = keeps
    }
}
