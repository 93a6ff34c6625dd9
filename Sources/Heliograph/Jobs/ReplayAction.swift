import API
import Bytes
import Postgres
import Protocol
import Reactor

/// `jobs replay …`, `jobs replays`.
enum ReplayAction: JobsAction {
    case preview(ReplayOrder)
    case start(ReplayOrder)
    case list
    case show(Int64)
    case turn(Int64, ReplayQueries.Turn)

    init(_ words: [String], _ arguments: Arguments) throws {
        switch (words.first, words.count) {
        case ("replays", 1):
            try arguments.allow(["json"])
            self = .list
        case ("replay", 1):
            try arguments.allow(ReplayFlags.all + ["json", "preview", "yes"])
            let order = try ReplayFlags.order(arguments, now: Clock.wall)
            self = arguments.has("yes") && !arguments.has("preview") ? .start(order) : .preview(order)
        case ("replay", 3):
            try arguments.allow(["json"])
            let id = try JobsCommand.id(words[2], of: "replay")
            if words[1] == "show" {
                self = .show(id)
            } else if let turn = ReplayQueries.Turn(rawValue: words[1]) {
                self = .turn(id, turn)
            } else {
                throw UsageError("a replay can be shown, paused, resumed or cancelled: show|pause|resume|cancel ID")
            }
        default: throw UsageError(JobsCommand.usage)
        }
    }

    func ask(_ pool: PostgresPool, by who: String) async throws -> JSONValue {
        let replays = ReplayQueries(pool)
        switch self {
        case .preview(let order): return try await replays.preview(order.filter)
        case .start(let order): return try await replays.start(order, by: who)
        case .list: return try await replays.list()
        case .show(let id):
            guard let replay = try await replays.show(id) else { throw OperationError.unknown("there is no replay \(id)") }
            return replay
        case .turn(let id, let turn): return try await replays.turn(id, turn, by: who)
        }
    }

    func text(_ answer: JSONValue) -> String {
        switch self {
        case .preview(let order): Self.preview(answer, order)
        case .start: Self.begun(answer)
        case .list: Self.table(answer)
        case .show, .turn: TextTable.members(answer)
        }
    }

    static func preview(_ answer: JSONValue, _ order: ReplayOrder) -> String {
        let count = answer["matches"]?.int ?? 0
        if count == 0 { return "no finished job matches" }
        let jobs = TextTable(
            [.init("ID"), .init("STATE"), .init("KIND"), .init("QUEUE", most: 24), .init("FINISHED", "finished_at"), .init("ERROR", most: 80)],
            answer["sample"] ?? [])
        let seconds = Double(count) / order.perSecond
        let span = seconds < 120 ? "\(Int(seconds.rounded(.up))) s" : "\(Int((seconds / 60).rounded())) min"
        return """
            \(count) finished jobs match, the newest of them:
            \(jobs.text)
            Nothing was started. Add --yes to \(order.isDryRun ? "walk and count them without running any" : "run them again") (about \(span)).
            """
    }

    static func begun(_ replay: JSONValue) -> String {
        let id = TextTable.cell(replay["id"])
        let what = replay["dry_run"] == true ? "dry run" : "replay"
        return "\(what) \(id) of \(TextTable.cell(replay["expected"])) jobs has begun; 'heliograph jobs replay show \(id)' tells how far it is"
    }

    static func table(_ replays: JSONValue) -> String {
        TextTable(
            [
                .init("ID"), .init("STATE"), .init("DRY RUN", "dry_run"), .init("EXPECTED"), .init("FOUND"), .init("ENQUEUED"), .init("SKIPPED"),
                .init("WHO"), .init("CREATED", "created_at"), .init("FILTER", most: 80),
            ], replays
        ).text
    }
}
