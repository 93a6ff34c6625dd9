import Bytes
import Postgres
import Reactor
import TestSupport
import Testing

@testable import API

@Suite struct DeviceRouteTests {
    @Test func `names and metadata come back as they went in`() async throws {
        try await withCast { cast, loop in
            let names = [
                "'; DROP TABLE heliograph.device; --", "<script>alert(1)</script>", #"a"b\c"#, "${jndi:ldap://x}", "设备 😀", "a\nb\t", "%s%n",
                String(repeating: "长", count: 100), " ",
            ]
            for name in names {
                let body = JSONValue.object([
                    (key: "name", value: .string(name)), (key: "device_type", value: .string(String(name.prefix(50)))),
                    (key: "metadata", value: .object([(key: name, value: .array([.string(name), 1.5, nil]))])), (key: "owner_id", value: "x"),
                ])
                let made = try await cast.call("POST", "/devices", String(decoding: body.bytes, as: UTF8.self), on: loop)
                #expect(made.status == 201, "\(name): \(made.message)")
                let path = "/devices/\(made.data["device"]?["id"]?.string ?? "")"
                let shown = try await cast.call("GET", path, on: loop)
                #expect(shown.data["name"]?.string == name && shown.data["metadata"]?[name] == [.string(name), 1.5, nil], "\(name)")
                let renamed = try await cast.call("PUT", path, String(decoding: body.bytes, as: UTF8.self), on: loop)
                #expect(renamed.data["name"]?.string == name && renamed.data["owner_id"]?.string == cast.id(.owner))
            }
        }
    }

    @Test func `lists have pages, filters and the newest first`() async throws {
        try await withCast { cast, loop in
            try await cast.sql(
                """
                INSERT INTO heliograph.device (owner, name, device_type, set_status, api_key_hash, api_key_prefix, created_at)
                SELECT a.number, 'd' || n, CASE WHEN n % 2 = 0 THEN 'even' ELSE 'odd' END, CASE WHEN n % 5 = 0 THEN 'disabled' END, sha256(n::text::bytea), '',
                    '2026-02-01T00:00:00Z'::timestamptz + n * interval '1 minute'
                FROM generate_series(1, 25) AS n, heliograph.account AS a WHERE a.username = 'stranger'
                """, on: loop)
            let cases: [(query: String, first: String?, count: Int, total: Int, pages: Int)] = [
                ("", "d25", 20, 25, 2), ("?page=2", "d5", 5, 25, 2), ("?page=3", nil, 0, 25, 2), ("?page=2&page_size=7", "d18", 7, 25, 4),
                ("?page_size=100", "d25", 25, 25, 1), ("?device_type=even", "d24", 12, 12, 1), ("?status=disabled", "d25", 5, 5, 1),
                ("?status=disabled&device_type=even", "d20", 2, 2, 1), ("?status=offline", "d24", 20, 20, 1), ("?status=online", nil, 0, 0, 0),
                ("?device_type=nothing", nil, 0, 0, 0), ("?status=&device_type=&page=", "d25", 20, 25, 2),
            ]
            for (query, first, count, total, pages) in cases {
                let list = try await cast.call("GET", "/devices" + query, as: .stranger, on: loop).data
                #expect(list["items"]?[0]?["name"]?.string == first && list["items"]?.array?.count == count, "\(query)")
                #expect(list["pagination"]?["total_items"]?.int == total && list["pagination"]?["total_pages"]?.int == pages, "\(query)")
            }
        }
    }

