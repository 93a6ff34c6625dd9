import CLinux
import Glibc

/// Where a private server keeps its things.
struct ServerPlace {
    /// The directory the caller named.
    let data: String
    /// The directory that holds the cluster: `data`, or one that the server's user can reach.
    let base: String

    var cluster: String { base + "/postgres" }
    /// A cluster becomes `cluster` by a rename once it is whole.
    var making: String { base + "/postgres.making" }
    var sockets: String { base + "/run" }
    var pidFile: String { cluster + "/postmaster.pid" }
    var log: String { data + "/postgres.log" }
    var lock: String { data + "/postgres.lock" }

    static let temporarySockets = "/tmp/heliograph-"
    /// A socket's path may have 107 bytes; this leaves room for its name.
    static let socketPathLimit = 100
    /// Where clusters go that the server's user could not reach under the caller's directory.
    static let fallback = "/var/lib/heliograph"

    /// The place for a data directory, made ready for a start.
    static func prepare(_ data: String) throws(PostgresError) -> ServerPlace {
        let data = Files.absolute(data)
        // Others may pass through but not list: the server's user has to.
        try Files.makeDirectory(data, mode: ServerAccount.isRoot ? 0o711 : 0o700)
        let place = find(data)
        if place.base == data { return place }
        try Files.makeDirectory(place.base, mode: 0o711)
        if let obstacle = try ServerAccount.choose(cluster: place.cluster).obstacle(on: place.base) {
            throw PostgresError(
                .privateServer,
                "the user that PostgreSQL runs as cannot pass through \(obstacle): chmod o+x \(obstacle), choose another --data, or set DATABASE_URL")
        }
        return place
    }

    /// The place for a data directory, whether it is there or not.
    static func find(_ data: String) -> ServerPlace {
        let data = Files.absolute(data)
        let own = ServerPlace(data: data, base: data)
        guard ServerAccount.isRoot, let account = try? ServerAccount.choose(cluster: own.cluster),  // ok: `start` reports what is wrong
            account.obstacle(on: data) != nil
        else { return own }
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in data.utf8 { digest = (digest ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return ServerPlace(data: data, base: "\(fallback)/\(String(digest, radix: 16))")
    }

    /// The directory for the server's socket: short enough, and without the comma that separates hosts.
    func makeSocketDirectory(_ account: ServerAccount) throws(PostgresError) -> String {
        var path = sockets
        if path.utf8.count + "/.s.PGSQL.5432".utf8.count > Self.socketPathLimit || path.contains(",") {
            path = try Files.makeTemporaryDirectory(Self.temporarySockets)
        } else {
            try Files.makeDirectory(path, mode: 0o700)
        }
        if ServerAccount.isRoot { try Files.own(path, account) }
        return path
    }

    func removeSocketDirectory(_ path: String) {
        guard path.hasPrefix(Self.temporarySockets) else { return }
        // A leftover in /tmp is harmless.
        do { try Files.removeTree(path) } catch { return }
    }
}

/// What a postmaster writes into `postmaster.pid`: pid, data directory, start time, port, socket directory, …
struct PostmasterFile {
    let pid: pid_t
    let sockets: String

    init?(_ place: ServerPlace) {
        guard let text = Files.text(place.pidFile) else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let first = lines.first, let pid = pid_t(first), pid > 0 else { return nil }
        self.pid = pid
        sockets = lines.count > 4 ? String(lines[4]) : ""
    }

    /// Whether the process with that pid is a server on this cluster: a postmaster's working directory is its cluster.
    func isRunning(_ place: ServerPlace) -> Bool { Files.link("/proc/\(pid)/cwd") == place.cluster }

    /// Whether any process has that pid.
    var isTaken: Bool { Files.exists("/proc/\(pid)") }

    /// Whether one of our own starts made it.
    var isOurs: Bool { Files.text("/proc/\(pid)/cmdline")?.contains("cluster_name=\(PrivateServer.clusterName)") ?? false }
}
