import API
import Bytes
import Postgres

/// `jobs stats|brokers|audit`.
enum FleetAction: JobsAction {
    case stats
    case brokers
    case audit(limit: Int, before: Int64?)

    init(_ words: [String], _ arguments: Arguments) throws {
        guard words.count == 1 else { throw UsageError(JobsCommand.usage) }
        try arguments.allow(words[0] == "audit" ? ["json", "limit", "before"] : ["json"])
        switch words[0] {
        case "stats": self = .stats
        case "brokers": self = .brokers
        default:
            self = .audit(
                limit: try arguments.int("limit", 1...AuditTrail.maxLimit) ?? 50, before: try arguments.int("before", 1...Int.max).map(Int64.init))
        }
    }

    func ask(_ pool: PostgresPool, by who: String) async throws -> JSONValue {
        switch self {
        case .stats:
            var w = JSONWriter()
            try await JobQueries(pool).statistics().write(to: &w)
            return try JSONValue.parse(w.bytes)
        case .brokers: return try await JobQueries(pool).brokers()
        case .audit(let limit, let before): return try await AuditTrail(pool).list(before: before, limit: limit)
        }
    }

    func text(_ answer: JSONValue) -> String {
        switch self {
        case .stats: Self.statistics(answer)
        case .brokers:
            TextTable(
                [
                    .init("NAME"), .init("EPOCH"), .init("STARTED", "started_at"), .init("BEAT AGE MS", "beat_age_ms"), .init("SERVES", most: 120),
                ], answer
            ).text
        case .audit:
            TextTable(
                [.init("ID"), .init("AT"), .init("WHO"), .init("ACTION"), .init("SUBJECT", most: 60), .init("DETAIL", most: 300)], answer
            ).text
        }
    }

    static func statistics(_ answer: JSONValue) -> String {
        let unfinished = (answer["jobs"]?.array ?? []).map { item in
            JSONValue.object([
                (key: "state", value: item["state"] ?? .null), (key: "kind", value: item["kind"] ?? .null),
                (key: "jobs", value: .string("\(item["count"]?.int ?? 0)" + (item["capped"] == true ? "+" : ""))),
            ])
        }
        let finished: [TextTable.Column] = [
            .init("STATE"), .init("KIND"), .init("JOBS", "count"), .init("MEAN WAIT MS", "mean_wait_ms"), .init("MEAN RUN MS", "mean_run_ms"),
        ]
        var parts = [
            "unfinished\n" + TextTable([.init("STATE"), .init("KIND"), .init("JOBS")], .array(unfinished)).text,
            "finished today (UTC)\n" + TextTable(finished, answer["finished_today"] ?? []).text,
            "finished in 24 hours\n" + TextTable(finished, answer["finished_24h"] ?? []).text,
        ]
        let paused = (answer["paused"]?.array ?? []).map { TextTable.cell($0["queue"]) }
        if !paused.isEmpty { parts.append("paused: " + paused.joined(separator: ", ")) }
        return parts.joined(separator: "\n\n")
    }
}
