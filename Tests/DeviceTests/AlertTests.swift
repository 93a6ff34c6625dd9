import Bytes
import Postgres
import Reactor
import TestSupport
import Testing

@Suite struct AlertTests {
    private func rule(_ type: String, _ extra: String = "") -> String { #"{"name":"规则","alert_type":"\#(type)","level":"info"\#(extra)}"# }

    @Test func `an account has one enabled rule of each type`() async throws {
        try await withCast { cast, loop in
            let first = try await cast.call("POST", "/alerts/rules", rule("rapid_drain", #","notify_email":true"#), on: loop)
            #expect(first.status == 201 && first.data["notify_email"] == true && first.data["cooldown_minutes"] == 30)
            #expect(try await cast.call("POST", "/alerts/rules", rule("rapid_drain"), on: loop).status == 409)
            // Another account's does not stand in the way, nor another type, nor one that is off.
            #expect(try await cast.call("POST", "/alerts/rules", rule("rapid_drain"), as: .admin, on: loop).status == 201)
            let second = try await cast.call("POST", "/alerts/rules", rule("rapid_drain", #","enabled":false,"cooldown_minutes":1440"#), on: loop)
            #expect(second.status == 201 && second.data["enabled"] == false)
            let third = try await cast.call("POST", "/alerts/rules", rule("device_offline", #","cooldown_minutes":1"#), on: loop)
            #expect(third.status == 201)
            let path = { (reply: Cast.Reply) in "/alerts/rules/\(reply.data["id"]?.string ?? "")" }
            #expect(try await cast.call("PUT", path(second), #"{"enabled":true}"#, on: loop).status == 409)
            #expect(try await cast.call("PUT", path(third), #"{"alert_type":"rapid_drain"}"#, on: loop).status == 409)
            #expect(try await cast.call("PUT", path(first), #"{"enabled":false}"#, on: loop).status == 200)
            #expect(try await cast.call("PUT", path(second), #"{"enabled":true}"#, on: loop).status == 200)
            let listed = try await cast.call("GET", "/alerts/rules", on: loop).data.array ?? []
            let found = listed.compactMap { $0["alert_type"]?.string }
            #expect(found == ["device_offline", "rapid_drain", "rapid_drain"])
        }
    }

    @Test func `a change of a rule touches what it names`() async throws {
        try await withCast { cast, loop in
            let made = try await cast.call("POST", "/alerts/rules", rule("low_battery"), on: loop).data
            let path = "/alerts/rules/\(made["id"]?.string ?? "")"
            let same = try await cast.call("PUT", path, #"{"name":null,"user_id":"x","id":7}"#, on: loop).data
            for name in ["id", "user_id", "name", "alert_type", "level", "cooldown_minutes", "enabled", "notify_email", "created_at"] {
                #expect(same[name] == made[name], "\(name)")
            }
            let name = #"<b>'; DROP TABLE x; --\"</b>"#
            let all = try await cast.call(
                "PUT", path,
                #"{"name":"\#(name)","alert_type":"critical_battery","level":"critical","cooldown_minutes":1440,"enabled":false,"notify_email":true}"#, on: loop
            ).data
            #expect(all["name"]?.string == #"<b>'; DROP TABLE x; --"</b>"# && all["alert_type"] == "critical_battery" && all["level"] == "critical")
            #expect(all["cooldown_minutes"] == 1440 && all["enabled"] == false && all["notify_email"] == true)
            for bad in [#"{"cooldown_minutes":0}"#, #"{"enabled":"no"}"#, #"{"alert_type":"x"}"#, #"{"level":1}"#, #"{"name":""}"#, "[]", ""] {
                #expect(try await cast.call("PUT", path, bad, on: loop).status == 400, "\(bad)")
            }
        }
    }

    @Test func `a foreign rule does not exist`() async throws {
        try await withCast { cast, loop in
            let path = "/alerts/rules/\(try await cast.call("POST", "/alerts/rules", rule("low_battery"), on: loop).data["id"]?.string ?? "")"
            for role in [Cast.Role.admin, .root, .stranger] {
                #expect(try await cast.call("PUT", path, #"{"enabled":false}"#, as: role, on: loop).status == 404)
                #expect(try await cast.call("DELETE", path, as: role, on: loop).status == 404)
                #expect(try await cast.call("GET", "/alerts/rules", as: role, on: loop).data == [])
            }
            #expect(try await cast.call("DELETE", path, on: loop).status == 204)
            #expect(try await cast.call("DELETE", path, on: loop).status == 404)
        }
    }

    @Test func `events go from active over acknowledged to resolved and never back`() async throws {
        try await withCast { cast, loop in
            let cases: [(from: String, method: String, path: String, body: String?, status: Int, to: String)] = [
                ("active", "POST", "acknowledge", nil, 200, "acknowledged"), ("acknowledged", "POST", "acknowledge", nil, 200, "acknowledged"),
                ("resolved", "POST", "acknowledge", nil, 409, "resolved"), ("active", "POST", "resolve", nil, 200, "resolved"),
                ("acknowledged", "POST", "resolve", nil, 200, "resolved"), ("resolved", "POST", "resolve", nil, 200, "resolved"),
                ("active", "PUT", "status", #"{"status":"acknowledged"}"#, 200, "acknowledged"),
                ("resolved", "PUT", "status", #"{"status":"acknowledged"}"#, 409, "resolved"),
                ("acknowledged", "PUT", "status", #"{"status":"resolved"}"#, 200, "resolved"),
                ("resolved", "PUT", "status", #"{"status":"resolved"}"#, 200, "resolved"),
                ("acknowledged", "PUT", "status", #"{"status":"active"}"#, 400, "acknowledged"),
                ("active", "PUT", "status", #"{"status":"active"}"#, 400, "active"), ("active", "PUT", "status", #"{"status":7}"#, 400, "active"),
                ("active", "PUT", "status", "{}", 400, "active"), ("active", "PUT", "status", #""resolved""#, 400, "active"),
                ("active", "PUT", "status", #"{"status":null}"#, 400, "active"),
            ]
            for (i, (from, method, path, body, status, to)) in cases.enumerated() {
                let id = try await cast.event(status: from, at: "now() - \(i) * interval '1 s'", on: loop)
                let reply = try await cast.call(method, "/alerts/events/\(id)/\(path)", body, as: .write, on: loop)
                let name = "\(from) \(method) \(path) \(body ?? "")"
                #expect(reply.status == status, "\(name): \(reply.status) \(reply.message)")
                let isThere = try await cast.number("SELECT count(*) FROM heliograph.alert_event WHERE id = '\(id)' AND status = '\(to)'", on: loop)
                #expect(isThere == 1, "\(name)")
                guard status == 200 else { continue }
                #expect(reply.data["status"]?.string == to && reply.data["id"]?.string == id, "\(name)")
                // What it was already stays as it was, without a time that nobody set.
                let time = reply.data[to == "resolved" ? "resolved_at" : "acknowledged_at"]
                #expect((time == .null) == (from == to), "\(name)")
            }
        }
    }

    @Test func `events are listed by device, level, status and type, the newest first`() async throws {
        try await withCast { cast, loop in
            try await cast.sql(
                """
                INSERT INTO heliograph.device (owner, name, device_type, api_key_hash, api_key_prefix)
                SELECT number, username, 't', sha256(username::bytea), '' FROM heliograph.account WHERE username IN ('owner', 'stranger');
                INSERT INTO heliograph.alert_event (device, rule, alert_type, level, status, message, value, threshold, triggered_at)
                SELECT d.number, gen_random_uuid(), (ARRAY['low_battery', 'rapid_drain'])[1 + n % 2], (ARRAY['info', 'warning', 'critical'])[1 + n % 3],
                    (ARRAY['active', 'acknowledged', 'resolved'])[1 + n / 10], d.name || n, n, 20, '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 h'
                FROM heliograph.device AS d, generate_series(0, 29) AS n
                """, on: loop)
            let other = try await cast.api.pool.query("SELECT id FROM heliograph.device WHERE name = 'owner'").string(0, 0)
            let foreign = try await cast.api.pool.query("SELECT id FROM heliograph.device WHERE name = 'stranger'").string(0, 0)
            let cases: [(query: String, total: Int, count: Int)] = [
                ("", 60, 20), ("?page_size=100", 60, 60), ("?page=4&page_size=17", 60, 9), ("?page=9", 60, 0), ("?device_id=\(other)", 30, 20),
                ("?device_id=\(other.uppercased())&page_size=100", 30, 30), ("?device_id=\(foreign)", 0, 0),
                ("?device_id=99999999-2222-3333-4444-555555555555", 0, 0), ("?level=critical", 20, 20), ("?status=active", 20, 20),
                ("?alert_type=rapid_drain", 30, 20), ("?alert_type=device_offline", 0, 0), ("?status=resolved&level=info&alert_type=low_battery", 2, 2),
                ("?device_id=\(other)&status=resolved&level=info&alert_type=low_battery", 1, 1), ("?status=&level=", 60, 20),
            ]
            for (query, total, count) in cases {
                let list = try await cast.call("GET", "/alerts/events" + query, on: loop).data
                let items = list["items"]?.array ?? []
                #expect(list["pagination"]?["total_items"]?.int == total && items.count == count, "\(query): \(list["pagination"] ?? .null) \(items.count)")
                let times = items.compactMap { $0["triggered_at"]?.string }
                #expect(times == times.sorted(by: >), "\(query)")
            }
            // A device that was shared shows its events as well; another's active ones are not counted.
            let shared = try await cast.call("GET", "/alerts/events?page_size=1", as: .read, on: loop).data
            #expect(shared["pagination"]?["total_items"] == 30 && shared["items"]?[0]?["device_id"]?.string == Cast.device)
            #expect(try await cast.call("GET", "/alerts/devices/\(Cast.device)/count", as: .read, on: loop).data == ["active_count": 10])
            #expect(try await cast.call("GET", "/alerts/devices/\(other)/count", as: .read, on: loop).status == 404)
        }
    }
}
