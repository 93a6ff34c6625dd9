/// Every bound and interval of a broker, with its unit.
public struct BrokerLimits: Sendable {
    /// A peer silent for so long is dead, ns (architecture §3).
    public var peerSilenceNs: Int64 = 5_000_000_000
    /// Between beats to every peer, ns.
    public var beatNs: Int64 = 1_000_000_000
    /// Ingest payload bytes held until committed; beyond it producers are told `busy`.
    public var ingestBytes = 256 << 20
    /// Calls waiting for a worker with a free window, per name.
    public var waitingCalls = 10_000
    /// Drafts waiting for their insert to commit; beyond it producers are told `busy`.
    public var pendingInserts = 100_000
    /// Outcomes waiting to be written; beyond it producers are told `busy` until the database takes some.
    public var unwrittenOutcomes = 100_000
    /// Bytes of their arguments, likewise.
    public var pendingInsertBytes = 256 << 20
    /// Last values kept over all topics; beyond it new keys are not kept (and counted).
    public var lastValues = 200_000
    /// A call without a deadline gets this one, ns.
    public var defaultCallNs: Int64 = 30_000_000_000
    /// Jobs asked for in one claim.
    public var claimBatch = 1_000
    /// Claimed jobs held ready beyond the workers' windows, so that a free slot never waits for a round trip.
    public var readyAhead = 2_000
    /// Beyond the free slots, jobs are claimed as they are inserted if they go on within this time as fast as jobs end, ns.
    public var insertAheadNs: Int64 = 50_000_000
    /// How often a kind with free slots is looked for in the database when nothing woke the broker, ns.
    public var pollNs: Int64 = 1_000_000_000
    /// A limited kind that got fewer jobs than it has room for is asked for again after so long, ns.
    public var limitedPollNs: Int64 = 100_000_000
    /// How long a few outcomes are gathered after the commit before, ns.
    public var outcomeGatherNs: Int64 = 25_000_000
    /// How often the queues of the served kinds are looked for when nothing names a new one, ns.
    public var laneScanNs: Int64 = 5_000_000_000

    /// Claims begin behind what was claimed before; how often it is looked what lies before that, ns: more seldom where looking takes long.
    static let leastLookLifeNs: Int64 = 200_000_000
    static let mostLookLifeNs: Int64 = 10_000_000_000
    /// Looking may take one part in so many of the time.
    static let lookShare: Int64 = 20
    /// Ids by which a floor stays behind the last claimed one: transactions do not commit in the order of their ids.
    static let floorMargin: Int64 = 2_000

    public init() {}
}
