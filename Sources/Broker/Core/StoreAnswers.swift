public import Protocol

/// A draft that the store has taken.
public struct InsertedJob: Sendable {
    public var id: Int64
    public var isDuplicate: Bool

    public init(id: Int64, isDuplicate: Bool) {
        self.id = id
        self.isDuplicate = isDuplicate
    }
}

/// What became of an outcome.
public struct SettledRun: Sendable {
    /// The run was not the job's current one.
    public var isFenced: Bool
    /// The kind of a job that was discarded or cancelled, and which of the two.
    public var ended: (kind: String, state: JobState)?

    public init(isFenced: Bool, ended: (kind: String, state: JobState)? = nil) {
        self.isFenced = isFenced
        self.ended = ended
    }
}

/// A run that now belongs to this broker.
public struct AdoptedRun: Sendable {
    public var kind: String
    public var priority: Int
    /// An operator wants it stopped.
    public var isCancelled: Bool

    public init(kind: String, priority: Int, isCancelled: Bool = false) {
        self.kind = kind
        self.priority = priority
        self.isCancelled = isCancelled
    }
}

/// What operators have set.
public struct QueueControl: Sendable, Equatable {
    /// `*` is all of them.
    public var pausedQueues: Set<String>
    public var limitedKinds: Set<String>

    public init(pausedQueues: Set<String> = [], limitedKinds: Set<String> = []) {
        self.pausedQueues = pausedQueues
        self.limitedKinds = limitedKinds
    }

    public func isPaused(_ queue: String) -> Bool { !pausedQueues.isEmpty && (pausedQueues.contains(queue) || pausedQueues.contains("*")) }
}
