public import Bytes
public import Protocol

/// A job as `MemoryJobStore` keeps it, waiting, running or finished.
public struct KitJob: Sendable {
    /// One entry of the list of errors.
    public struct Fault: Hashable, Sendable {
        public var attempt: Int
        public var at: Timestamp
        public var error: String
    }

    public let id: Int64
    public let kind: String
    public let queue: String
    public internal(set) var state: JobState
    public let priority: Int
    public internal(set) var attempt = 0
    public internal(set) var maxAttempts: Int
    public let timeoutMs: Int
    public let createdAt: Timestamp
    public internal(set) var runAt: Timestamp
    public internal(set) var attemptedAt: Timestamp?
    public internal(set) var finishedAt: Timestamp?
    /// When an operator asked for the end of a running job.
    public internal(set) var cancelAskedAt: Timestamp?
    public internal(set) var uniqueKey: String?
    public let orderingKey: String?
    /// Waits for an earlier job of its ordering key.
    public internal(set) var isBlocked = false
    public let tags: [String]
    /// A JSON document.
    public let args: [UInt8]
    /// A JSON document, or empty.
    public internal(set) var output: [UInt8] = []
    public internal(set) var errors: [Fault] = []
    /// What the last run said last; empty when it said nothing. Kept when the job has finished, unlike in PostgreSQL.
    public internal(set) var progress: [UInt8] = []

    init(id: Int64, _ draft: JobDraft, state: JobState, now: Timestamp) {
        self.id = id
        self.state = state
        kind = draft.kind
        queue = draft.queue
        priority = draft.priority
        maxAttempts = draft.maxAttempts
        timeoutMs = draft.timeoutMs
        createdAt = now
        runAt = draft.runAt ?? now
        uniqueKey = draft.uniqueKey
        orderingKey = draft.orderingKey
        tags = draft.tags
        args = draft.args
    }

    /// A member of the arguments; nil where they are no object or have none of this name.
    public subscript(_ name: String) -> JSONValue? { (try? JSONValue.parse(args))?[name] }  // ok: unreadable args have no members

    public var argsText: String { String(decoding: args, as: UTF8.self) }
    public var outputText: String { String(decoding: output, as: UTF8.self) }
    public var progressText: String { String(decoding: progress, as: UTF8.self) }

    /// Its unique key keeps others out.
    var holdsKey: Bool { uniqueKey != nil && isWaiting }
    var isWaiting: Bool { state == .available || state == .scheduled || state == .retryable }
    var run: JobRun { JobRun(id: id, attempt: attempt) }
}

extension KitJob: CustomStringConvertible {
    /// One line: `#3 mail.send {"to":"a@b.c"}: retryable, attempt 2 of 25, run_at 2026-01-01T00:00:17Z, last error: timeout`.
    public var description: String {
        var text = "#\(id) \(kind) \(Self.short(argsText)): \(state.rawValue), attempt \(attempt) of \(maxAttempts)"
        if queue != JobDraft.defaultQueue { text += ", queue \(queue)" }
        if state == .scheduled || state == .retryable { text += ", run_at \(RFC3339.string(runAt))" }
        if let uniqueKey { text += ", unique key \(Self.short(uniqueKey))" }
        if let orderingKey { text += ", ordering key \(Self.short(orderingKey))\(isBlocked ? " (blocked)" : "")" }
        if !tags.isEmpty { text += ", tags \(tags.joined(separator: " "))" }
        if let last = errors.last { text += ", last error: \(Self.short(last.error))" }
        return text
    }

    /// Characters of a text that a line shows.
    private static let shown = 160

    private static func short(_ text: String) -> String { text.count <= shown ? text : text.prefix(shown) + "…" }
}
