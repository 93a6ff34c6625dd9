public import Protocol

/// Which jobs are asked for.
public struct JobFilter: Hashable, Sendable {
    public static let maxLimit = 500

    public var state: JobState?
    public var kind: String?
    public var queue: String?
    /// Only jobs with a smaller id: where the page before this one ended.
    public var before: Int64?
    /// 1…500.
    public var limit: Int

    public init(state: JobState? = nil, kind: String? = nil, queue: String? = nil, before: Int64? = nil, limit: Int = 50) {
        self.state = state
        self.kind = kind
        self.queue = queue
        self.before = before
        self.limit = min(max(limit, 1), Self.maxLimit)
    }
}
