import API
import Bytes
import Postgres
import Protocol
import Reactor

/// `heliograph jobs list|show|retry|stats`: the same queries as the operators' routes.
enum JobsCommand {
    static func run(_ arguments: Arguments, _ settings: Settings) async throws {
        try arguments.allow("json", "state", "kind", "queue", "limit", "before")
        let data = try DataDirectory(settings["HELIOGRAPH_DATA"])
        let database = try Database.existing(settings, data, name: "jobs")
        let loop = EventLoop(name: "jobs")
        let json = arguments.has("json")
        let words = arguments.words
        switch (words.first, words.count) {
        case ("list", 1):
            let filter = try filter(arguments)
            print(try await database.withPool(on: loop) { pool, _ in try await list(JobQueries(pool), filter, json: json) })
        case ("show", 2):
            let id = try id(words[1])
            print(try await database.withPool(on: loop) { pool, _ in try await show(JobQueries(pool), id, json: json) })
        case ("retry", 2):
            let id = try id(words[1])
            print(try await database.withPool(on: loop) { pool, _ in try await retry(JobQueries(pool), id, json: json) })
        case ("stats", 1):
            print(try await database.withPool(on: loop) { pool, _ in try await stats(JobQueries(pool), json: json) })
        default:
            throw UsageError("usage: heliograph jobs list [--state S] [--kind K] [--queue Q] [--limit N] [--before ID] | show ID | retry ID | stats [--json]")
        }
    }

    private static func filter(_ arguments: Arguments) throws -> JobFilter {
        var state: JobState?
        if let text = arguments.value("state") {
            guard let known = JobState(rawValue: text) else {
                throw UsageError("--state must be one of \(JobState.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            state = known
        }
        return JobFilter(
            state: state, kind: arguments.value("kind"), queue: arguments.value("queue"), before: try arguments.int("before", 1...Int.max).map(Int64.init),
            limit: try arguments.int("limit", 1...JobFilter.maxLimit) ?? 50)
    }

    private static func id(_ text: String) throws -> Int64 {
        guard let id = Int64(text), id > 0 else { throw UsageError("a job's id is a positive number, not '\(text)'") }
        return id
    }

    private static func list(_ queries: JobQueries, _ filter: JobFilter, json: Bool) async throws -> String {
        let rows = try await queries.list(filter)
        if json {
            var w = JSONWriter()
            try rows.write(to: &w)
            return w.string
        }
        var lines = [columns("ID", "STATE", "KIND", "QUEUE", "ATTEMPT", "CREATED", "ERROR")]
        for row in 0..<rows.count {
            let job = try rows.summary(row)
            lines.append(
                columns(
                    String(job.id), job.state.rawValue, job.kind, job.queue, "\(job.attempt)/\(job.maxAttempts)",
                    RFC3339.string(Timestamp(seconds: job.createdAt.seconds)), String((job.error ?? "").prefix(80))))
        }
        return lines.joined(separator: "\n")
    }

    private static func columns(_ texts: String...) -> String {
        zip(texts, [10, 10, 24, 12, 8, 21, 0]).map { text, width in text + String(repeating: " ", count: max(1, width - text.count)) }.joined()
    }

    private static func show(_ queries: JobQueries, _ id: Int64, json: Bool) async throws -> String {
        guard let job = try await queries.show(id) else { throw UsageError("there is no job \(id)") }
        var w = JSONWriter()
        try job.write(to: &w)
        if json { return w.string }
        let members = (try JSONValue.parse(w.bytes)).object ?? []
        return members.map { "\($0.key): \($0.value.string ?? String(decoding: $0.value.bytes, as: UTF8.self))" }.joined(separator: "\n")
    }

    private static func retry(_ queries: JobQueries, _ id: Int64, json: Bool) async throws -> String {
        let result: JSONValue
        let text: String
        switch try await queries.retry(id) {
        case .woken(let id):
            result = ["id": .int(Int(id)), "copied": false]
            text = "job \(id) is available now"
        case .copied(let new):
            result = ["id": .int(Int(new)), "copied": true]
            text = "job \(id) runs again as job \(new)"
        case .notNeeded(let state): throw UsageError("job \(id) is \(state): there is nothing to retry")
        case .unknown: throw UsageError("there is no job \(id)")
        }
        return json ? String(decoding: result.bytes, as: UTF8.self) : text
    }

    private static func stats(_ queries: JobQueries, json: Bool) async throws -> String {
        let stats = try await queries.statistics()
        if json {
            var w = JSONWriter()
            stats.write(to: &w)
            return w.string
        }
        let line = { (count: JobStatistics.Count) in "  \(columns(count.state, count.kind))\(count.count)\(count.isCapped ? "+" : "")" }
        return (["unfinished"] + stats.waiting.map(line) + ["finished today"] + stats.finishedToday.map(line)).joined(separator: "\n")
    }
}
