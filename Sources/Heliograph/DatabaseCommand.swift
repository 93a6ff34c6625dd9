import Bytes
import Postgres
import Reactor

/// `heliograph db migrate|status`.
enum DatabaseCommand {
    static func run(_ arguments: Arguments, _ settings: Settings) async throws {
        try arguments.allow()
        let data = try DataDirectory(settings["HELIOGRAPH_DATA"])
        let home = try Home(settings)
        let database = try Database.existing(settings, data, name: "db")
        let loop = EventLoop(name: "db")
        switch arguments.words.first {
        case "migrate":
            let applied = try await database.migrate(home, on: loop)
            print(applied.isEmpty ? "nothing to migrate" : applied.map { "applied \($0.name)" }.joined(separator: "\n"))
        case "status":
            let directory = home.migrations
            let config = database.config
            for status in try await loop.run({ loop in try await Migrations.status(of: directory, in: config, on: loop) }) {
                print("\(status.version)  \(status.name)  \(status.state.rawValue)  \(status.appliedAt.map { RFC3339.string($0) } ?? "")")
            }
        default: throw UsageError("usage: heliograph db migrate|status")
        }
    }
}
