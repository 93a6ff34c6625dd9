import Bytes
import Postgres
import Reactor
import Simulation

/// Reports that make alerts: how many the fleet judges in a second, and how soon an alert is heard.
enum AlertBench {
    static let names = ["battery.evaluate", "battery.alert_ms"]
    static let devices = 500
    static let batchRows = 100
    static let judgedRows = 300_000
    static let perSecond = 1_000
    static let seconds = 20
    /// Rounds before the measured ones: plans are made, and who may see the devices is asked.
    static let warmUpSeconds = 3

    static func run(_ wanted: Set<String>, _ server: ServerUnderTest, _ bench: Bench, on loop: isolated EventLoop) async throws {
        guard names.contains(where: wanted.contains) else { return }
        let token = try await BatteryBench.token("listener", server, on: loop)
        if wanted.contains("battery.evaluate") { try await evaluate(server, bench, on: loop) }
        if wanted.contains("battery.alert_ms") { try await alerts(server, token, bench, on: loop) }
    }

    private static func key(_ set: String, _ device: Int) -> String { "zk_\(set)\(device)" }

    /// Devices of `listener`, who has the rules given; returns their ids in order.
    private static func fill(_ set: String, rules: [String], _ pool: PostgresPool) async throws -> [String] {
        try await pool.query("DELETE FROM heliograph.alert_rule WHERE account = (SELECT number FROM heliograph.account WHERE username = 'listener')")
        try await pool.query(
            """
            INSERT INTO heliograph.alert_rule (account, name, alert_type, level, cooldown_minutes)
            SELECT a.number, t, t, 'warning', 20 FROM heliograph.account AS a, unnest($1::text[]) AS t WHERE a.username = 'listener'
            """, Parameters(rules))
        let rows = try await pool.query(
            """
            INSERT INTO heliograph.device (owner, name, device_type, api_key_hash, api_key_prefix)
            SELECT (SELECT number FROM heliograph.account WHERE username = 'listener'), $1 || n, 'sensor', sha256(convert_to('zk_' || $1 || n, 'UTF8')), 'zk_'
            FROM generate_series(0, $2 - 1) AS n ORDER BY n RETURNING id::text
            """, Parameters(set, Int64(devices)))
        return try rows.map { row in try row.next(String.self) }
    }

    // MARK: How many are judged

    /// A minute of a device's life: it drains, is hot for a while, drains fast, and is charged again, once in 100 minutes.
    private static func sample(_ minute: Int) -> BatterySample {
        let turn = minute % 100
        let level =
            turn < 50
            ? 95 - Double(turn) * 1.2 : turn < 60 ? 35 - Double(turn - 50) * 2.5 : turn < 70 ? 10 - Double(turn - 60) * 0.5 : 5 + Double(turn - 70) * 3
        return BatterySample(level: level, temperature: (20..<30).contains(turn) ? 50 : 30, voltage: 3.8, isCharging: turn >= 70, powerSaving: "off")
    }

    private static func evaluate(_ server: ServerUnderTest, _ bench: Bench, on loop: isolated EventLoop) async throws {
        let pool = PostgresPool(server.postgres, size: 1, name: "bench", on: loop)
        _ = try await fill("judged", rules: ["low_battery", "critical_battery", "high_temperature", "device_offline", "rapid_drain"], pool)
        let rounds = max(1, bench.options.scaled(judgedRows) / (devices * batchRows))
        let start = Clock.wall.seconds - Int64((rounds + 2) * batchRows * 60)
        let bodies = (0..<(rounds * devices)).map { batch in
            var w = JSONWriter()
            w.object { w in
                w.key("data")
                w.array { w in
                    for n in 0..<batchRows {
                        let minute = batch / devices * batchRows + n
                        // No two devices are at the same place of their lives.
                        sample(minute + batch % devices).write(to: &w, at: Timestamp(seconds: start + Int64(minute) * 60))
                    }
                }
            }
            return w.bytes
        }
        let seconds = try await BatteryBench.post("/api/v1/battery/batch-report", bodies, key: { key("judged", $0 % devices) }, server, on: loop)
        let counts = try await pool.query(
            """
            SELECT (SELECT count(*) FROM heliograph.alert_event AS e JOIN heliograph.device AS d ON d.number = e.device WHERE d.name LIKE 'judged%'),
                (SELECT count(*) FROM heliograph.battery_report AS r JOIN heliograph.device AS d ON d.number = r.device WHERE d.name LIKE 'judged%')
            """)
        let (events, rows) = (try counts.int(0, 0), try counts.int(0, 1))
        await pool.close(on: loop)
        guard rows == bodies.count * batchRows, events >= bodies.count else { throw BenchError("\(rows) reports and \(events) alerts are there") }
        bench.record(
            Figure(
                "battery.evaluate", Double(rows) / seconds, "reports/s",
                conditions: "batches of \(batchRows) reports of \(devices) devices, committed, judged by five rules, \(events) alerts, 16 connections"))
    }

