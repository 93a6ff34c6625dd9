/// How much a worker takes on at once, and its time limits.
public struct WorkerOptions: Sendable {
    public var name: String
    /// Jobs run at the same time.
    public var slots = 16
    /// Jobs held ready beyond the slots, so that a free slot never waits for the broker.
    public var prefetch = 16
    /// Ingest batches in flight.
    public var batches = 256
    /// Requests in flight.
    public var requests = 256
    /// Limit of a run that names none, ms.
    public var jobTimeoutMs: Int64 = 600_000
    /// How long after its limit a run that does not heed cancellation is given up, ms.
    public var stuckMs: Int64 = 10_000
    /// Between two lists of its runs to its brokers, ms.
    public var listMs: Int64 = 5_000
    /// How long `stop` waits for running work, ms.
    public var drainMs: Int64 = 10_000
    /// Groups of ingest batches committed at the same time per stream.
    public var groups = 2
    /// Payload bytes in one group.
    public var groupBytes = 4 << 20

    public init(name: String) { self.name = name }
}
