import CLinux
import Glibc
import Reactor

extension PrivateServer {
    // MARK: The cluster

    /// Finds the programs, and makes the cluster where there is none.
    static func prepareCluster(
        _ place: ServerPlace, _ account: ServerAccount, _ options: Options, _ log: Int32
    ) async throws(PostgresError) -> ServerInstallation {
        // What an interrupted start left half made was never in use.
        try Files.removeTree(place.making)
        let version = Files.text(place.cluster + "/PG_VERSION").flatMap { Int($0.prefix { $0.isNumber }) }
        let installation = try await ServerInstallation.choose(clusterMajor: version, cluster: place.cluster)
        if version != nil { return installation }
        if let names = Files.names(in: place.cluster), !names.isEmpty {
            throw PostgresError(.privateServer, "\(place.cluster) is not empty and is no PostgreSQL cluster: move it away")
        }
        try Files.makeDirectory(place.making, mode: 0o700)
        if ServerAccount.isRoot { try Files.own(place.making, account) }
        var arguments = ["-D", place.making, "-U", role, "-A", "trust", "-E", "UTF8", "--locale=C", "--data-checksums", "--no-instructions"]
        if !options.isDurable { arguments.append("--no-sync") }
        let initdb = try await ServerProcess.start(
            command(installation.initdb, arguments, account, log, deathSignal: SIGTERM))
        await initdb.ended()
        guard initdb.status == 0 else {
            throw PostgresError(.privateServer, "initdb failed, see \(place.log): \(lastLines(of: place.log, from: 0))")
        }
        guard rename(place.making, place.cluster) == 0 else { throw Files.failure("rename", place.making) }
        return installation
    }

    private static func command(
        _ path: String, _ arguments: [String], _ account: ServerAccount, _ log: Int32, deathSignal: Int32
    ) -> ServerProcess.Command {
        let path0 = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        return ServerProcess.Command(
            path: path, arguments: arguments, environment: ["LC_ALL=C", "TZ=UTC", "PATH=\(path0)"], uid: ServerAccount.isRoot ? account.uid : 0,
            gid: account.gid, log: log, deathSignal: deathSignal)
    }

    // MARK: What an earlier run left

    /// Stops a server of ours that outlived its process; refuses one that somebody else runs; removes a pid file whose pid now
    /// belongs to some other program, which would keep the server from starting. With the pid of no process the server deals itself.
    static func clearRemains(_ place: ServerPlace, _ options: Options, on loop: isolated EventLoop) async throws(PostgresError) {
        guard let file = PostmasterFile(place) else { return }
        if file.isRunning(place) {
            guard file.isOurs else {
                throw PostgresError(.privateServer, "a PostgreSQL server (process \(file.pid)) already runs on \(place.cluster), not started by heliograph")
            }
            // The lock is ours, so the process that started it is gone.
            kill(file.pid, SIGINT)
            let limit = loop.nowNs + Int64(options.stopLimitMs) * 1_000_000
            while file.isRunning(place) {
                if loop.nowNs > limit { kill(file.pid, SIGQUIT) }
                if loop.nowNs > limit + 10_000_000_000 { throw PostgresError(.privateServer, "process \(file.pid) on \(place.cluster) does not stop") }
                await pause(ms: 50, on: loop)
            }
        } else if file.isTaken {
            guard unlink(place.pidFile) == 0 || hg_errno() == ENOENT else { throw Files.failure("remove", place.pidFile) }
        }
        place.removeSocketDirectory(file.sockets)
    }

    // MARK: The server

    private static let pollMs = 20

