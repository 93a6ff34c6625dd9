import Bytes
import Postgres
import Reactor
import Simulation

/// Battery reports of devices with keys, and their history. References: FastAPI with the same checks and statements, and COPY of the same rows.
enum BatteryBench {
    static let devices = 500
    /// Devices of the batches.
    static let batchDevices = 100
    static let historyRows = 10_000
    static let batchRows = 1_000
    static let copiedRows = 300_000

    static func run(_ wanted: Set<String>, _ bench: Bench, on loop: isolated EventLoop) async throws {
        let server = try await ServerUnderTest.start(bench, on: loop)
        try await Bench.fillLog(server.postgres, on: loop)
        try await fill(server.postgres, on: loop)
        if wanted.contains("battery.report") { try await report(server, bench, on: loop) }
        if wanted.contains("battery.batch") { try await batches(server, bench, on: loop) }
        if wanted.contains("battery.history") { try await history(server, bench, on: loop) }
        try await AlertBench.run(wanted, server, bench, on: loop)
        await bench.stop(server.child, on: loop)
    }

    private static let load = "wrk, 1 thread, \(Wrk.connections) connections"

    private static func key(_ device: Int) -> String { "zk_bench\(device)" }

    private static func fill(_ postgres: PostgresConfig, on loop: isolated EventLoop) async throws {
        try await QueueBench.statements(
            [
                "INSERT INTO heliograph.account (username, password_hash, email) VALUES ('bench', '-', 'bench@example.org')",
                """
                INSERT INTO heliograph.device (owner, name, device_type, api_key_hash, api_key_prefix)
                SELECT (SELECT number FROM heliograph.account WHERE username = 'bench'), 'bench ' || n, 'sensor', sha256(convert_to('zk_bench' || n, 'UTF8')), 'zk_bench'
                FROM generate_series(1, \(devices)) AS n
                """,
                "INSERT INTO heliograph.alert_rule (account, name, alert_type, level) SELECT number, t, t, 'warning' FROM heliograph.account, "
                    + "unnest(ARRAY['low_battery', 'critical_battery', 'high_temperature', 'device_offline', 'rapid_drain']) AS t WHERE username = 'bench'",
            ], postgres, on: loop)
    }

    /// A wrk script: one report a request, of all devices in turn, a minute after each one's report before. They begin some days ago, where the
    /// reports of every day lie; `daysAgo` keeps runs apart.
    private static func script(daysAgo: Int64) -> String {
        let now = Clock.wall.seconds
        // Each run of the script has its own hours: the warm-up's reports do not come again.
        return """
            local n = 0
            local start = \(now - daysAgo * 86_400) + (os.time() - \(now)) * 3600
            wrk.method = "POST"
            wrk.headers["Content-Type"] = "application/json"
            request = function()
                n = n + 1
                local turn = math.floor(n / \(devices))
                local second = start + turn * 60
                wrk.headers["X-API-Key"] = "zk_bench" .. (n % \(devices) + 1)
                return wrk.format(nil, nil, nil, string.format(
                    '{"battery_level":%d,"is_charging":false,"power_saving_mode":"off","temperature":28.5,"voltage":3.9,"recorded_at":"%s.%03dZ"}',
                    90 - turn % 60, os.date("!%Y-%m-%dT%H:%M:%S", second), n % 1000))
            end
            """
    }

    private static func report(_ server: ServerUnderTest, _ bench: Bench, on loop: isolated EventLoop) async throws {
        let path = "/api/v1/battery/report"
        let value = try await Wrk.rate("http://\(server.address)\(path)", script: script(daysAgo: 4), bench, on: loop)
        let reference = await FastAPIReference.rate(path, script: script(daysAgo: 2), server.postgres, bench, on: loop)
        bench.record(
            Figure(
                "battery.report", value, "reports/s", reference: "FastAPI and asyncpg, one uvicorn process", reference,
                conditions: "POST \(path), one report a request, committed, alerts judged by five rules, \(devices) devices, \(load)"))
    }

    private static func batches(_ server: ServerUnderTest, _ bench: Bench, on loop: isolated EventLoop) async throws {
        let rows = bench.options.scaled(copiedRows)
        let bodies = (0..<max(1, rows / batchRows)).map { batch in
            var w = JSONWriter()
            w.object { w in
                w.key("data")
                w.array { w in
                    for n in 0..<batchRows {
                        BatterySample(level: Double(40 + n % 50), temperature: 25.5, voltage: 3.8, isCharging: false, powerSaving: "off")
                            .write(to: &w, at: Timestamp(seconds: 1_600_000_000 + Int64(batch / batchDevices * batchRows + n) * 10))
                    }
                }
            }
            return w.bytes
        }
        let seconds = try await post("/api/v1/battery/batch-report", bodies, key: { key($0 % batchDevices + 1) }, server, on: loop)
        let value = Double(bodies.count * batchRows) / seconds
        let psql = await bench.reference("psql", [TextFile.program("psql")]) {
            try await copy(bodies.count * batchRows, server.postgres, bench, on: loop)
        }
        bench.record(
            Figure(
                "battery.batch", value, "rows/s", reference: "psql \\copy of the same rows into the same table", psql,
                conditions: "\(bodies.count) batches of \(batchRows) reports, committed, alerts judged by five rules, 16 connections"))
    }

