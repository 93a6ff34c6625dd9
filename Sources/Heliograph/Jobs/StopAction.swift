import API
import Bytes
import Postgres

/// `jobs cancel|discard`: by ids at once, by filter with a preview first.
enum StopAction: JobsAction {
    case ids([Int64], JobQueries.Ending)
    case preview(JobFilter, JobQueries.Ending)
    case filter(JobFilter, JobQueries.Ending)

    init(_ words: [String], _ arguments: Arguments) throws {
        try arguments.allow(JobFlags.filter + ["json", "yes", "all"])
        let ending: JobQueries.Ending = words[0] == "cancel" ? .cancelled : .discarded
        let filter = try JobFlags.filter(arguments)
        if words.count > 1 {
            if filter.hasCondition || arguments.has("all") { throw UsageError("give either ids or a filter") }
            self = .ids(try words.dropFirst().map { try JobsCommand.id($0) }, ending)
            return
        }
        guard filter.hasCondition || arguments.has("all") else { throw UsageError("\(words[0]) what? Give ids, a filter such as --kind K, or --all") }
        self = arguments.has("yes") ? .filter(filter, ending) : .preview(filter, ending)
    }

    func ask(_ pool: PostgresPool, by who: String) async throws -> JSONValue {
        let jobs = JobQueries(pool)
        switch self {
        case .ids(let ids, let ending): return try await jobs.stop(ids, as: ending, by: who)
        case .preview(let filter, _): return try await jobs.previewStop(filter)
        case .filter(let filter, let ending): return try await jobs.stop(filter, as: ending, by: who)
        }
    }

    func text(_ answer: JSONValue) -> String {
        switch self {
        case .ids:
            return (answer.array ?? []).map { item in
                let id = TextTable.cell(item["id"])
                return switch item["outcome"]?.string {
                case "asked": "job \(id) is running; it was asked to stop"
                case "finished": "job \(id) has finished already"
                case "unknown": "there is no job \(id)"
                case let outcome: "job \(id) is \(outcome ?? "?")"
                }
            }.joined(separator: "\n")
        case .preview:
            let count = answer["matches"]?.int ?? 0
            if count == 0 { return "no unfinished job matches" }
            return
                "\(count) unfinished jobs match, the newest of them:\n\(JobAction.table(answer["sample"] ?? []))\nNothing was changed. Add --yes to end them."
        case .filter(_, let ending):
            let asked = answer["asked"]?.int ?? 0
            return "\(answer["stopped"]?.int ?? 0) jobs \(ending.rawValue)" + (asked > 0 ? ", \(asked) running ones asked to stop" : "")
        }
    }
}
