import API
import Bytes
import Postgres
import Reactor

/// `jobs list|show|why|retry|enqueue`.
enum JobAction: JobsAction {
    case list(JobFilter)
    case show(Int64)
    case why(Int64)
    case retry(Int64)
    case enqueue(JobOrder)

    init(_ words: [String], _ arguments: Arguments) throws {
        switch (words.first, words.count) {
        case ("list", 1):
            try arguments.allow(JobFlags.filter + ["json", "limit", "before"])
            self = .list(try JobFlags.filter(arguments))
        case ("enqueue", 2):
            try arguments.allow(JobFlags.job + ["json"])
            self = .enqueue(try JobFlags.order(words[1], arguments, now: Clock.wall))
        case (let word, 2):
            try arguments.allow(["json"])
            let id = try JobsCommand.id(words[1])
            self = word == "show" ? .show(id) : word == "why" ? .why(id) : .retry(id)
        default: throw UsageError(JobsCommand.usage)
        }
    }

    func ask(_ pool: PostgresPool, by who: String) async throws -> JSONValue {
        let jobs = JobQueries(pool)
        var w = JSONWriter(capacity: 4096)
        switch self {
        case .list(let filter): try await jobs.list(filter).write(to: &w)
        case .show(let id):
            guard let job = try await jobs.show(id) else { throw OperationError.unknown("there is no job \(id)") }
            try job.write(to: &w)
        case .why(let id):
            guard let why = try await jobs.why(id) else { throw OperationError.unknown("there is no job \(id)") }
            return why
        case .retry(let id):
            let (new, isCopy) = try await jobs.retry(id, by: who).made(of: id)
            return ["id": .int(Int(new)), "retried": .int(Int(id)), "copied": .bool(isCopy)]
        case .enqueue(let order): return try await jobs.enqueue(order, by: who)
        }
        return try JSONValue.parse(w.bytes)
    }

    func text(_ answer: JSONValue) -> String {
        switch self {
        case .list: Self.table(answer)
        case .show: TextTable.members(answer)
        case .why: Self.reasons(answer)
        case .retry(let id):
            answer["copied"] == true ? "job \(id) runs again as job \(TextTable.cell(answer["id"]))" : "job \(id) is available now"
        case .enqueue:
            answer["duplicate"] == true
                ? "job \(TextTable.cell(answer["id"])) holds this unique key already; nothing was added" : "job \(TextTable.cell(answer["id"])) is enqueued"
        }
    }

    /// Jobs as a table; what keeps a job from being claimed stands in its state.
    static func table(_ jobs: JSONValue) -> String {
        let rows = (jobs.array ?? []).map { job in
            var members = job.object ?? []
            for i in members.indices {
                if members[i].key == "attempt", let most = job["max_attempts"]?.int { members[i].value = .string("\(job["attempt"]?.int ?? 0)/\(most)") }
                if members[i].key == "state", job["blocked"] == true { members[i].value = .string("\(job["state"]?.string ?? "") (blocked)") }
            }
            return JSONValue.object(members)
        }
        return TextTable(TextTable.jobs, .array(rows)).text
    }

    static func reasons(_ why: JSONValue) -> String {
        let sentences = (why["reasons"]?.array ?? []).map { "  \(TextTable.plain(JobReason.sentence($0)))" }
        return (["job \(TextTable.cell(why["id"])) is \(TextTable.cell(why["state"]))"] + sentences).joined(separator: "\n")
    }
}
