import API
import Bytes
import Postgres

/// `jobs queues|pause|resume|limits|limit`.
enum QueueAction: JobsAction {
    case queues
    case pause(String)
    case resume(String)
    case limits
    case limit(String, QueueControl.Limit)
    case unlimit(String)

    init(_ words: [String], _ arguments: Arguments) throws {
        try arguments.allow(words.first == "limit" ? ["json", "max", "rate", "burst", "none"] : ["json"])
        switch (words.first, words.count) {
        case ("queues", 1): self = .queues
        case ("limits", 1): self = .limits
        case ("pause", 2): self = .pause(words[1])
        case ("resume", 2): self = .resume(words[1])
        case ("limit", 2):
            let limit = QueueControl.Limit(
                maxRunning: try arguments.int("max", 0...1_000_000), perSecond: try arguments.value("rate").map { try OperatorText.perSecond($0) },
                burst: try arguments.int("burst", 1...1_000_000))
            guard arguments.has("none") else {
                self = .limit(words[1], limit)
                return
            }
            guard limit == QueueControl.Limit() else { throw UsageError("--none stands alone") }
            self = .unlimit(words[1])
        default: throw UsageError(JobsCommand.usage)
        }
    }

    func ask(_ pool: PostgresPool, by who: String) async throws -> JSONValue {
        let control = QueueControl(pool)
        switch self {
        case .queues: return try await JobQueries(pool).statistics().queues
        case .pause(let queue): return try await control.pause(queue, by: who)
        case .resume(let queue): return try await control.resume(queue, by: who)
        case .limits: return try await control.limits()
        case .limit(let kind, let limit): return try await control.limit(kind, limit, by: who)
        case .unlimit(let kind):
            try await control.unlimit(kind, by: who)
            return ["kind": .string(kind), "removed": true]
        }
    }

    func text(_ answer: JSONValue) -> String {
        switch self {
        case .queues:
            return TextTable(
                [
                    .init("QUEUE"), .init("PAUSED"), .init("SINCE"), .init("BY"), .init("AVAILABLE"), .init("BLOCKED"), .init("SCHEDULED"),
                    .init("RETRYABLE"), .init("RUNNING"),
                ], answer
            ).text
        case .pause(let queue), .resume(let queue):
            let what = queue == "*" ? "all queues" : "queue \(queue)"
            let state = answer["paused"] == true ? "paused" : "resumed"
            return answer["changed"] == true ? "\(what): \(state)" : "\(what): nothing to change"
        case .limits: return (answer.array ?? []).isEmpty ? "no limits" : Self.table(answer)
        case .limit: return Self.table([answer])
        case .unlimit(let kind): return "kind \(kind) is not limited any more"
        }
    }

    private static func table(_ limits: JSONValue) -> String {
        TextTable([.init("KIND"), .init("MAX RUNNING", "max_running"), .init("PER SECOND", "per_second"), .init("BURST")], limits).text
    }
}
