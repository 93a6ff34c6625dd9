import CLinux
import Glibc
public import Reactor

/// The PostgreSQL that `heliograph up` starts for itself: on a Unix socket only, under the caller's data directory, with the
/// installed programs, and gone when this process is gone, however it ends.
public final class PrivateServer: Sendable {
    public struct Options: Sendable {
        /// false gives up safety against a crash of the machine: for data that is thrown away.
        public var isDurable = true
        public var sharedBuffersMB = 256
        public var maxConnections = 200
        /// How long the server may take to accept connections; after a crash it replays its log first.
        public var startLimitMs = 120_000
        /// How long it may take to stop before it is made to.
        public var stopLimitMs = 30_000
        public init() {}
    }

    static let clusterName = "heliograph"
    /// The server's user and database.
    static let role = "heliograph"

    public let config: PostgresConfig
    /// Where the cluster is: `<data>/postgres`, unless the user that the server runs as cannot reach it there.
    public let clusterDirectory: String
    public var pid: Int32 { process.pid }
    public var isRunning: Bool { process.status == nil }

    let process: ServerProcess
    private let place: ServerPlace
    private let sockets: String
    private let options: Options
    private let lock: Int32

    init(_ process: ServerProcess, _ place: ServerPlace, sockets: String, options: Options, lock: Int32) {
        self.process = process
        self.place = place
        self.sockets = sockets
        self.options = options
        self.lock = lock
        clusterDirectory = place.cluster
        config = PostgresConfig(Self.connectionString(sockets))
    }

    deinit { Glibc.close(lock) }

    /// Starts the server under `data`, making its cluster when there is none. Refuses, with the pid, when another process has one running
    /// there; takes over what an earlier process of ours left behind.
    public static func start(data: String, options: Options = Options(), on loop: isolated EventLoop) async throws(PostgresError) -> PrivateServer {
        let place = try ServerPlace.prepare(data)
        let lock = try takeLock(place)
        do throws(PostgresError) {
            let account = try ServerAccount.choose(cluster: place.cluster)
            let log = try openLog(place)
            defer { Glibc.close(log) }
            let installation = try await prepareCluster(place, account, options, log)
            try await clearRemains(place, options, on: loop)
            let sockets = try place.makeSocketDirectory(account)
            do throws(PostgresError) {
                let process = try await launch(place, account, installation, sockets, options, log, on: loop)
                return PrivateServer(process, place, sockets: sockets, options: options, lock: lock)
            } catch {
                place.removeSocketDirectory(sockets)
                throw error
            }
        } catch {
            Glibc.close(lock)
            throw error
        }
    }

    /// The connection to a private server that runs under `data`, started by any process; nil if there is none. For the command line.
    public static func running(data: String) -> PostgresConfig? {
        let place = ServerPlace.find(data)
        guard let file = PostmasterFile(place), file.isRunning(place), !file.sockets.isEmpty else { return nil }
        return PostgresConfig(connectionString(file.sockets))
    }

    /// Stops the server: sessions are ended and everything is written; past the limit it is stopped at once and recovers at the next start.
    public func stop(on loop: isolated EventLoop) async {
        process.signal(SIGINT)
        let process = process
        let insist = loop.after(ns: Int64(options.stopLimitMs) * 1_000_000) { process.signal(SIGQUIT) }
        let force = loop.after(ns: Int64(options.stopLimitMs + 5_000) * 1_000_000) { process.signal(SIGKILL) }
        await process.ended()
        loop.cancel(insist)
        loop.cancel(force)
        place.removeSocketDirectory(sockets)
    }

    /// Stops the server at once and blocks until it is gone, for exit handlers; it recovers at the next start.
    public func stopAtExit() {
        process.signal(SIGQUIT)
        var waits = 0
        while process.status == nil, waits < 500 {
            usleep(10_000)
            waits += 1
        }
        process.signal(SIGKILL)
        place.removeSocketDirectory(sockets)
    }

    static func connectionString(_ sockets: String, database: String = role) -> String {
        let quoted = sockets.map { $0 == "'" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined()
        return "host='\(quoted)' port=5432 user=\(role) dbname=\(database)"
    }

    // MARK: Inside

    /// One process at a time: the lock goes with the process, however it ends.
    private static func takeLock(_ place: ServerPlace) throws(PostgresError) -> Int32 {
        let fd = open(place.lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard fd >= 0 else { throw Files.failure("open", place.lock) }
        guard flock(fd, LOCK_EX | LOCK_NB) == 0 else {
            let holder = Files.text(place.lock)?.split(separator: "\n").first.map { " (process \($0))" } ?? ""
            Glibc.close(fd)
            throw PostgresError(.privateServer, "another heliograph\(holder) runs with \(place.data)")
        }
        let pid = Array("\(getpid())\n".utf8)
        guard ftruncate(fd, 0) == 0, write(fd, pid, pid.count) == pid.count else {
            Glibc.close(fd)
            throw Files.failure("write", place.lock)
        }
        return fd
    }

    /// Past this size the log of earlier runs is set aside, once.
    private static let logLimit = 16 * 1024 * 1024

    private static func openLog(_ place: ServerPlace) throws(PostgresError) -> Int32 {
        if let info = Files.status(place.log), info.st_size > logLimit {
            guard rename(place.log, place.log + ".1") == 0 else { throw Files.failure("rename", place.log) }
        }
        let fd = open(place.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard fd >= 0 else { throw Files.failure("open", place.log) }
        return fd
    }
}
