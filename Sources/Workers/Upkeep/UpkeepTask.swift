package import Postgres

/// Something that one process does for the fleet again and again.
///
/// Two processes may run it at the same time, when a lease has just changed hands: what it does must be right then too. It may be cut
/// off anywhere.
package protocol UpkeepTask: AnyObject {
    var name: String { get }
    /// From the end of a run to the next one.
    var intervalNs: Int64 { get }
    /// What it throws is logged, and it is run again.
    func run(_ turn: UpkeepTurn) async throws
}

/// What a task may use as long as this process is the one that works.
package struct UpkeepTurn {
    package let pool: PostgresPool
    package let counters: UpkeepCounters
    /// Looked at before every step of a longer run: false when the lease is not certain any more.
    package let mayWork: () -> Bool

    package init(pool: PostgresPool, counters: UpkeepCounters, mayWork: @escaping () -> Bool) {
        self.pool = pool
        self.counters = counters
        self.mayWork = mayWork
    }
}

/// What this process has done for the fleet since it started.
public final class UpkeepCounters {
    /// How often it got the lease, and lost it other than by stopping.
    public package(set) var taken = 0
    public package(set) var lost = 0
    /// Task runs that failed.
    public package(set) var failures = 0
    public package(set) var partitionsMade = 0
    public package(set) var daysDropped = 0
    public package(set) var rescued = 0
    public package(set) var unblocked = 0
    public package(set) var counted = 0
    public package(set) var replayed = 0
    public package(set) var slots = 0
    /// Slots of the job table emptied.
    public package(set) var slotsEmptied = 0

    package init() {}
}
