import CLinux
import Glibc

/// Installed PostgreSQL programs.
struct ServerInstallation {
    let directory: String
    /// From the directory's name; nil for programs found on PATH.
    let major: Int?

    var postgres: String { directory + "/postgres" }
    var initdb: String { directory + "/initdb" }

    /// Newest first; what PATH leads to comes last.
    static func all() -> [ServerInstallation] {
        var found: [ServerInstallation] = []
        for (root, prefix) in [("/usr/lib/postgresql", ""), ("/usr", "pgsql-"), ("/usr/local", "pgsql-")] {
            for name in Files.names(in: root) ?? [] where name.hasPrefix(prefix) {
                guard let major = Int(name.dropFirst(prefix.count)) else { continue }
                found.append(ServerInstallation(directory: "\(root)/\(name)/bin", major: major))
            }
        }
        found.sort { ($0.major ?? 0) > ($1.major ?? 0) }
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        for directory in path.split(separator: ":").map(String.init) + ["/usr/local/pgsql/bin"] {
            found.append(ServerInstallation(directory: directory, major: nil))
        }
        return found.filter { Files.isExecutable($0.postgres) && Files.isExecutable($0.initdb) }
    }

    /// The newest one for a new cluster, the one of the same major version for an existing one.
    static func choose(clusterMajor: Int?, cluster: String) throws(PostgresError) -> ServerInstallation {
        let all = all()
        guard let newest = all.first else {
            throw PostgresError(.privateServer, "no PostgreSQL server is installed (Debian: apt-get install postgresql), and DATABASE_URL is not set")
        }
        guard let clusterMajor else { return newest }
        if let same = all.first(where: { $0.major == clusterMajor }) { return same }
        // Of one found on PATH the version is not known: the server itself checks it and says so.
        if let unknown = all.first(where: { $0.major == nil }) { return unknown }
        let installed = all.compactMap(\.major).map { "\($0)" }.joined(separator: ", ")
        throw PostgresError(
            .privateServer,
            "\(cluster) was made by PostgreSQL \(clusterMajor), installed is \(installed): install postgresql-\(clusterMajor), or move the data with pg_upgrade")
    }
}
