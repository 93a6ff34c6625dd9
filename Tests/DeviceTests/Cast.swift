import Bytes
import Postgres
import Reactor
import TestSupport
import Testing

@testable import API

/// People with access tokens, and one device that they may do different things with.
struct Cast {
    enum Role: String, CaseIterable {
        case owner, admin, write, read
        /// Has nothing to do with the device.
        case stranger
        /// Neither, but an admin of the account system.
        case root
        /// To share with.
        case friend
    }

    struct Reply {
        let status: Int
        let json: JSONValue
        let answer: Answer
        var data: JSONValue { json["data"] ?? .null }
        var message: String { json["message"]?.string ?? "" }
    }

    let api: TestAPI
    let tokens: [String: String]
    let accounts: [String: String]
    static let device = "11111111-2222-3333-4444-555555555555"

    func id(_ role: Role) -> String { accounts[role.rawValue] ?? "" }

    func call(_ method: String, _ path: String, _ body: String? = nil, as role: Role? = .owner, on loop: isolated EventLoop) async throws -> Reply {
        let fields = role.map { [("Authorization", "Bearer \(tokens[$0.rawValue] ?? "")")] } ?? []
        let answer = try await api.request(method, "/api/v1" + path, fields, body: Array((body ?? "").utf8), on: loop)
        let json = answer.status == 204 ? JSONValue.null : try answer.json()
        if answer.status != 204 {
            #expect(json["code"]?.int == answer.status && json["request_id"]?.string == answer["x-request-id"], "\(answer.text.prefix(200))")
            #expect(json["timestamp"]?.string.flatMap { RFC3339.parse($0) } != nil)
        }
        if answer.status >= 400 { #expect(json["data"] == nil && !(json["message"]?.string ?? "").isEmpty, "\(answer.text.prefix(200))") }
        return Reply(status: answer.status, json: json, answer: answer)
    }

    func sql(_ statement: String, on loop: isolated EventLoop) async throws { try await api.pool.simple(statement) }

    func number(_ statement: String, on loop: isolated EventLoop) async throws -> Int {
        try await api.pool.query(Statement(statement)).int(0, 0)
    }

    /// A report of the cast's device; the last one in time is the newest.
    func report(_ time: String, _ level: Double, charging: Bool = false, temperature: String = "NULL", on loop: isolated EventLoop) async throws {
        try await sql(
            """
            INSERT INTO heliograph.battery_report (device, recorded_at, level, temperature, is_charging)
            SELECT number, '\(time)', \(level), \(temperature), \(charging) FROM heliograph.device WHERE id = '\(Self.device)'
            """, on: loop)
    }

    /// An event of the cast's device; returns its id.
    func event(
        _ type: String = "low_battery", level: String = "warning", status: String = "active", at time: String = "now()", on loop: isolated EventLoop
    ) async throws -> String {
        try await api.pool.query(
            Statement(
                """
                INSERT INTO heliograph.alert_event (device, rule, alert_type, level, status, message, value, threshold, triggered_at)
                SELECT number, gen_random_uuid(), '\(type)', '\(level)', '\(status)', '设备电量低: 15%', 15.2, 20, \(time)
                FROM heliograph.device WHERE id = '\(Self.device)' RETURNING id
                """)
        ).string(0, 0)
    }
}

/// Runs a body with a fresh API and cast.
func withCast(_ body: @Sendable (Cast, isolated EventLoop) async throws -> Void) async throws {
    try await withAPI { api, loop in
        var tokens: [String: String] = [:]
        var accounts: [String: String] = [:]
        let key = try await SigningKeys(api.pool).current()
        for role in Cast.Role.allCases {
            let rows = try await api.pool.query(
                """
                WITH a AS (
                    INSERT INTO heliograph.account (username, email, password_hash, role)
                    VALUES ($1, $1 || '@example.com', '-', CASE WHEN $1 = 'root' THEN 'admin' ELSE 'user' END) RETURNING number, id
                )
                INSERT INTO heliograph.session (account, expires_at) SELECT number, now() + interval '1 day' FROM a RETURNING id, (SELECT id FROM a)
                """, Parameters(role.rawValue))
            let now = api.start.seconds
            let account = try rows.string(0, 1)
            let token = WebToken(account: account, session: try rows.string(0, 0), issuedAt: now, expiresAt: now + 1_800)
            accounts[role.rawValue] = account
            tokens[role.rawValue] = token.signed(with: key)
        }
        try await api.sql(
            """
            INSERT INTO heliograph.device (id, owner, name, device_type, api_key_hash, api_key_prefix, created_at)
            SELECT '\(Cast.device)', number, '客厅传感器', 'battery_sensor', sha256('zk_cast'), 'zk_cast', '2026-01-01T00:00:00Z'
            FROM heliograph.account WHERE username = 'owner';
            INSERT INTO heliograph.device_share (device, account, permission)
            SELECT d.number, a.number, a.username FROM heliograph.device AS d, heliograph.account AS a WHERE a.username IN ('admin', 'write', 'read')
            """, on: loop)
        try await body(Cast(api: api, tokens: tokens, accounts: accounts), loop)
    }
}
