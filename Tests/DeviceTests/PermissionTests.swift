import Bytes
import Reactor
import TestSupport
import Testing

@Suite struct PermissionTests {
    /// A route on the device, and what it answers to read, write, admin and owner; others get 404.
    private struct Row {
        let method: String
        let path: String
        let body: String?
        let statuses: [Int]

        init(_ method: String, _ path: String, _ statuses: [Int]) { self.init(method, path, nil, statuses) }

        init(_ method: String, _ path: String, _ body: String?, _ statuses: [Int]) {
            self.method = method
            self.path = path
            self.body = body
            self.statuses = statuses
        }
    }

    private static let window = "start_time=2026-01-11T00:00:00Z&end_time=2026-01-12T00:00:00Z"
    private static let look = [200, 200, 200, 200]
    private static let change = [403, 200, 200, 200]

    private static let rows = [
        Row("GET", "/devices/{device}", look), Row("PUT", "/devices/{device}", #"{"name":"n"}"#, change),
        Row("GET", "/devices/{device}/config", look), Row("PUT", "/devices/{device}/config", #"{"report_interval_seconds":90}"#, change),
        Row("POST", "/devices/{device}/rotate-key", [403, 403, 200, 200]),
        Row("POST", "/devices/{device}/tokens", #"{"name":"t","permission":"all"}"#, [403, 403, 201, 201]),
        Row("GET", "/devices/{device}/tokens", [403, 403, 200, 200]),
        Row("DELETE", "/devices/{device}/tokens/{token}", [403, 403, 200, 200]),
        Row("DELETE", "/devices/{device}/tokens", [403, 403, 200, 200]),
        Row("POST", "/users/devices/{device}/share", #"{"user_identifier":"friend"}"#, [403, 403, 201, 201]),
        Row("GET", "/users/devices/{device}/shares", [403, 403, 200, 200]),
        Row("DELETE", "/users/devices/{device}/share/{friend}", [403, 403, 204, 204]),
        Row("DELETE", "/users/devices/{device}/share/{owner}", [403, 403, 403, 403]),
        Row("GET", "/battery/latest/{device}", look), Row("GET", "/battery/history/{device}?\(window)", look),
        Row("GET", "/battery/aggregated/{device}?\(window)", look), Row("GET", "/battery/stats/{device}?\(window)", look),
        Row("POST", "/alerts/events/{event}/acknowledge", change), Row("POST", "/alerts/events/{event}/resolve", change),
        Row("PUT", "/alerts/events/{event}/status", #"{"status":"resolved"}"#, change), Row("GET", "/alerts/devices/{device}/count", look),
        Row("DELETE", "/devices/{device}", [403, 403, 403, 204]),
    ]

    /// Routes that are about the account's own things.
    private static let own = [
        Row("POST", "/devices", #"{"name":"n","device_type":"t"}"#, []), Row("GET", "/devices", []), Row("GET", "/alerts/events", []),
        Row("POST", "/alerts/rules", "{}", []), Row("GET", "/alerts/rules", []), Row("PUT", "/alerts/rules/{event}", "{}", []),
        Row("DELETE", "/alerts/rules/{event}", []),
    ]

    private static func fill(_ path: String, _ cast: Cast, token: String, event: String) -> String {
        path.replacing("{device}", with: Cast.device).replacing("{token}", with: token).replacing("{event}", with: event)
            .replacing("{friend}", with: cast.id(.friend)).replacing("{owner}", with: cast.id(.owner))
    }

    @Test func `each route does for each permission what it may`() async throws {
        try await withCast { cast, loop in
            try await cast.sql(
                """
                INSERT INTO heliograph.battery_latest (device, recorded_at, level, is_charging) SELECT number, now(), 50, false FROM heliograph.device;
                """, on: loop)
            let token = try await cast.call("POST", "/devices/\(Cast.device)/tokens", #"{"name":"t","permission":"read"}"#, on: loop).data["id"]?.string
            let event = try await cast.event(on: loop)
            for row in Self.rows {
                let path = Self.fill(row.path, cast, token: token ?? "", event: event)
                let roles: [(Cast.Role, Int)] = [
                    (.stranger, 404), (.root, 404), (.read, row.statuses[0]), (.write, row.statuses[1]), (.admin, row.statuses[2]),
                    (.owner, row.statuses[3]),
                ]
                for (role, status) in roles {
                    try await cast.sql("UPDATE heliograph.alert_event SET status = 'active'", on: loop)
                    if row.path.contains("share") {
                        let isThere = row.method == "DELETE"
                        try await cast.sql(
                            isThere
                                ? """
                                INSERT INTO heliograph.device_share (device, account, permission)
                                SELECT d.number, a.number, 'admin' FROM heliograph.device AS d, heliograph.account AS a WHERE a.username = 'friend'
                                ON CONFLICT DO NOTHING
                                """
                                : """
                                DELETE FROM heliograph.device_share
                                WHERE account = (SELECT number FROM heliograph.account WHERE username = 'friend')
                                """, on: loop)
                    }
                    let before = try await Self.digest(cast, on: loop)
                    let reply = try await cast.call(row.method, path, row.body, as: role, on: loop)
                    #expect(reply.status == status, "\(row.method) \(row.path) as \(role): \(reply.status) \(reply.message)")
                    if status >= 400 { #expect(try await Self.digest(cast, on: loop) == before, "\(row.method) \(row.path) as \(role) changed something") }
                }
                let without = try await cast.call(row.method, path, row.body, as: nil, on: loop)
                #expect(without.status == 401, "\(row.method) \(row.path)")
            }
            for row in Self.own {
                let without = try await cast.call(row.method, Self.fill(row.path, cast, token: "", event: event), row.body, as: nil, on: loop)
                #expect(without.status == 401 && without.answer["www-authenticate"] != nil, "\(row.method) \(row.path)")
            }
        }
    }

    /// Everything that these routes can change.
    private static func digest(_ cast: Cast, on loop: isolated EventLoop) async throws -> Int {
        try await cast.number(
            """
            SELECT hashtext(concat(
                (SELECT string_agg(d::text, ';' ORDER BY number) FROM heliograph.device AS d),
                (SELECT string_agg(s::text, ';' ORDER BY id) FROM heliograph.device_share AS s),
                (SELECT string_agg(t::text, ';' ORDER BY id) FROM heliograph.device_token AS t),
                (SELECT string_agg(e::text, ';' ORDER BY id) FROM heliograph.alert_event AS e)))
            """, on: loop)
    }

    @Test func `what is not there and what is somebody else's answer the same`() async throws {
        try await withCast { cast, loop in
            let event = try await cast.event(on: loop)
            for row in Self.rows where !row.path.contains("{event}") {
                let foreign = try await cast.call(
                    row.method, Self.fill(row.path, cast, token: event, event: event), row.body, as: .stranger, on: loop)
                for id in ["99999999-2222-3333-4444-555555555555", "7", "not-a-uuid", "11111111-2222-3333-4444-55555555555g", "%27%3B--", "%E8%AE%BE"] {
                    let path = Self.fill(row.path, cast, token: event, event: event)
                    let reply = try await cast.call(row.method, path.replacing(Cast.device, with: id), row.body, as: .stranger, on: loop)
                    #expect(reply.status == 404 && reply.message == foreign.message, "\(row.method) \(row.path) \(id): \(reply.message)")
                }
            }
            for id in ["99999999-2222-3333-4444-555555555555", "x", "%E8%AE%BE"] {
                for (method, path, body) in [
                    ("POST", "/alerts/events/\(id)/resolve", ""), ("PUT", "/alerts/events/\(id)/status", #"{"status":"resolved"}"#),
                    ("PUT", "/alerts/rules/\(id)", "{}"), ("DELETE", "/alerts/rules/\(id)", ""),
                    ("DELETE", "/devices/\(Cast.device)/tokens/\(id)", ""), ("DELETE", "/users/devices/\(Cast.device)/share/\(id)", ""),
                ] {
                    let reply = try await cast.call(method, path, body, on: loop)
                    #expect(reply.status == 404, "\(method) \(path): \(reply.status) \(reply.message)")
                }
            }
        }
    }

    @Test func `lists hold what the account may see and nothing else`() async throws {
        try await withCast { cast, loop in
            _ = try await cast.event(on: loop)
            for (role, count) in [(Cast.Role.owner, 1), (.admin, 1), (.write, 1), (.read, 1), (.stranger, 0), (.root, 0)] {
                let devices = try await cast.call("GET", "/devices", as: role, on: loop)
                let events = try await cast.call("GET", "/alerts/events", as: role, on: loop)
                let ofDevice = try await cast.call("GET", "/alerts/events?device_id=\(Cast.device)", as: role, on: loop)
                for list in [devices, events, ofDevice] {
                    #expect(list.status == 200 && list.data["items"]?.array?.count == count && list.data["pagination"]?["total_items"]?.int == count)
                }
            }
            // An owner who is gone leaves the device to those whom it was shared with.
            try await cast.sql("DELETE FROM heliograph.account WHERE username = 'owner'", on: loop)
            let left = try await cast.call("GET", "/devices/\(Cast.device)", as: .read, on: loop)
            #expect(left.status == 200 && left.data["owner_id"] == .null)
            #expect(try await cast.call("DELETE", "/devices/\(Cast.device)", as: .admin, on: loop).status == 403)
            let shares = try await cast.call(
                "POST", "/users/devices/\(Cast.device)/share", #"{"user_identifier":"friend"}"#, as: .admin, on: loop)
            #expect(shares.status == 201)
        }
    }
}
