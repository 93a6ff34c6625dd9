import CLinux
import Glibc

/// Installed PostgreSQL programs.
struct ServerInstallation {
    let directory: String
    let major: Int

    var postgres: String { directory + "/postgres" }
    var initdb: String { directory + "/initdb" }

    /// The newest one for a new cluster, the one of the same major version for an existing one.
    static func choose(clusterMajor: Int?, cluster: String) async throws(PostgresError) -> ServerInstallation {
        let all = try await all()
        guard let newest = all.first else {
            throw PostgresError(.privateServer, "no PostgreSQL server is installed (Debian: apt-get install postgresql), and DATABASE_URL is not set")
        }
        guard let clusterMajor else { return newest }
        if let same = all.first(where: { $0.major == clusterMajor }) { return same }
        let installed = all.map { "\($0.major)" }.joined(separator: ", ")
        throw PostgresError(
            .privateServer,
            "\(cluster) was made by PostgreSQL \(clusterMajor), installed is \(installed): install that version, or move the data with pg_upgrade")
    }

    /// Newest first; where distributions put them, and what PATH leads to.
    private static func all() async throws(PostgresError) -> [ServerInstallation] {
        var found: [ServerInstallation] = []
        for (root, prefix) in [("/usr/lib/postgresql", ""), ("/usr", "pgsql-"), ("/usr/local", "pgsql-")] {
            for name in Files.names(in: root) ?? [] where name.hasPrefix(prefix) {
                guard let major = Int(name.dropFirst(prefix.count)) else { continue }
                let installation = ServerInstallation(directory: "\(root)/\(name)/bin", major: major)
                if installation.isComplete { found.append(installation) }
            }
        }
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        for directory in path.split(separator: ":").map(String.init) + ["/usr/local/pgsql/bin"] {
            let directory = Files.absolute(directory)
            let unknown = ServerInstallation(directory: directory, major: 0)
            guard unknown.isComplete, !found.contains(where: { Files.absolute($0.directory) == directory }) else { continue }
            if let major = try await askVersion(unknown.postgres) { found.append(ServerInstallation(directory: directory, major: major)) }
        }
        return found.sorted { $0.major > $1.major }
    }

    private var isComplete: Bool { Files.isExecutable(postgres) && Files.isExecutable(initdb) }

    /// The major version that `postgres -V` prints (`postgres (PostgreSQL) 15.18 (Debian …)`).
    private static func askVersion(_ postgres: String) async throws(PostgresError) -> Int? {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Files.failure("ask for the version of", postgres) }
        defer { close(ends[0]) }
        let process: ServerProcess
        do throws(PostgresError) {
            process = try await ServerProcess.start(
                ServerProcess.Command(
                    path: postgres, arguments: ["-V"], environment: ["LC_ALL=C"], uid: 0, gid: 0, log: ends[1], deathSignal: SIGKILL))
        } catch {
            close(ends[1])
            throw error
        }
        close(ends[1])
        await process.ended()
        var text = [UInt8](repeating: 0, count: 200)
        let count = read(ends[0], &text, text.count)
        let words = String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
        return words.lazy.compactMap { Int($0.prefix { $0.isNumber }) }.first
    }
}
