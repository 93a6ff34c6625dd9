import API
import Bytes
import Glibc
import Postgres
import Reactor

/// What one `heliograph jobs` command does: asks the database, as the operators' routes do, and puts the answer into words.
protocol JobsAction: Sendable {
    func ask(_ pool: PostgresPool, by who: String) async throws -> JSONValue
    /// The answer for people; `--json` prints it as it is.
    func text(_ answer: JSONValue) -> String
}

/// `heliograph jobs …`: what operators do with the queue, by the same queries as over HTTP.
enum JobsCommand {
    static let usage = """
        usage: heliograph jobs … [--json]
          list [--state S] [--kind K] [--queue Q] [--tag T] [--error TEXT] [--replay ID] [--ordering-key K] [--limit N] [--before ID]
          show ID | why ID | retry ID
          cancel ID… | discard ID… | cancel|discard --kind K|--queue Q|--state S|… [--yes]
          enqueue KIND [--args JSON] [--queue Q] [--priority 1-9] [--run-at T] [--unique-key K] [--ordering-key K] [--tag T]…
          stats | queues | pause QUEUE|'*' | resume QUEUE|'*'
          limits | limit KIND [--max N] [--rate 10/s [--burst N]] | limit KIND --none
          replay --kind K [--state S] [--error TEXT] [--since 2h] [--until T] [--tag T] [--queue Q] [--args a.b=VALUE]… [--id N]…
                 [--rate 200/s] [--to-queue Q] [--priority 1-9] [--dry-run] [--preview] [--yes]
          replays | replay show|pause|resume|cancel ID
          schedules | schedule show|pause|resume|remove|run NAME
          schedule add NAME --cron '0 3 * * *' --kind K [--zone Z] [--args JSON] … [--catch-up none|last|all [--window 2h]] [--replace]
          brokers | audit [--limit N]
        """

    /// Flags that take no value.
    static let switches: Set<String> = ["yes", "all", "preview", "dry-run", "none", "replace"]

    static func run(_ arguments: Arguments, _ settings: Settings) async throws {
        let action = try action(arguments)
        let data = try DataDirectory(settings["HELIOGRAPH_DATA"])
        let database = try Database.existing(settings, data, name: "jobs")
        let who = userName
        let answer = try await database.withPool(on: EventLoop(name: "jobs")) { pool, _ in try await action.ask(pool, by: who) }
        print(arguments.has("json") ? String(decoding: answer.bytes, as: UTF8.self) : action.text(answer))
    }

    static func action(_ arguments: Arguments) throws -> any JobsAction {
        let words = arguments.words
        switch words.first {
        case "list", "show", "why", "retry", "enqueue": return try JobAction(words, arguments)
        case "cancel", "discard": return try StopAction(words, arguments)
        case "queues", "pause", "resume", "limits", "limit": return try QueueAction(words, arguments)
        case "replay", "replays": return try ReplayAction(words, arguments)
        case "schedule", "schedules": return try ScheduleAction(words, arguments)
        case "stats", "brokers", "audit": return try FleetAction(words, arguments)
        default: throw UsageError(usage)
        }
    }

    static func id(_ text: String, of what: String = "job") throws(UsageError) -> Int64 {
        guard let id = Int64(text), id > 0 else { throw UsageError("the id of a \(what) is a whole number above 0, not '\(text)'") }
        return id
    }

    /// Who the audit trail names.
    private static var userName: String {
        guard let entry = getpwuid(getuid()) else { return "cli:\(getuid())" }
        return "cli:" + String(cString: entry.pointee.pw_name)
    }
}
