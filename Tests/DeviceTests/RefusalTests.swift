import Bytes
import Reactor
import TestSupport
import Testing

@Suite struct RefusalTests {
    private static let long = String(repeating: "长", count: 101)
    private static let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)

    /// Values of every JSON type but text.
    private static let noTexts = ["7", "1.5", "true", "[]", "{}"]

    private func expect(
        _ cast: Cast, _ method: String, _ path: String, _ bodies: [String], names field: String, on loop: isolated EventLoop
    ) async throws {
        for body in bodies {
            let reply = try await cast.call(method, path, body, on: loop)
            #expect(reply.status == 400 && reply.message.contains(field), "\(method) \(path) \(body.prefix(120)): \(reply.status) \(reply.message)")
        }
    }

    @Test func `each member of the wrong type, length, encoding or range is a 400 that names it`() async throws {
        try await withCast { cast, loop in
            let device = "/devices/\(Cast.device)"
            let before = try await cast.call("GET", device, on: loop).data
            let config = try await cast.call("GET", device + "/config", on: loop).data
            // Texts.
            let texts: [(method: String, path: String, field: String, most: Int, rest: String)] = [
                ("POST", "/devices", "name", 100, #","device_type":"t"}"#), ("POST", "/devices", "device_type", 50, #","name":"n"}"#),
                ("PUT", device, "name", 100, "}"), ("POST", device + "/tokens", "name", 100, #","permission":"read"}"#),
                ("POST", "/users/devices/\(Cast.device)/share", "user_identifier", 254, "}"),
                ("POST", "/alerts/rules", "name", 100, #","alert_type":"low_battery","level":"info"}"#),
            ]
            for (method, path, field, most, rest) in texts {
                let values = Self.noTexts + [#""""#, #""\#(String(repeating: "长", count: most + 1))""#, #""a\u0000b""#]
                try await expect(cast, method, path, values.map { #"{"\#(field)":\#($0)"# + rest }, names: field, on: loop)
            }
            // Words.
            let words: [(method: String, path: String, field: String, rest: String)] = [
                ("PUT", device, "status", "}"), ("POST", device + "/tokens", "permission", #","name":"n"}"#),
                ("POST", "/users/devices/\(Cast.device)/share", "permission", #","user_identifier":"friend"}"#),
                ("POST", "/alerts/rules", "alert_type", #","name":"n","level":"info"}"#),
                ("POST", "/alerts/rules", "level", #","name":"n","alert_type":"low_battery"}"#),
            ]
            for (method, path, field, rest) in words {
                let values = Self.noTexts + [#""""#, #""owner""#, #""READ""#, #""low_battery ""#, #""'; DROP TABLE heliograph.device; --""#]
                try await expect(cast, method, path, values.map { #"{"\#(field)":\#($0)"# + rest }, names: field, on: loop)
            }
            // Objects.
            let fat = #"{"a":"\#(String(repeating: "x", count: 16 * 1024))"}"#
            for (method, path, rest) in [("POST", "/devices", #","name":"n","device_type":"t"}"#), ("PUT", device, "}")] {
                let values = ["7", "true", "[]", #""x""#, fat, #"{"a":"\u0000"}"#, #"{"\u0000":1}"#, #"{"a":[{"b":"\u0000"}]}"#]
                try await expect(cast, method, path, values.map { #"{"metadata":\#($0)"# + rest }, names: "metadata", on: loop)
            }
            // Numbers.
            let numbers: [(method: String, path: String, field: String, wrong: [String], rest: String)] = [
                ("PUT", device + "/config", "low_battery_threshold", ["-0.1", "100.1", "1e300"], "}"),
                ("PUT", device + "/config", "critical_battery_threshold", ["-1", "101"], "}"),
                ("PUT", device + "/config", "report_interval_seconds", ["0", "86401", "1.5", "99999999999999999999"], "}"),
                ("PUT", device + "/config", "high_temperature_threshold", ["-40.5", "85.5"], "}"),
                ("PUT", device + "/config", "rapid_drain_percent", ["0.5", "101"], "}"),
                ("PUT", device + "/config", "rapid_drain_minutes", ["0", "1441", "2.5"], "}"),
                ("POST", device + "/tokens", "expires_in_hours", ["0", "-1", "87601", "1.5"], #","name":"n","permission":"read"}"#),
                ("POST", device + "/tokens", "rate_limit_per_minute", ["0", "100001"], #","name":"n","permission":"read"}"#),
                ("POST", "/alerts/rules", "cooldown_minutes", ["0", "1441", "-5", "1.5"], #","name":"n","alert_type":"low_battery","level":"info"}"#),
            ]
            for (method, path, field, wrong, rest) in numbers {
                let values = wrong + [#""5""#, "true", "[]", "{}"]
                try await expect(cast, method, path, values.map { #"{"\#(field)":\#($0)"# + rest }, names: field, on: loop)
            }
            // Flags and addresses.
            for field in ["enabled", "notify_email"] {
                let rest = #","name":"n","alert_type":"low_battery","level":"info"}"#
                try await expect(cast, "POST", "/alerts/rules", ["1", #""true""#, "[]"].map { #"{"\#(field)":\#($0)"# + rest }, names: field, on: loop)
            }
            let many = "[" + Array(repeating: #""10.0.0.1""#, count: 51).joined(separator: ",") + "]"
            try await expect(
                cast, "POST", device + "/tokens",
                [#""10.0.0.1""#, "{}", "7", "[7]", "[null]", #"["10.0.0"]"#, #"["10.0.0.1/33"]"#, #"["host"]"#, #"["::1/129"]"#, many].map {
                    #"{"allowed_ips":\#($0),"name":"n","permission":"read"}"#
                }, names: "allowed_ips", on: loop)
            // Missing ones; null is missing.
            for (path, body, field) in [
                ("/devices", #"{"device_type":"t"}"#, "name"), ("/devices", #"{"name":null,"device_type":"t"}"#, "name"),
                ("/devices", #"{"name":"n"}"#, "device_type"), (device + "/tokens", #"{"permission":"read"}"#, "name"),
                (device + "/tokens", #"{"name":"n"}"#, "permission"), ("/users/devices/\(Cast.device)/share", #"{"permission":"read"}"#, "user_identifier"),
                ("/alerts/rules", #"{"alert_type":"low_battery","level":"info"}"#, "name"), ("/alerts/rules", #"{"name":"n","level":"info"}"#, "alert_type"),
                ("/alerts/rules", #"{"name":"n","alert_type":"low_battery"}"#, "level"),
            ] {
                let reply = try await cast.call("POST", path, body, on: loop)
                #expect(reply.status == 400 && reply.message == "缺少必需参数：\(field)", "\(path) \(body): \(reply.message)")
            }
            // No JSON objects.
            for (method, path) in [
                ("POST", "/devices"), ("PUT", device), ("PUT", device + "/config"), ("POST", device + "/tokens"),
                ("POST", "/users/devices/\(Cast.device)/share"), ("POST", "/alerts/rules"),
            ] {
                for body in ["", "[]", "null", "7", "{", #"{"name":}"#, #"{"name":"n"}}"#, Self.deep] {
                    #expect(try await cast.call(method, path, body, on: loop).status == 400, "\(method) \(path) \(body.prefix(20))")
                }
                let fields = [("Authorization", "Bearer \(cast.tokens["owner"] ?? "")")]
                let broken = try await cast.api.request(
                    method, "/api/v1" + path, fields, body: Array("{\"name\":\"".utf8) + [0xFF, 0xFE] + Array("\"}".utf8), on: loop)
                #expect(broken.status == 400, "\(method) \(path)")
            }
            #expect(try await cast.call("GET", device, on: loop).data == before)
            #expect(try await cast.call("GET", device + "/config", on: loop).data == config)
            let made = try await cast.number(
                """
                SELECT (SELECT count(*) FROM heliograph.device) * 1000 + (SELECT count(*) FROM heliograph.device_token) * 100
                    + (SELECT count(*) FROM heliograph.device_share) * 10 + (SELECT count(*) FROM heliograph.alert_rule)
                """, on: loop)
            #expect(made == 1030)
        }
    }

    @Test func `each query parameter that is wrong is a 400 that names it`() async throws {
        try await withCast { cast, loop in
            let window = "start_time=2026-01-11T00:00:00Z&end_time=2026-01-12T00:00:00Z"
            let history = "/battery/history/\(Cast.device)"
            let aggregated = "/battery/aggregated/\(Cast.device)"
            let cases: [(path: String, field: String)] = [
                ("/devices?page=0", "page"), ("/devices?page=x", "page"), ("/devices?page=1.5", "page"), ("/devices?page_size=0", "page_size"),
                ("/devices?page_size=101", "page_size"), ("/devices?page=99999999999999999999", "page"), ("/devices?status=on", "status"),
                ("/devices?device_type=\(String(repeating: "t", count: 51))", "device_type"),
                ("/devices/\(Cast.device)/tokens?include_revoked=yes", "include_revoked"),
                ("/devices/\(Cast.device)/tokens?include_expired=1", "include_expired"),
                (history, "start_time"), (history + "?start_time=2026-01-11T00:00:00Z", "end_time"), (history + "?end_time=2026-01-11T00:00:00Z", "start_time"),
                (history + "?start_time=&end_time=2026-01-11T00:00:00Z", "start_time"),
                (history + "?start_time=yesterday&end_time=2026-01-11T00:00:00Z", "start_time"),
                (history + "?start_time=2026-01-11T00:00:00&end_time=2026-01-12T00:00:00Z", "start_time"),
                (history + "?start_time=2026-02-30T00:00:00Z&end_time=2026-03-12T00:00:00Z", "start_time"),
                (history + "?start_time=1768089600&end_time=2026-03-12T00:00:00Z", "start_time"),
                (history + "?start_time=2026-01-12T00:00:00Z&end_time=2026-01-12T00:00:00Z", "end_time"),
                (history + "?start_time=2026-01-13T00:00:00Z&end_time=2026-01-12T00:00:00Z", "end_time"),
                ("\(history)?\(window)&limit=0", "limit"), ("\(history)?\(window)&limit=10001", "limit"), ("\(history)?\(window)&limit=a", "limit"),
                ("\(history)?\(window)&offset=-1", "offset"), ("\(history)?\(window)&offset=1e3", "offset"),
                (aggregated + "?\(window)&interval=week", "interval"), (aggregated + "?\(window)&interval=Hour", "interval"),
                (aggregated + "?start_time=2026-01-01T00:00:00Z&end_time=2026-03-01T00:00:00Z&interval=minute", "interval"),
                (aggregated + "?start_time=0001-01-01T00:00:00Z&end_time=9999-01-01T00:00:00Z&interval=day", "interval"),
                ("/battery/stats/\(Cast.device)?end_time=2026-01-11T00:00:00Z", "start_time"),
                ("/alerts/events?device_id=7", "device_id"), ("/alerts/events?level=fatal", "level"),
                ("/alerts/events?status=open", "status"), ("/alerts/events?alert_type=low", "alert_type"), ("/alerts/events?page_size=1000", "page_size"),
            ]
            for (path, field) in cases {
                let reply = try await cast.call("GET", path, on: loop)
                #expect(reply.status == 400 && reply.message.contains(field), "\(path): \(reply.status) \(reply.message)")
            }
            for path in [
                "/devices?device_type=%FF", "/devices?device_type=a%00b", "/devices?page=%zz", "\(history)?start_time=%FF", "/devices/%00", "/devices/%zz",
                "/alerts/events?device_id=%00",
            ] { #expect(try await cast.api.get("/api/v1" + path, token: cast.tokens["owner"], on: loop).status == 400, "\(path)") }
            // The ends of the ranges are in them.
            for path in [
                "/devices?page=1000000&page_size=100", "\(history)?\(window)&limit=10000&offset=\(Int.max)", "\(history)?\(window)&limit=1&offset=0",
                aggregated + "?start_time=2026-01-01T00:00:00Z&end_time=2026-02-01T00:00:00Z&interval=minute",
                "/battery/stats/\(Cast.device)?start_time=0000-01-01T00:00:00Z&end_time=9999-12-31T23:59:59Z",
                "\(history)?start_time=2026-01-11T08:00:00%2B08:00&end_time=2026-01-12T00:00:00.5Z",
            ] { #expect(try await cast.call("GET", path, on: loop).status == 200, "\(path)") }
        }
    }

    @Test func `unknown paths below the spec's answer in its envelope`() async throws {
        try await withCast { cast, loop in
            for path in ["/devices/\(Cast.device)/nothing", "/battery/oldest/x", "/alerts", "/users/devices/x"] {
                let reply = try await cast.call("GET", path, on: loop)
                #expect(reply.status == 404 && reply.message == "接口不存在", "\(path): \(reply.message)")
            }
            #expect(try await cast.call("DELETE", "/alerts/rules", on: loop).status == 405)
        }
    }
}
