import CLinux
import Postgres
import Reactor

/// wrk and pgbench: loads that others wrote.
enum Wrk {
    static let connections = 64
    static let seconds = 10

    /// Requests a second over keep-alive connections; any answer but 2xx, and any broken connection, is an error.
    /// - Parameter script: the Lua text that makes the requests; without it they are GETs.
    static func rate(_ url: String, script: String? = nil, _ bench: Bench, on loop: isolated EventLoop) async throws -> Double {
        guard let wrk = TextFile.program("wrk") else { throw BenchError("wrk is not installed: scripts/bootstrap") }
        let seconds = bench.options.scaled(seconds)
        var words = ["--timeout", "30s"]
        if let script {
            let path = bench.directory + "/wrk.lua"
            try TextFile.write(path, Array(script.utf8))
            words += ["-s", path]
        }
        words.append(url)
        _ = try await bench.run("wrk", [wrk, "-c\(connections)", "-t1", "-d1s"] + words, on: loop)
        let output = try await bench.run("wrk", [wrk, "-c\(connections)", "-t1", "-d\(seconds)s"] + words, on: loop)
        if output.contains("Non-2xx") || output.contains("Socket errors") {
            throw BenchError(
                "wrk on \(url): \(output.split(separator: "\n").filter { $0.contains("Non-2xx") || $0.contains("errors") }.joined(separator: " "))")
        }
        return try number(after: "Requests/sec:", in: output, "wrk")
    }

    /// Transactions a second of one prepared statement.
    /// From due time to commit, in ms and in order, of a statement offered at a steady rate.
    static func pgbenchDelays(_ sql: String, perSecond: Int, seconds: Int, _ postgres: PostgresConfig, _ bench: Bench, on loop: isolated EventLoop)
        async throws -> [Double]
    {
        guard let pgbench = TextFile.program("pgbench") else { throw BenchError("pgbench is not installed") }
        let (script, log) = (bench.directory + "/delays.sql", bench.directory + "/delays")
        try TextFile.write(script, Array(sql.utf8))
        let child = try bench.start(
            "pgbench",
            [
                pgbench, "-n", "-M", "prepared", "-c", "2", "-j", "1", "-R", "\(perSecond)", "-T", "\(seconds)", "-l", "--log-prefix=\(log)", "-f", script,
                postgres.url,
            ])
        try await child.finish(withinMs: Int64(seconds) * 1000 + 60_000, on: loop)
        // client, transaction, µs since its due time, …
        let lines = (TextFile.read("\(log).\(child.pid)") ?? "").split(separator: "\n")
        let delays = lines.compactMap { $0.split(separator: " ").dropFirst(2).first.flatMap { Double($0) } }.map { $0 / 1000 }.sorted()
        guard !delays.isEmpty else { throw BenchError("pgbench wrote no delays") }
        return delays
    }

    static func pgbench(_ sql: String, clients: Int, _ postgres: PostgresConfig, _ bench: Bench, on loop: isolated EventLoop) async throws -> Double {
        guard let pgbench = TextFile.program("pgbench") else { throw BenchError("pgbench is not installed") }
        let script = bench.directory + "/pgbench.sql"
        try TextFile.write(script, Array(sql.utf8))
        let output = try await bench.run(
            "pgbench",
            [
                pgbench, "-n", "-M", "prepared", "-c", "\(clients)", "-j", "1", "-T", "\(bench.options.scaled(seconds))", "-f", script, postgres.url,
            ], on: loop)
        return try number(after: "tps =", in: output, "pgbench")
    }

    private static func number(after label: String, in output: String, _ program: String) throws -> Double {
        for line in output.split(separator: "\n") where line.contains(label) {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "=" || $0 == ":" })
            if let value = words.lazy.compactMap({ Double($0) }).first { return value }
        }
        throw BenchError("no figure in the output of \(program)")
    }

    /// A TCP port of the loopback that nobody uses now.
    static func freePort() throws -> UInt16 {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(fd) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(fd, $0, size) == 0 && getsockname(fd, $0, &size) == 0 }
        }
        guard bound else { throw BenchError("no free port") }
        return UInt16(bigEndian: address.sin_port)
    }
}
