import API
import Bytes
import Postgres
import Protocol
import Reactor

/// `jobs schedule …`, `jobs schedules`.
enum ScheduleAction: JobsAction {
    case list
    case show(String)
    case add(ScheduleOrder, replacing: Bool)
    case pause(String, Bool)
    case remove(String)
    case run(String)

    init(_ words: [String], _ arguments: Arguments) throws {
        if words == ["schedules"] || words == ["schedule", "list"] {
            try arguments.allow(["json"])
            self = .list
            return
        }
        guard words.count == 3, words[0] == "schedule" else { throw UsageError(JobsCommand.usage) }
        let name = words[2]
        if words[1] == "add" {
            try arguments.allow(JobFlags.job + ["json", "cron", "zone", "kind", "catch-up", "window", "replace"])
            self = .add(try Self.order(name, arguments), replacing: arguments.has("replace"))
            return
        }
        try arguments.allow(["json"])
        switch words[1] {
        case "show": self = .show(name)
        case "pause": self = .pause(name, true)
        case "resume": self = .pause(name, false)
        case "remove": self = .remove(name)
        case "run": self = .run(name)
        default: throw UsageError("schedule add|list|show|pause|resume|remove|run NAME")
        }
    }

    private static func order(_ name: String, _ arguments: Arguments) throws -> ScheduleOrder {
        guard let cron = arguments.value("cron"), let kind = arguments.value("kind") else { throw UsageError("schedule add needs --cron and --kind") }
        var window: Int64?
        if let text = arguments.value("window") {
            guard let seconds = OperatorText.seconds(text) else { throw UsageError("--window takes a span such as 2h or 3d") }
            window = seconds
        }
        let job = try JobFlags.order(kind, arguments, now: Clock.wall)
        return ScheduleOrder(
            name: name, cron: cron, zone: arguments.value("zone") ?? "UTC", job: job,
            catchUp: try ScheduleOrder.catchUp(arguments.value("catch-up") ?? "last", windowSeconds: window))
    }

    func ask(_ pool: PostgresPool, by who: String) async throws -> JSONValue {
        let schedules = ScheduleQueries(pool)
        switch self {
        case .list: return try await schedules.list()
        case .show(let name):
            guard let schedule = try await schedules.show(name) else { throw OperationError.unknown("there is no schedule \(name)") }
            return schedule
        case .add(let order, let replacing): return try await schedules.add(order, replacing: replacing, by: who)
        case .pause(let name, let isPaused): return try await schedules.pause(name, isPaused, by: who)
        case .remove(let name): return try await schedules.remove(name, by: who)
        case .run(let name): return try await schedules.run(name, by: who)
        }
    }

    func text(_ answer: JSONValue) -> String {
        let name = TextTable.cell(answer["name"])
        switch self {
        case .list: return (answer.array ?? []).isEmpty ? "no schedules" : Self.table(answer)
        case .show: return TextTable.members(answer)
        case .add: return "schedule \(name) is set: \(TextTable.cell(answer["cron"])) in \(TextTable.cell(answer["zone"]))"
        case .pause(_, let isPaused):
            return "schedule \(name): " + (answer["changed"] == true ? (isPaused ? "paused" : "resumed") : "nothing to change")
        case .remove: return "schedule \(name) is removed"
        case .run: return "job \(TextTable.cell(answer["id"])) is enqueued"
        }
    }

    static func table(_ schedules: JSONValue) -> String {
        let rows = (schedules.array ?? []).map { schedule in
            JSONValue.object((schedule.object ?? []) + [(key: "kind", value: schedule["draft"]?["kind"] ?? .null)])
        }
        return TextTable(
            [
                .init("NAME"), .init("CRON"), .init("ZONE"), .init("KIND"), .init("CATCH-UP", "catch_up"), .init("PAUSED"),
                .init("LAST SLOT", "last_slot"), .init("ERROR", most: 80),
            ], .array(rows)
        ).text
    }
}