    /// Starts the server and waits until it answers. Processes of a killed predecessor may hold its shared memory for a moment more:
    /// then it is started again.
    static func launch(
        _ place: ServerPlace, _ account: ServerAccount, _ installation: ServerInstallation, _ sockets: String, _ options: Options, _ log: Int32,
        on loop: isolated EventLoop
    ) async throws(PostgresError) -> ServerProcess {
        let limit = loop.nowNs + Int64(options.startLimitMs) * 1_000_000
        while true {
            let logStart = Files.status(place.log).map { Int($0.st_size) } ?? 0
            let process = try await ServerProcess.start(
                command(installation.postgres, arguments(place, sockets, options), account, log, deathSignal: SIGINT))
            do throws(PostgresError) {
                try await waitUntilReady(process, sockets, limit, on: loop)
                return process
            } catch {
                process.signal(SIGQUIT)
                await process.ended()
                let words = lastLines(of: place.log, from: logStart)
                let mayPass = words.contains("shared memory block") || words.contains("lock file")
                guard mayPass, loop.nowNs < limit else {
                    throw PostgresError(.privateServer, "the server did not start (\(error.message)), see \(place.log): \(words)")
                }
                await pause(ms: 200, on: loop)
            }
        }
    }

    /// Asks for an answer until there is one, and makes our database.
    private static func waitUntilReady(_ process: ServerProcess, _ sockets: String, _ limitNs: Int64, on loop: isolated EventLoop) async throws(PostgresError) {
        var config = PostgresConfig(connectionString(sockets, database: "postgres"))
        config.reconnectMinMs = pollMs
        config.reconnectMaxMs = pollMs * 2
        config.waitLimitMs = 200
        let pool = PostgresPool(config, size: 1, name: "private server", on: loop)
        var failure: PostgresError?
        while true {
            do throws(PostgresError) {
                let found = try await pool.query("SELECT 1 FROM pg_database WHERE datname = $1", Parameters(role))
                if found.isEmpty { try await pool.query(Statement("CREATE DATABASE \(role)")) }
                break
            } catch {
                failure = error
                if !error.isRetryable || loop.nowNs > limitNs { break }
                if let status = process.status {
                    failure = PostgresError(.privateServer, hg_wifexited(status) != 0 ? "exit \(hg_wexitstatus(status))" : "killed")
                    break
                }
                failure = nil
            }
        }
        await pool.close(on: loop)
        if let failure { throw failure }
    }

    /// Settings go on the command line: they follow the program, not the cluster's age.
    private static func arguments(_ place: ServerPlace, _ sockets: String, _ options: Options) -> [String] {
        var settings = [
            "listen_addresses=", "unix_socket_directories=\(sockets)", "unix_socket_permissions=0700", "port=5432",
            "cluster_name=\(clusterName)", "max_connections=\(options.maxConnections)", "shared_buffers=\(options.sharedBuffersMB)MB",
            "synchronous_commit=\(options.isDurable ? "on" : "off")", "fsync=\(options.isDurable ? "on" : "off")",
            "full_page_writes=\(options.isDurable ? "on" : "off")", "wal_compression=lz4", "wal_buffers=16MB", "max_wal_size=4GB",
            "min_wal_size=256MB", "checkpoint_timeout=15min", "checkpoint_completion_target=0.9",
            // Statements are short: compiling and spreading them costs more than it saves.
            "jit=off", "max_parallel_workers_per_gather=0", "random_page_cost=1.1", "work_mem=16MB", "maintenance_work_mem=128MB",
            // Queues turn over fast: vacuum early and without long pauses.
            "autovacuum_naptime=10s", "autovacuum_vacuum_scale_factor=0.02", "autovacuum_analyze_scale_factor=0.02",
            "autovacuum_vacuum_cost_limit=2000", "timezone=UTC", "log_timezone=UTC", "log_line_prefix=%m [%p] ", "logging_collector=off",
            "log_checkpoints=off", "log_destination=stderr",
        ]
        if !options.isDurable { settings.append("autovacuum_vacuum_cost_delay=0") }
        return ["-D", place.cluster] + settings.flatMap { ["-c", $0] }
    }

    // MARK: Inside

    static func pause(ms: Int, on loop: isolated EventLoop) async {
        await withUnsafeContinuation { (waiter: UnsafeContinuation<Void, Never>) in
            loop.after(ns: Int64(ms) * 1_000_000) { waiter.resume() }
        }
    }

    /// The end of what was written to the log since `offset`, on one line.
    private static func lastLines(of path: String, from offset: Int) -> String {
        let bytes = Files.read(path)?.dropFirst(offset).suffix(1500) ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").suffix(6).joined(separator: " | ")
    }
}
