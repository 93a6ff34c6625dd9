import CLinux
import Glibc
import Postgres
import Reactor

/// What one run shares: its options, its temporary directory, what it has started, and where figures go.
final class Bench {
    let options: BenchOptions
    let directory: String
    private var children: [Child] = []
    private var database: PrivateServer?
    private var logs = 0
    private(set) var figures: [Figure] = []

    init(_ options: BenchOptions) throws(BenchError) {
        self.options = options
        var template = Array("/tmp/heliograph-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw BenchError("cannot make a temporary directory") }
        directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        // The users that PostgreSQL and nginx run as have to pass through.
        chmod(directory, 0o711)
    }

    // MARK: What is started

    func start(_ name: String, _ command: [String], environment: [String] = []) throws(BenchError) -> Child {
        logs += 1
        let child = try Child(name, command, environment: environment, log: "\(directory)/\(logs)-\(name).log")
        children.append(child)
        return child
    }

    /// Runs a program to its end and returns what it printed.
    func run(_ name: String, _ command: [String], environment: [String] = [], withinMs: Int64 = 600_000, on loop: isolated EventLoop)
        async throws(BenchError) -> String
    {
        let child = try start(name, command, environment: environment)
        try await child.finish(withinMs: withinMs, on: loop)
        return child.output
    }

    func stop(_ child: Child, on loop: isolated EventLoop) async {
        await child.stop(on: loop)
        children.removeAll { $0 === child }
    }

    /// The run's PostgreSQL, durable, with the schema; started at first use.
    func postgres(on loop: isolated EventLoop) async throws -> PostgresConfig {
        if let database { return database.config }
        let server = try await PrivateServer.start(data: directory + "/pg", on: loop)
        database = server
        try await Migrations.apply(from: options.root + "/Migrations", to: server.config, on: loop)
        try await Self.fillLog(server.config, on: loop)
        return server.config
    }

    /// A server that has worked for a while writes into log files that it has used before; a new one makes each with 16 MiB of zeros and a sync,
    /// which all commits wait for.
    static func fillLog(_ postgres: PostgresConfig, on loop: isolated EventLoop) async throws {
        let fill = Array(repeating: "SELECT pg_logical_emit_message(true, 'bench', repeat('x', 16000000))", count: 16)
        try await QueueBench.statements(fill + ["CHECKPOINT"], postgres, on: loop)
    }

    /// Stops everything and removes the directory.
    func close(on loop: isolated EventLoop) async {
        for child in children.reversed() { await child.stop(on: loop) }
        children = []
        await database?.stop(on: loop)
        do {
            let log = "/tmp/heliograph-bench-\(getpid()).log"
            let remover = try Child("rm", ["/bin/rm", "-rf", directory], log: log)
            try await remover.finish(withinMs: 60_000, on: loop)
            unlink(log)
        } catch {
            note("\(directory) could not be removed: \(error)")
        }
    }

    // MARK: What is said

    func record(_ figure: Figure) {
        figures.append(figure)
    }

    /// A remark on standard error: what is going on, and which reference is missing.
    func note(_ text: String) { Self.note(text) }

    static func note(_ text: String) {
        let line = Array("bench: \(text)\n".utf8)
        _ = write(2, line, line.count)
    }

    /// Runs a reference where peers are wanted: nil, with a remark, when it is not there or fails. Never an invented figure.
    func reference(_ name: String, _ needs: [String?], _ body: () async throws -> Double) async -> Double? {
        guard options.withPeers else { return nil }
        guard needs.allSatisfy({ $0 != nil }) else {
            note("reference \(name) is not installed: PEERS=1 scripts/bootstrap")
            return nil
        }
        do {
            return try await body()
        } catch {
            note("reference \(name) failed: \(error)")
            return nil
        }
    }
}

/// A value that stays on its loop's thread while others hold it; see `LoopBound`.
typealias OnLoop<Value> = LoopBound<Value>

extension PostgresConfig {
    /// The socket's directory of a private server, for programs that take it as a host.
    var host: String { value("host") }
    var database: String { value("dbname") }
    var user: String { value("user") }
    /// As libpq's and asyncpg's URIs.
    var url: String { "postgresql:///\(database)?host=\(host)&user=\(user)" }

    private func value(_ key: String) -> String {
        for pair in connectionString.split(separator: " ") where pair.hasPrefix("\(key)=") {
            return String(pair.dropFirst(key.count + 1)).filter { $0 != "'" }
        }
        return ""
    }
}
