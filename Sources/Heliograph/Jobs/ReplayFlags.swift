import API
import Bytes
import Protocol

/// The flags of `jobs replay` as a filter and what is to be done with what it finds.
enum ReplayFlags {
    static let all = [
        "kind", "queue", "state", "error", "tag", "since", "until", "min-attempt", "max-attempt", "id", "args", "all", "rate", "to-queue", "priority",
        "dry-run",
    ]

    /// - Parameter now: what spans are counted back from.
    static func order(_ arguments: Arguments, now: Timestamp) throws -> ReplayOrder {
        var order = ReplayOrder(filter: try filter(arguments, now: now), isDryRun: arguments.has("dry-run"), queue: arguments.value("to-queue"))
        if let rate = arguments.value("rate") { order.perSecond = try OperatorText.perSecond(rate) }
        order.priority = try arguments.int("priority", 1...9)
        guard ReplayOrder.rates.contains(order.perSecond) else { throw UsageError("--rate must be at most 20000/s") }
        return order
    }

    static func filter(_ arguments: Arguments, now: Timestamp) throws -> JSONValue {
        var members: [(key: String, value: JSONValue)] = []
        for name in ["kind", "queue", "state"] {
            let texts = arguments.values(name).map(JSONValue.string)
            if texts.count == 1 { members.append((name, texts[0])) } else if texts.count > 1 { members.append((name, .array(texts))) }
        }
        for name in ["error", "tag"] {
            if let text = arguments.value(name) { members.append((name, .string(text))) }
        }
        for name in ["since", "until"] {
            if let text = arguments.value(name) { members.append((name, .string(RFC3339.string(try OperatorText.since(text, name, now: now))))) }
        }
        if let number = try arguments.int("min-attempt", 0...999_999) { members.append(("min_attempt", .int(number))) }
        if let number = try arguments.int("max-attempt", 0...999_999) { members.append(("max_attempt", .int(number))) }
        let ids = try arguments.values("id").map { JSONValue.int(Int(try JobsCommand.id($0))) }
        if !ids.isEmpty { members.append(("ids", .array(ids))) }
        let paths = try arguments.values("args").map { try OperatorText.assignment($0) }
        if !paths.isEmpty { members.append(("args", .object(paths.map { (key: $0.path, value: $0.value) }))) }
        if arguments.has("all") { members.append(("all", true)) }
        if members.isEmpty { throw UsageError("replay what? Give a filter such as --kind K --since 2h, or --all") }
        return .object(members)
    }
}
