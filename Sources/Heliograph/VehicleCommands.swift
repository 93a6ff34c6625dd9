import Bytes
import Reactor
import Workers

/// `heliograph vehicles rebuild`; the others are `VehicleAccountCommands`.
enum VehicleCommands {
    static let switches: Set<String> = ["dry-run", "take"]
    private static let usage = "usage: heliograph vehicles rebuild --car N [--since T] [--dry-run] [--take]"

    static func run(_ arguments: Arguments, _ settings: Settings) async throws {
        switch arguments.words.first {
        case "login": try await VehicleAccountCommands.login(arguments, settings)
        case "list": try await VehicleAccountCommands.list(arguments, settings)
        case "rebuild": try await rebuild(arguments, settings)
        default: throw UsageError("\(usage) | \(VehicleAccountCommands.usage)")
        }
    }

    private static func rebuild(_ arguments: Arguments, _ settings: Settings) async throws {
        guard arguments.words == ["rebuild"] else { throw UsageError(usage) }
        try arguments.allow("car", "since", "dry-run", "take")
        guard let car = try arguments.int("car", 1...Int.max) else { throw UsageError(usage) }
        var since: Timestamp?
        if let text = arguments.value("since") {
            // A day alone begins at midnight.
            guard let time = RFC3339.parse(text, defaultOffset: .utc) ?? RFC3339.parse("\(text)T00:00:00Z") else {
                throw UsageError("--since must be a time like 2026-03-01T00:00:00Z or 2026-03-01, not '\(text)'")
            }
            since = time
        }
        let rebuild = VehicleRebuild(
            car: Int64(car), since: since, isDry: arguments.has("dry-run"), byForce: arguments.has("take"), options: try settings.vehicles())
        let data = try DataDirectory(settings["HELIOGRAPH_DATA"])
        let config = try Database.existing(settings, data, name: "vehicles rebuild").config
        let loop = EventLoop(name: "rebuild")
        let report = try await loop.run { loop in try await rebuild.run(config, progress: show, on: loop) }
        for line in lines(report) { print(line) }
    }

    private static func show(_ inputs: Int, _ day: Timestamp) {
        print("· \(RFC3339.string(day).prefix(10)), \(inputs) inputs")
    }

    private static func lines(_ report: RebuildReport) -> [String] {
        var lines = ["derived from \(RFC3339.string(report.from)): \(report.inputs) inputs"]
        if report.unreadable > 0 { lines.append("  \(report.unreadable) records could not be read") }
        for table in report.tables {
            let parts = [("the same", table.same), ("changed", table.changed), ("new", table.added), ("gone", table.removed)]
            let text = parts.filter { $0.1 > 0 || $0.0 == "the same" }.map { "\($0.1) \($0.0)" }.joined(separator: ", ")
            lines.append("  \(table.name.split(separator: ".").last ?? ""): \(text)")
            lines += table.examples.map { "    \($0)" }
        }
        lines.append(report.isDry ? "nothing was written" : report.isDifferent ? "written" : "nothing is different")
        return lines
    }
}
