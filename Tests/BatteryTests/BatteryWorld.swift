import Bytes
import HTTP
import Postgres
import Protocol
import Reactor
import TestSupport
import Workers
import ZeroMQ

@testable import API

/// An API, a broker and a battery worker, with accounts and devices.
///
/// `owner`, `friend` (with whom device 1 is shared) and `stranger`; devices 1 and 2 of the owner with the keys `zk_1` and `zk_2`.
struct BatteryWorld {
    let api: TestAPI
    let fleet: TestFleet

    static let accounts = ["owner", "friend", "stranger"]

    func sql(_ text: String) async throws -> PostgresRows { try await api.pool.query(Statement(text)) }
    func int(_ text: String) async throws -> Int { try await sql(text).int(0, 0) }
    func texts(_ text: String) async throws -> [String] { try await sql(text).map { row in try row.next(String.self) } }

    func device(_ number: Int) async throws -> String { try await sql("SELECT id::text FROM heliograph.device WHERE number = \(number)").string(0, 0) }

    func rule(_ type: String, cooldown: Int = 30, mail: Bool = false) async throws {
        _ = try await sql(
            """
            INSERT INTO heliograph.alert_rule (account, name, alert_type, level, cooldown_minutes, notify_email)
            SELECT number, 'x', '\(type)', 'warning', \(cooldown), \(mail) FROM heliograph.account WHERE username = 'owner'
            """)
    }

    func token(_ text: String, permission: String = "all", _ more: [(column: String, value: String)] = []) async throws {
        _ = try await sql(
            """
            INSERT INTO heliograph.device_token (device, name, hash, prefix, permission\(more.map { ", \($0.column)" }.joined()))
            VALUES (1, 'x', sha256('\(text)'), 'dt_', '\(permission)'\(more.map { ", \($0.value)" }.joined()))
            """)
    }

    /// An access token of an account's new session.
    func accessToken(_ username: String) async throws -> String {
        let rows = try await sql(
            """
            INSERT INTO heliograph.session (account, expires_at) SELECT number, now() + interval '1 h' FROM heliograph.account WHERE username = '\(username)'
            RETURNING id::text, (SELECT id::text FROM heliograph.account WHERE username = '\(username)')
            """)
        let now = Clock.wall.seconds
        let token = WebToken(account: try rows.string(0, 1), session: try rows.string(0, 0), issuedAt: now, expiresAt: now + 600)
        return token.signed(with: try await SigningKeys(api.pool).current())
    }

    func report(_ body: String, key: String = "zk_1", on loop: isolated EventLoop) async throws -> Answer {
        try await api.request("POST", "/api/v1/battery/report", [("X-API-Key", key)], body: Array(body.utf8), on: loop)
    }

    func batch(_ rows: [String], key: String = "zk_1", on loop: isolated EventLoop) async throws -> Answer {
        let body = "{\"data\":[\(rows.joined(separator: ","))]}"
        return try await api.request("POST", "/api/v1/battery/batch-report", [("X-API-Key", key)], body: Array(body.utf8), on: loop)
    }

    /// A row some minutes after a fixed time in the past.
    static func row(_ level: Double, minute: Int, charging: Bool = false, temperature: Double? = nil) -> String {
        let time = RFC3339.string(Timestamp(seconds: 1_770_000_000 + Int64(minute) * 60))
        return #"{"battery_level":\#(level),"is_charging":\#(charging),"temperature":\#(temperature.map { "\($0)" } ?? "null"),"recorded_at":"\#(time)"}"#
    }

    /// `type value minute status` of all events but offline ones, in order.
    func events() async throws -> [String] {
        try await texts(
            """
            SELECT concat_ws(' ', alert_type, value, (extract(epoch FROM triggered_at)::bigint - 1770000000) / 60, status,
                (extract(epoch FROM resolved_at)::bigint - 1770000000) / 60)
            FROM heliograph.alert_event WHERE alert_type <> 'device_offline' ORDER BY triggered_at, alert_type
            """)
    }
}

func withBattery(_ body: @Sendable (BatteryWorld, isolated EventLoop) async throws -> Void) async throws {
    try await withAPI { api, loop in
        for name in BatteryWorld.accounts {
            try await api.sql("INSERT INTO heliograph.account (username, password_hash) VALUES ('\(name)', 'x')", on: loop)
        }
        try await api.sql(
            """
            INSERT INTO heliograph.device (owner, name, device_type, api_key_hash, api_key_prefix)
            SELECT a.number, 'd' || n, 'sensor', sha256(convert_to('zk_' || n, 'UTF8')), 'zk_' FROM heliograph.account AS a, generate_series(1, 2) AS n
            WHERE a.username = 'owner' ORDER BY n;
            INSERT INTO heliograph.device_share (device, account, permission) SELECT 1, number, 'read' FROM heliograph.account WHERE username = 'friend'
            """, on: loop)
        let pool = api.pool
        let fleet = try await TestFleet.start(api, on: loop) { worker, client in BatteryTelemetry(pool, client: client).register(worker, on: loop) }
        let world = BatteryWorld(api: api, fleet: fleet)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(world, loop))
        } catch {
            result = .failure(error)
        }
        await fleet.stop(on: loop)
        try result.get()
    }
}
