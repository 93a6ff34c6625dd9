import Postgres
public import Protocol

/// Which jobs are asked for. Conditions add up.
public struct JobFilter: Hashable, Sendable {
    public static let maxLimit = 500

    public var state: JobState?
    public var kind: String?
    public var queue: String?
    public var tag: String?
    /// A part of the last error's text, whatever the case.
    public var error: String?
    /// Jobs that this replay operation made.
    public var replay: Int64?
    public var orderingKey: String?
    /// Only jobs with a smaller id: where the page before this one ended.
    public var before: Int64?
    /// 1…500.
    public var limit: Int

    public init(
        state: JobState? = nil, kind: String? = nil, queue: String? = nil, tag: String? = nil, error: String? = nil, replay: Int64? = nil,
        orderingKey: String? = nil, before: Int64? = nil, limit: Int = 50
    ) {
        self.state = state
        self.kind = kind
        self.queue = queue
        self.tag = tag
        self.error = error
        self.replay = replay
        self.orderingKey = orderingKey
        self.before = before
        self.limit = min(max(limit, 1), Self.maxLimit)
    }

    /// Whether it names any property of a job.
    public var hasCondition: Bool {
        state != nil || kind != nil || queue != nil || tag != nil || error != nil || replay != nil || orderingKey != nil
    }

    /// The conditions as SQL over a job of the queue or the history, few texts: one for each set of conditions.
    func conditions(_ parameters: inout Parameters) -> [String] {
        var conditions: [String] = []
        func add(_ value: (some PostgresEncodable)?, _ condition: (String) -> String) {
            guard let value else { return }
            parameters.append(value)
            conditions.append(condition("$\(parameters.count)"))
        }
        add(before) { "id < \($0)" }
        add(state?.rawValue) { "state = \($0)::text::heliograph.job_state" }
        add(kind) { "kind = \($0)" }
        add(queue) { "queue = \($0)" }
        add(tag) { "\($0) = ANY (tags)" }
        add(error) { "strpos(lower(errors -> -1 ->> 'error'), lower(\($0))) > 0" }
        add(replay) { "replay = \($0)" }
        add(orderingKey) { "ordering_key = \($0)" }
        return conditions
    }
}
