public import Postgres
public import Protocol
public import Reactor

/// Where a broker keeps its jobs. Every method is one transaction over a whole batch; all run on the broker's loop.
///
/// PostgreSQL is the store of a real broker; a store in memory serves tests of handlers.
public protocol JobStore: AnyObject {
    /// This broker's life: what it claims carries the number.
    var epoch: Int64 { get }

    /// Inserts drafts in order; one result each.
    func insert(_ inserts: [StoreWork.Insert]) async throws(PostgresError) -> [Result<InsertedJob, Refusal>]
    /// Takes available jobs for this broker.
    func claim(_ wanted: [StoreWork.Claim]) async throws(PostgresError) -> [ClaimedJob]
    /// The queues that hold available jobs of these kinds.
    func lanes(_ kinds: [String]) async throws(PostgresError) -> [(kind: String, queue: String)]
    /// Writes outcomes; one result each, nil for one that could not be written now.
    func settle(_ outcomes: [StoreWork.Outcome]) async throws(PostgresError) -> [SettledRun?]
    /// Offers runs of dead workers again.
    func release(_ runs: [JobRun]) async throws(PostgresError)
    /// Makes runs of a dead epoch this broker's; returns those that were current.
    func adopt(_ runs: [JobRun]) async throws(PostgresError) -> [Int64: AdoptedRun]
    /// Runs that the store gives to this broker and that it does not know: left by a claim whose answer was lost.
    func strays(known: Set<JobRun>) async throws(PostgresError) -> [JobRun]
    /// Makes due jobs available; returns where they wait.
    func promote() async throws(PostgresError) -> [(kind: String, queue: String)]
    /// Tells the other brokers that jobs have become available in these places.
    func tell(_ places: [(kind: String, queue: String)]) async throws(PostgresError)
    /// Lets the first blocked jobs of free ordering keys go on; returns the kinds that can be claimed.
    func unblock(_ keys: [String]) async throws(PostgresError) -> [String]
    /// Paused queues and limited kinds.
    func control() async throws(PostgresError) -> QueueControl
    /// This broker's running jobs that an operator wants stopped.
    func cancelAsked() async throws(PostgresError) -> [Int64]
    func save(_ progress: [JobRun: [UInt8]]) async throws(PostgresError)
    /// Renews the epoch and says what this broker's workers serve (JSON); false when another life of the same name has ended this one.
    func beat(serves: [UInt8]) async throws(PostgresError) -> Bool

    /// Begins to tell of what others do to the queue. Called once, on the loop.
    func listen(on loop: isolated EventLoop, _ onEvent: @escaping (StoreEvent) -> Void)
    func close(on loop: isolated EventLoop) async
}

/// What a store tells its broker.
public enum StoreEvent: Sendable {
    /// Jobs may have become available: one of this kind, or anything.
    case woken(kind: String, queue: String, priority: Int)
    case wokenAll
    /// A job of this ordering key has finished or waits.
    case key(String)
    /// It begins to listen, or again after a break: anything may have happened.
    case listening
    /// Pauses or limits have changed.
    case control
    /// An operator wants this running job stopped.
    case cancel(Int64)
}
