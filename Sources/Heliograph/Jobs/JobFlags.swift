import API
import Bytes
import Protocol

/// Flags that several `jobs` commands take.
enum JobFlags {
    static let filter = ["state", "kind", "queue", "tag", "error", "replay", "ordering-key"]
    static let job = ["args", "queue", "priority", "run-at", "unique-key", "ordering-key", "tag", "max-attempts", "timeout-ms"]

    static func filter(_ arguments: Arguments) throws -> JobFilter {
        var state: JobState?
        if let text = arguments.value("state") {
            guard let known = JobState(rawValue: text) else {
                throw UsageError("--state must be one of \(JobState.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            state = known
        }
        return JobFilter(
            state: state, kind: arguments.value("kind"), queue: arguments.value("queue"), tag: arguments.value("tag"), error: arguments.value("error"),
            replay: try arguments.int("replay", 1...Int.max).map(Int64.init), orderingKey: arguments.value("ordering-key"),
            before: try arguments.int("before", 1...Int.max).map(Int64.init), limit: try arguments.int("limit", 1...JobFilter.maxLimit) ?? 50)
    }

    /// - Parameter now: what a span in `--run-at` is counted from.
    static func order(_ kind: String, _ arguments: Arguments, now: Timestamp) throws -> JobOrder {
        var members: [(key: String, value: JSONValue)] = [("kind", .string(kind))]
        if let text = arguments.value("args") {
            do throws(JSONError) {
                members.append(("args", try JSONValue.parse(Array(text.utf8))))
            } catch {
                throw UsageError("--args is no JSON: \(error)")
            }
        }
        for name in ["queue", "unique-key", "ordering-key"] {
            if let text = arguments.value(name) { members.append((underscored(name), .string(text))) }
        }
        for (name, range) in [("priority", 1...9), ("max-attempts", 1...1000), ("timeout-ms", 0...86_400_000)] {
            if let number = try arguments.int(name, range) { members.append((underscored(name), .int(number))) }
        }
        if let text = arguments.value("run-at") {
            guard let time = OperatorText.seconds(text).map({ now.adding(seconds: $0) }) ?? RFC3339.parse(text) else {
                throw UsageError("--run-at takes a span such as 10m or a time such as 2026-01-31T08:00:00Z")
            }
            members.append(("run_at", .string(RFC3339.string(time))))
        }
        let tags = arguments.values("tag")
        if !tags.isEmpty { members.append(("tags", .array(tags.map(JSONValue.string)))) }
        return try JobOrder(.object(members))
    }

    private static func underscored(_ name: String) -> String { String(name.map { $0 == "-" ? "_" : $0 }) }
}
