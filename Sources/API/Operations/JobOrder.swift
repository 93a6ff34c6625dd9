public import Bytes
import Protocol

/// A job as an operator orders it: the members that `heliograph.enqueue_many` takes, each of the right type. Bounds are the database's to check.
public struct JobOrder: Hashable, Sendable {
    static let names = ["kind", "args", "queue", "priority", "run_at", "unique_key", "max_attempts", "timeout_ms", "tags", "ordering_key"]

    /// Without the members that are null.
    public let json: JSONValue

    /// - Throws: `OperationError` that names the first bad member.
    public init(_ json: JSONValue) throws(OperationError) {
        guard let members = json.object else { throw .invalid("a job must be an object") }
        var kept: [(key: String, value: JSONValue)] = []
        for (name, value) in members where !(value.isNull && name != "args") {
            guard !kept.contains(where: { $0.key == name }) else { throw .invalid("\(name) is given twice") }
            try Self.check(name, value)
            kept.append((name, value))
        }
        self.json = .object(kept)
        guard kind != nil else { throw .invalid("kind is missing") }
    }

    public var kind: String? { json["kind"]?.string }

    private static func check(_ name: String, _ value: JSONValue) throws(OperationError) {
        switch name {
        case "kind", "queue", "unique_key", "ordering_key":
            guard value.string != nil else { throw .invalid("\(name) must be a text") }
        case "priority", "max_attempts", "timeout_ms":
            guard let number = value.int, Int(Int32.min)...Int(Int32.max) ~= number else { throw .invalid("\(name) must be a whole number") }
        case "run_at":
            guard let text = value.string, let time = RFC3339.parse(text), time.seconds < 32_503_680_000 else {
                throw .invalid("run_at must be a time like 2026-01-31T08:00:00Z")
            }
        case "tags":
            guard let tags = value.array, tags.allSatisfy({ $0.string != nil }) else { throw .invalid("tags must be an array of texts") }
        case "args": break
        default: throw .invalid("a job has no member \(name.prefix(64)); known are \(names.joined(separator: ", "))")
        }
    }

    /// The same as the bus knows it, for rules that are checked there.
    var draft: JobDraft {
        var draft = JobDraft(kind: kind ?? "")
        if let args = json["args"] { draft.args = args.bytes }
        if let queue = json["queue"]?.string { draft.queue = queue }
        if let priority = json["priority"]?.int { draft.priority = priority }
        if let attempts = json["max_attempts"]?.int { draft.maxAttempts = attempts }
        if let timeout = json["timeout_ms"]?.int { draft.timeoutMs = timeout }
        draft.tags = (json["tags"]?.array ?? []).compactMap(\.string)
        draft.runAt = json["run_at"]?.string.flatMap { RFC3339.parse($0) }
        draft.uniqueKey = json["unique_key"]?.string
        draft.orderingKey = json["ordering_key"]?.string
        return draft
    }
}
