import Bytes
import Glibc
import Postgres
import Reactor
import Simulation

/// Two thousand cars that drive all the time, asked every 3 s by one poller, without streams: how late questions are asked, what that costs the
/// poller's thread, and how long after an answer a listener on `/ws` has the car's state.
enum PollerBench {
    static let names = ["vehicles.poll_ms", "vehicles.push_ms"]
    static let cars = 2_000
    static let intervalMs = 3_000.0
    /// Until all are under way; then what is measured, s.
    static let warmUpSeconds = 20
    static let seconds = 60

    static func run(_ bench: Bench, on loop: isolated EventLoop) async throws {
        let count = max(10, bench.options.scaled(cars))
        let program = bench.options.server[0]
        let cloud = try bench.start(
            "vehicle cloud", [program, "simulate", "vehicles", "--cars", String(count), "--lives", "driving"],
            environment: ["HELIOGRAPH_HOME=\(bench.options.root)"])
        let said = try await cloud.wait(withinMs: 60_000, on: loop) { output in output.contains("refresh_token") ? output : nil }
        let lines = said.split(separator: "\n").map { String($0.drop { $0 == " " }) }
        let settings = lines.filter { $0.hasPrefix("HELIOGRAPH_VEHICLE_") || $0.hasPrefix("STREAMING_HOST") }
        let server = try await ServerUnderTest.start(bench, environment: settings + ["USE_STREAMING_API=false"], on: loop)
        let tokens = "\(bench.directory)/tokens.json"
        try write(lines.first { $0.hasPrefix("{") } ?? "", to: tokens)
        _ = try await bench.run(
            "login", [program, "vehicles", "login", "--name", "bench", "--token-file", tokens, "--data", server.data],
            environment: ["HELIOGRAPH_HOME=\(bench.options.root)"], on: loop)
        let result: Result<Void, any Error>
        do { result = .success(try await measure(count, server, bench, on: loop)) } catch { result = .failure(error) }
        await bench.stop(server.child, on: loop)
        await bench.stop(cloud, on: loop)
        try result.get()
    }

    private static func measure(_ count: Int, _ server: ServerUnderTest, _ bench: Bench, on loop: isolated EventLoop) async throws {
        let pool = PostgresPool(server.postgres, size: 1, name: "bench", on: loop)
        let limit = Clock.monotonicNs + 120_000_000_000
        while try await pool.query("SELECT count(*) FROM heliograph.drive WHERE ended_at IS NULL").int(0, 0) < count {
            guard Clock.monotonicNs < limit else { throw BenchError("not all cars drive within two minutes") }
            await loop.sleep(ns: 250_000_000)
        }
        await loop.sleep(ns: Int64(warmUpSeconds) * 1_000_000_000)

        var delays: [Double] = []
        let listener = try await SocketListener.open(server.address, "/ws", on: loop) { text, _ in
            // A driving car is in use at every answer: then is when it came.
            guard let json = try? JSONValue.parse(text), json["type"] == "state_update",  // ok: only updates are counted
                let used = json["data"]?["last_used"]?.string.flatMap({ RFC3339.parse($0) })
            else { return }
            delays.append(Clock.wall.seconds(since: used) * 1e3)
        }
        let before = (cpu: try cpuSeconds(server.child.pid), at: Clock.wall)
        await loop.sleep(ns: Int64(seconds) * 1_000_000_000)
        let cpu = (try cpuSeconds(server.child.pid) - before.cpu) / Clock.wall.seconds(since: before.at)
        if let failure = listener.failure { throw failure }
        listener.close(on: loop)
        let rows = try await pool.query(
            """
            SELECT count(*), percentile_disc(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY late)::text FROM (
                SELECT extract(epoch FROM recorded_at - lag(recorded_at) OVER (PARTITION BY drive ORDER BY recorded_at)) * 1000 - $2 AS late
                FROM heliograph.position WHERE recorded_at > $1 AND drive IS NOT NULL) AS p WHERE late IS NOT NULL
            """, Parameters(before.at, intervalMs))
        await pool.close(on: loop)
        let polls = try rows.int(0, 0)
        let late = try rows.string(0, 1).split(whereSeparator: { "{},".contains($0) }).compactMap { Double($0) }
        guard polls > count, late.count == 2, delays.count > count else { throw BenchError("\(polls) polls and \(delays.count) pushes") }
        delays.sort()
        let conditions = "\(count) driving cars, one poller's thread with \(tenths(cpu * 100)) % of a core, \(polls / seconds) answers/s stored"
        bench.record(
            Figure(
                "vehicles.poll_ms", late[1], "ms p99",
                conditions: "later than 3 s after the answer before, p50 \(tenths(late[0])) ms, the answer's time included; \(conditions)"))
        bench.record(
            Figure(
                "vehicles.push_ms", delays[delays.count * 99 / 100], "ms p99",
                conditions: "from the answer to the listener on /ws, committed in between, p50 \(tenths(delays[delays.count / 2])) ms; \(conditions)"))
    }

    private static func tenths(_ value: Double) -> Double { (value * 10).rounded() / 10 }

    /// Of the thread `vehicles`, user and system.
    private static func cpuSeconds(_ pid: Int32) throws -> Double {
        var total = 0.0
        let tasks = "/proc/\(pid)/task"
        guard let folder = opendir(tasks) else { throw BenchError("no threads of process \(pid)") }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let thread = withUnsafePointer(to: &entry.pointee.d_name) { $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) } }
            guard TextFile.read("\(tasks)/\(thread)/comm") == "vehicles\n", let stat = TextFile.read("\(tasks)/\(thread)/stat") else { continue }
            // After the name in brackets: the 12th and 13th field are ticks in user and system mode.
            let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
            guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else { continue }
            total += (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
        }
        guard total > 0 else { throw BenchError("no thread 'vehicles' in process \(pid)") }
        return total
    }

    private static func write(_ text: String, to path: String) throws {
        let fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        defer { close(fd) }
        guard fd >= 0, Glibc.write(fd, text, text.utf8.count) == text.utf8.count else { throw BenchError("cannot write \(path)") }
    }
}