    // MARK: How soon they are heard

    /// Reports of a device are so far apart by their own time, s.
    private static let apart: Int64 = 660
    /// A device's level is low for so many reports and high for as many: one report in ten begins or ends an alert.
    private static let turn = 10

    private static func isLow(_ device: Int, _ round: Int) -> Bool { (device + round) / turn % 2 == 1 }
    /// Whether an alert follows from a report, by its number.
    private static func isHeard(_ n: Int) -> Bool {
        let (device, round) = (n % devices, n / devices)
        return isLow(device, round) != (round > 0 && isLow(device, round - 1))
    }

    private final class Heard {
        var dueNs: [Int64]
        var delays: [Double] = []
        var failure: BenchError?
        init(_ count: Int) { dueNs = Array(repeating: 0, count: count) }
    }

    private static func alerts(_ server: ServerUnderTest, _ token: String, _ bench: Bench, on loop: isolated EventLoop) async throws {
        let pool = PostgresPool(server.postgres, size: 1, name: "bench", on: loop)
        let ids = try await fill("heard", rules: ["low_battery", "critical_battery", "high_temperature", "device_offline"], pool)
        await pool.close(on: loop)
        let numbers = Dictionary(uniqueKeysWithValues: ids.enumerated().map { ($1, $0) })
        let warmUp = warmUpSeconds * perSecond
        let count = warmUp + bench.options.scaled(seconds) * perSecond
        let start = Clock.wall.seconds - (Int64(count / devices) + 2) * apart
        let heard = Heard(count)
        let listener = try await SocketListener.open(server.address, "/api/ws?topics=alerts.*&access_token=\(token)", on: loop) { text, now in
            guard let n = number(text, numbers, start), n < count, isHeard(n) else {
                heard.failure = BenchError("heard: \(String(decoding: text, as: UTF8.self))")
                return
            }
            if n >= warmUp { heard.delays.append(Double(now - heard.dueNs[n]) / 1e6) }
        }
        let clients = (0..<Wrk.connections).map { _ in HTTPClient(server.address, on: loop) }
        defer { for client in clients { client.close() } }
        try await OpenLoop.offer(count, perSecond: perSecond, on: loop) { n, due in
            heard.dueNs[n] = due
            let (device, round) = (n % devices, n / devices)
            let time = RFC3339.string(Timestamp(seconds: start + Int64(round) * apart), .utc)
            let body =
                "{\"battery_level\":\(isLow(device, round) ? 15 : 60),\"is_charging\":false,\"temperature\":28.5,\"voltage\":3.9,\"recorded_at\":\"\(time)\"}"
            let headers = [("X-API-Key", key("heard", device)), ("Content-Type", "application/json")]
            clients[n % clients.count].send("POST", "/api/v1/battery/report", headers: headers, body: Array(body.utf8)) { result in
                switch result {
                case .success(let answer) where (200..<300).contains(answer.status): break
                case .success(let answer): heard.failure = BenchError("report: \(answer.status) \(String(decoding: answer.body.prefix(200), as: UTF8.self))")
                case .failure(let error): heard.failure = BenchError("report: \(error)")
                }
            }
            if let failure = heard.failure ?? listener.failure { throw failure }
        }
        let limit = Clock.monotonicNs + 10_000_000_000
        let wanted = (warmUp..<count).count { isHeard($0) }
        while heard.delays.count < wanted, Clock.monotonicNs < limit { await loop.sleep(ns: 10_000_000) }
        listener.close(on: loop)
        let sorted = heard.delays.sorted()
        guard sorted.count == wanted else { throw BenchError("\(sorted.count) of \(wanted) alerts were heard") }
        let p50 = (OpenLoop.percentile(sorted, 0.5) * 10).rounded() / 10
        bench.record(
            Figure(
                "battery.alert_ms", OpenLoop.percentile(sorted, 0.99), "ms",
                conditions:
                    "p99 from when a report was due to its alert on a WebSocket, \(perSecond) reports/s offered for \(count / perSecond - warmUpSeconds) s, "
                    + "open loop, one report a request, one in \(turn) begins or ends an alert, \(devices) devices; p50 \(p50) ms"))
    }

    /// Which report an alert event follows from.
    private static func number(_ text: [UInt8], _ devices: [String: Int], _ start: Int64) -> Int? {
        let event: JSONValue
        do throws(JSONError) {
            event = try JSONValue.parse(text)
        } catch {
            return nil
        }
        guard let device = event["device_id"]?.string.flatMap({ devices[$0] }), let name = event["event"]?.string,
            let time = event[name == "resolved" ? "resolved_at" : "triggered_at"]?.string.flatMap({ RFC3339.parse($0) })
        else { return nil }
        return Int((time.seconds - start) / apart) * devices.count + device
    }
}