    /// Posts bodies in turn over 16 connections, each with a device's key; returns the seconds until the last one was answered.
    static func post(
        _ path: String, _ bodies: [[UInt8]], key: @escaping (Int) -> String, _ server: ServerUnderTest, on loop: isolated EventLoop
    ) async throws -> Double {
        let started = Clock.monotonicNs
        var open = 0
        var sent = 0
        var failure: String?
        let clients = (0..<16).map { _ in HTTPClient(server.address, on: loop) }
        for client in clients {
            open += 1
            loop.spawn {
                while sent < bodies.count, failure == nil {
                    let mine = sent
                    sent += 1
                    do {
                        let answer = try await client.post(
                            path, headers: [("X-API-Key", key(mine)), ("Content-Type", "application/json")], body: bodies[mine])
                        if !(200..<300).contains(answer.status) { failure = "\(answer.status) \(String(decoding: answer.body.prefix(200), as: UTF8.self))" }
                    } catch {
                        failure = "\(error)"
                    }
                }
                open -= 1
            }
        }
        while open > 0 { await loop.sleep(ns: 1_000_000) }
        for client in clients { client.close() }
        if let failure { throw BenchError("\(path): \(failure)") }
        return Double(Clock.monotonicNs - started) / 1e9
    }

    private static func copy(_ rows: Int, _ postgres: PostgresConfig, _ bench: Bench, on loop: isolated EventLoop) async throws -> Double {
        try await QueueBench.statements(["TRUNCATE heliograph.battery_report", "CHECKPOINT"], postgres, on: loop)
        var text: [UInt8] = []
        for n in 0..<rows {
            let (batch, row) = (n / batchRows, n % batchRows)
            let time = RFC3339.string(Timestamp(seconds: 1_600_000_000 + Int64(batch / batchDevices * batchRows + row) * 10), .utc)
            text += Array("\(batch % batchDevices + 1)\t\(time)\t\(40 + row % 50)\t25.5\t3.8\tf\t0\n".utf8)
        }
        let file = bench.directory + "/reports.tsv"
        try TextFile.write(file, text)
        guard let psql = TextFile.program("psql") else { throw BenchError("psql is not installed") }
        let started = Clock.monotonicNs
        let columns = "device, recorded_at, level, temperature, voltage, is_charging, power_saving"
        _ = try await bench.run(
            "psql", [psql, "-q", "-v", "ON_ERROR_STOP=1", "-c", "\\copy heliograph.battery_report (\(columns)) from '\(file)'", postgres.url], on: loop)
        return Double(rows) / (Double(Clock.monotonicNs - started) / 1e9)
    }

    private static func history(_ server: ServerUnderTest, _ bench: Bench, on loop: isolated EventLoop) async throws {
        let login = try await token("reader", server, on: loop)
        let pool = PostgresPool(server.postgres, size: 1, name: "bench", on: loop)
        let made = try await pool.query(
            """
            INSERT INTO heliograph.device (owner, name, device_type, api_key_hash, api_key_prefix)
            SELECT number, 'history', 'sensor', sha256('history'), 'history' FROM heliograph.account WHERE username = 'reader' RETURNING number, id::text
            """)
        let (number, id) = (try made.int64(0, 0), try made.string(0, 1))
        try await pool.query(
            """
            INSERT INTO heliograph.battery_report (device, recorded_at, level, temperature, voltage, is_charging)
            SELECT $1, '2026-06-01T00:00:00Z'::timestamptz + n * interval '1 minute', n % 100, 25.5, 3.8, false FROM generate_series(1, $2::integer) AS n
            """, Parameters(number, Int64(historyRows)))
        await pool.close(on: loop)
        let path = "/api/v1/battery/history/\(id)?start_time=2026-06-01T00:00:00Z&end_time=2026-07-01T00:00:00Z&limit=\(historyRows)"
        let script = "wrk.headers[\"Authorization\"] = \"Bearer \(login)\""
        let value = try await Wrk.rate("http://\(server.address)\(path)", script: script, bench, on: loop)
        let reference = await FastAPIReference.rate(path, script: script, server.postgres, bench, on: loop)
        bench.record(
            Figure(
                "battery.history", value, "requests/s", reference: "FastAPI and asyncpg, one uvicorn process", reference,
                conditions: "GET /api/v1/battery/history, \(historyRows) rows, \(load)"))
    }

    static let password = "Reader-2026"

    /// Registers a user with `password` and logs in.
    static func token(_ name: String, _ server: ServerUnderTest, on loop: isolated EventLoop) async throws -> String {
        let client = HTTPClient(server.address, on: loop)
        defer { client.close() }
        let json = [("Content-Type", "application/json")]
        let account = "{\"email\":\"\(name)@example.org\",\"username\":\"\(name)\",\"password\":\"\(password)\",\"confirm_password\":\"\(password)\"}"
        _ = try await client.post("/api/v1/users/register", headers: json, body: Array(account.utf8))
        let answer = try await client.post(
            "/api/v1/users/login", headers: json, body: Array("{\"login\":\"\(name)\",\"password\":\"\(password)\"}".utf8))
        guard let token = try JSONValue.parse(answer.body)["data"]?["access_token"]?.string else {
            throw BenchError("no log-in: \(String(decoding: answer.body.prefix(200), as: UTF8.self))")
        }
        return token
    }
}