    @Test func `a device is online for two of its intervals, at least a minute, unless its owner says otherwise`() async throws {
        try await withCast { cast, loop in
            let path = "/devices/\(Cast.device)"
            try await cast.sql(
                "INSERT INTO heliograph.battery_latest (device, recorded_at, level, is_charging) SELECT number, now(), 50, false FROM heliograph.device",
                on: loop)
            for (interval, age, status) in [
                (60, 0, "online"), (60, 110, "online"), (60, 121, "offline"), (10, 50, "online"), (10, 61, "offline"), (1, 50, "online"),
                (3600, 7100, "online"), (3600, 7201, "offline"),
            ] {
                try await cast.sql(
                    """
                    UPDATE heliograph.battery_latest SET seen_at = now() - interval '\(age) s'; UPDATE heliograph.device SET report_interval_s = \(interval)
                    """, on: loop)
                let shown = try await cast.call("GET", path, on: loop).data
                #expect(shown["status"]?.string == status && shown["last_seen_at"]?.string != nil, "\(interval) \(age)")
                let other = status == "online" ? "offline" : "online"
                #expect(try await cast.call("GET", "/devices?status=\(status)", on: loop).data["items"]?.array?.count == 1, "\(interval) \(age)")
                #expect(try await cast.call("GET", "/devices?status=\(other)", on: loop).data["items"]?.array?.isEmpty == true, "\(interval) \(age)")
            }
            try await cast.sql("UPDATE heliograph.battery_latest SET seen_at = now()", on: loop)
            for (wish, status) in [
                ("disabled", "disabled"), ("offline", "online"), ("maintenance", "maintenance"), ("online", "online"), ("offline", "online"),
            ] {
                let reply = try await cast.call("PUT", path, #"{"status":"\#(wish)"}"#, as: .write, on: loop)
                #expect(reply.status == 200 && reply.data["status"]?.string == status, "\(wish)")
            }
        }
    }

    @Test func `a change touches what it names, and null names nothing`() async throws {
        try await withCast { cast, loop in
            let path = "/devices/\(Cast.device)"
            _ = try await cast.call("PUT", path, #"{"metadata":{"a":1},"status":"disabled"}"#, on: loop)
            let same = try await cast.call("PUT", path, #"{"name":null,"status":null,"metadata":null,"device_type":7,"id":"x"}"#, on: loop).data
            #expect(same["name"] == "客厅传感器" && same["status"] == "disabled" && same["metadata"] == ["a": 1] && same["device_type"] == "battery_sensor")
            let replaced = try await cast.call("PUT", path, #"{"metadata":{"b":{"c":[true]}}}"#, on: loop).data
            #expect(replaced["metadata"] == ["b": ["c": [true]]] && replaced["created_at"] == "2026-01-01T00:00:00Z")
            let fat = #"{"metadata":{"a":"\#(String(repeating: "x", count: 16 * 1024 - 8))"}}"#
            #expect(try await cast.call("PUT", path, fat, on: loop).status == 200)
        }
    }

    @Test func `critical never lies above low, whichever of the two changes`() async throws {
        try await withCast { cast, loop in
            let path = "/devices/\(Cast.device)/config"
            for (body, status) in [
                (#"{"critical_battery_threshold":20.5}"#, 400), (#"{"low_battery_threshold":9.5}"#, 400),
                (#"{"low_battery_threshold":30,"critical_battery_threshold":31}"#, 400), (#"{"critical_battery_threshold":20}"#, 200),
                (#"{"low_battery_threshold":5.3,"critical_battery_threshold":5.3}"#, 200), (#"{"low_battery_threshold":100}"#, 200),
                (#"{"low_battery_threshold":0,"critical_battery_threshold":0}"#, 200),
            ] {
                let reply = try await cast.call("PUT", path, body, as: .write, on: loop)
                #expect(reply.status == status, "\(body): \(reply.message)")
                if status == 400 { #expect(reply.message.contains("critical_battery_threshold")) }
            }
            let all = """
                {"low_battery_threshold":37.6,"critical_battery_threshold":0.1,"report_interval_seconds":86400,"high_temperature_threshold":-39.9,
                "rapid_drain_percent":12.3,"rapid_drain_minutes":1440}
                """
            let set = try await cast.call("PUT", path, all, on: loop).data
            let shown = try await cast.call("GET", path, as: .read, on: loop).data
            #expect(set == shown && set["low_battery_threshold"] == 37.6 && set["critical_battery_threshold"] == 0.1)
            #expect(set["report_interval_seconds"] == 86_400 && set["high_temperature_threshold"] == -39.9)
            #expect(set["rapid_drain_percent"] == 12.3 && set["rapid_drain_minutes"] == 1440)
        }
    }

    @Test func `a deleted device takes everything of it along`() async throws {
        try await withCast { cast, loop in
            _ = try await cast.event(on: loop)
            for time in ["2020-01-01T00:00:00Z", "2026-11-11T00:00:00Z"] { try await cast.report(time, 50, on: loop) }
            _ = try await cast.call("POST", "/devices/\(Cast.device)/tokens", #"{"name":"t","permission":"all"}"#, on: loop)
            let other = try await cast.call("POST", "/devices", #"{"name":"n","device_type":"t"}"#, on: loop).data["device"]?["id"]?.string ?? ""
            try await cast.sql(
                "INSERT INTO heliograph.battery_report (device, recorded_at, level, is_charging) SELECT number, now(), 1, false FROM heliograph.device WHERE id = '\(other)'",
                on: loop)
            #expect(try await cast.call("DELETE", "/devices/\(Cast.device)", on: loop).status == 204)
            #expect(try await cast.call("DELETE", "/devices/\(Cast.device)", on: loop).status == 404)
            let left = try await cast.number(
                """
                SELECT (SELECT count(*) FROM heliograph.battery_report) * 10000 + (SELECT count(*) FROM heliograph.device) * 1000
                    + (SELECT count(*) FROM heliograph.device_share) + (SELECT count(*) FROM heliograph.device_token)
                    + (SELECT count(*) FROM heliograph.alert_event)
                """, on: loop)
            #expect(left == 11_000)
        }
    }

    @Test func `tokens are listed by what became of them`() async throws {
        try await withCast { cast, loop in
            let path = "/devices/\(Cast.device)/tokens"
            for (name, extra) in [
                ("plain", ""),
                ("bound", #","allowed_ips":["10.0.0.1","10.0.0.0/8","::1","2001:db8::/32"],"rate_limit_per_minute":100000,"expires_in_hours":87600"#),
                ("old", #","expires_in_hours":1"#), ("gone", ""),
            ] {
                let made = try await cast.call("POST", path, #"{"name":"\#(name)","permission":"all"\#(extra)}"#, on: loop)
                #expect(made.status == 201, "\(made.message)")
                if name == "plain" {
                    #expect(made.data["expires_at"] == .null && made.data["rate_limit_per_minute"] == .null && made.data["allowed_ips"] == [])
                }
                if name == "bound" {
                    #expect(made.data["allowed_ips"] == ["10.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32"] && made.data["rate_limit_per_minute"] == 100_000)
                }
                if name == "gone" {
                    for _ in 0..<2 {
                        #expect(try await cast.call("DELETE", "\(path)/\(made.data["id"]?.string ?? "")", as: .admin, on: loop).status == 200)
                    }
                }
            }
            try await cast.sql("UPDATE heliograph.device_token SET expires_at = now() - interval '1 s' WHERE name = 'old'", on: loop)
            for (query, names) in [
                ("", ["bound", "plain"]), ("?include_revoked=true", ["gone", "bound", "plain"]), ("?include_expired=true", ["old", "bound", "plain"]),
                ("?include_revoked=true&include_expired=true", ["gone", "old", "bound", "plain"]), ("?include_revoked=false", ["bound", "plain"]),
            ] {
                let list = try await cast.call("GET", path + query, on: loop).data.array ?? []
                let found = list.compactMap { $0["name"]?.string }
                #expect(found == names, "\(query)")
            }
            let all = try await cast.call("DELETE", path, on: loop)
            #expect(all.data["revoked_count"] == 3)
            #expect(try await cast.call("GET", path, on: loop).data == [])
            // Of another device.
            let other = try await cast.call("POST", "/devices", #"{"name":"n","device_type":"t"}"#, on: loop).data["device"]?["id"]?.string ?? ""
            let foreign = try await cast.call("POST", "/devices/\(other)/tokens", #"{"name":"t","permission":"read"}"#, on: loop).data["id"]?.string ?? ""
            #expect(try await cast.call("DELETE", "\(path)/\(foreign)", on: loop).status == 404)
        }
    }

    @Test func `sharing with oneself, with nobody, with the owner or twice is refused`() async throws {
        try await withCast { cast, loop in
            let path = "/users/devices/\(Cast.device)/share"
            try await cast.sql(
                """
                INSERT INTO heliograph.account (username, password_hash, is_active) VALUES ('sleeper', '-', false);
                INSERT INTO heliograph.account (username, password_hash) VALUES ('friend@example.com', '-'), ('Nameless', '-')
                """, on: loop)
            let cases: [(role: Cast.Role, to: String, status: Int)] = [
                (.owner, "owner", 400), (.owner, "OWNER@example.com", 400), (.admin, "admin", 400), (.admin, "owner", 400), (.owner, "nobody", 404),
                (.owner, "sleeper", 404), (.owner, "' OR true --", 404), (.owner, "%", 404), (.owner, "read", 409), (.admin, "Read@Example.com", 409),
                // An address goes before a name that looks like it.
                (.owner, "Friend@example.com", 201), (.owner, "friend", 409), (.owner, "nameless", 201), (.admin, "STRANGER", 201),
            ]
            for (role, to, status) in cases {
                let reply = try await cast.call("POST", path, #"{"user_identifier":"\#(to)"}"#, as: role, on: loop)
                #expect(reply.status == status, "\(role) to \(to): \(reply.status) \(reply.message)")
                if to == "Friend@example.com" { #expect(reply.data["user_id"]?.string == cast.id(.friend) && reply.data["permission"] == "read") }
                if to == "nameless" { #expect(reply.data["email"] == "") }
            }
            #expect(try await cast.call("DELETE", "\(path)/\(cast.id(.root))", on: loop).status == 404)
            // An admin may remove another admin, and itself.
            #expect(try await cast.call("DELETE", "\(path)/\(cast.id(.admin))", as: .admin, on: loop).status == 204)
            #expect(try await cast.call("GET", "/devices/\(Cast.device)", as: .admin, on: loop).status == 404)
        }
    }

    @Test func `a rotated key tells the nodes that keep keys in mind`() async throws {
        try await withCast { cast, loop in
            let heard = Heard()
            let listener = PostgresListener(cast.api.postgres, channels: ["heliograph_device"], on: loop) { _, _ in heard.count += 1 }
            try await eventually("the listener listens", on: loop) { listener.isListening }
            #expect(try await cast.call("POST", "/devices/\(Cast.device)/rotate-key", as: .admin, on: loop).status == 200)
            try await eventually("word of the rotation", on: loop) { heard.count > 0 }
            listener.close()
        }
    }

    private final class Heard {
        var count = 0
    }

    @Test(
        arguments: [
            ("10.0.0.1", true), ("0.0.0.0/0", true), ("10.0.0.0/8", true), ("255.255.255.255/32", true), ("::", true), ("::/0", true), ("fe80::1/128", true),
            ("::ffff:10.0.0.1", true), ("", false), ("/", false), ("/8", false), ("10.0.0.1/", false), ("10.0.0.1/33", false), ("10.0.0.1/-1", false),
            ("10.0.0.1/+8", false), ("10.0.0.1/8/8", false), ("10.0.0", false), ("10.0.0.256", false), ("010.0.0.1 ", false), (" 10.0.0.1", false),
            ("::1/129", false), (":::", false), ("fe80::1%eth0", false), ("example.com", false), ("10.0.0.1\0", false), ("10.0.0.1/٣", false),
        ])
    func `addresses and networks are told from other texts`(text: String, isValid: Bool) {
        #expect((AddressRange(text) != nil) == isValid)
    }

    @Test(
        arguments: [
            ("11111111-2222-3333-4444-555555555555", true), ("ABCDEFab-cdef-0123-4567-89abcdef0123", true), ("", false),
            ("11111111222233334444555555555555", false), ("{11111111-2222-3333-4444-555555555555}", false), ("11111111-2222-3333-4444-55555555555", false),
            ("11111111-2222-3333-4444-5555555555555", false), ("1111111--2222-3333-4444-555555555555", false), ("g1111111-2222-3333-4444-555555555555", false),
        ])
    func `only the usual form of a UUID is one`(text: String, isValid: Bool) { #expect(UUIDText.isValid(text) == isValid) }
}
