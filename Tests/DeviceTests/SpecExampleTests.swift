import Bytes
import Reactor
import TestSupport
import Testing

/// The calls of the spec, in its order, with its own values.
@Suite struct SpecExampleTests {
    @Test func `devices, configuration, keys and tokens answer as the spec writes them`() async throws {
        try await withCast { cast, loop in
            let made = try await cast.call(
                "POST", "/devices", #"{"name":"客厅传感器","device_type":"battery_sensor","metadata":{"location":"living_room"}}"#, on: loop)
            #expect(made.status == 201 && made.answer["cache-control"] == "no-store" && made.json["message"] == "success")
            let device = try #require(made.data["device"])
            let deviceFaults = Shape.device.faults(device)
            let configFaults = Shape.config.faults(made.data["config"])
            #expect(deviceFaults == [] && configFaults == [])
            #expect(device["name"] == "客厅传感器" && device["device_type"] == "battery_sensor" && device["metadata"] == ["location": "living_room"])
            #expect(device["owner_id"]?.string == cast.id(.owner) && device["status"] == "offline" && device["last_seen_at"] == .null)
            let key = try #require(made.data["api_key"]?.string)
            #expect(key.hasPrefix("zk_") && key.utf8.count == 67 && device["api_key_prefix"]?.string == String(key.prefix(10)))
            let config = try #require(made.data["config"])
            #expect(config["low_battery_threshold"] == 20 && config["critical_battery_threshold"] == 10 && config["report_interval_seconds"] == 60)
            #expect(config["high_temperature_threshold"] == 45 && config["rapid_drain_percent"] == 15 && config["rapid_drain_minutes"] == 10)
            let id = try #require(device["id"]?.string)
            #expect(config["device_id"]?.string == id)
            let kept = try await cast.number("SELECT count(*) FROM heliograph.device WHERE id = '\(id)' AND api_key_hash = sha256('\(key)')", on: loop)
            #expect(kept == 1)

            let list = try await cast.call("GET", "/devices?page=1&page_size=20", on: loop)
            #expect(list.status == 200 && list.data["items"]?.array?.count == 2 && list.data["items"]?[0] == device)
            #expect(list.data["pagination"] == ["page": 1, "page_size": 20, "total_items": 2, "total_pages": 1])
            let shown = try await cast.call("GET", "/devices/\(id)", on: loop)
            #expect(shown.status == 200 && shown.data == device)

            let updated = try await cast.call("PUT", "/devices/\(id)", #"{"name":"新名称","status":"maintenance"}"#, on: loop)
            let updatedFaults = Shape.device.faults(updated.data)
            #expect(updated.status == 200 && updatedFaults == [] && updated.data["name"] == "新名称" && updated.data["status"] == "maintenance")
            #expect(updated.data["metadata"] == ["location": "living_room"])

            let asked = try await cast.call("GET", "/devices/\(id)/config", on: loop)
            #expect(asked.status == 200 && asked.data == config)
            let set = try await cast.call(
                "PUT", "/devices/\(id)/config", #"{"low_battery_threshold":25,"high_temperature_threshold":45.0}"#, on: loop)
            let setFaults = Shape.config.faults(set.data)
            #expect(set.status == 200 && setFaults == [] && set.data["low_battery_threshold"] == 25 && set.data["critical_battery_threshold"] == 10)

            let rotated = try await cast.call("POST", "/devices/\(id)/rotate-key", on: loop)
            let newKey = try #require(rotated.data["api_key"]?.string)
            #expect(rotated.status == 200 && rotated.data.object?.count == 2 && newKey != key && rotated.answer["cache-control"] == "no-store")
            #expect(rotated.data["api_key_prefix"]?.string == String(newKey.prefix(10)))
            let rotatedKept = try await cast.number(
                "SELECT count(*) FROM heliograph.device WHERE id = '\(id)' AND api_key_hash = sha256('\(newKey)')", on: loop)
            #expect(rotatedKept == 1)

            let token = try await cast.call(
                "POST", "/devices/\(id)/tokens", #"{"name":"IoT 传感器令牌","permission":"write","expires_in_hours":720}"#, on: loop)
            let tokenFaults = Shape.token.faults(token.data)
            let text = try #require(token.data["token"]?.string)
            #expect(token.status == 201 && tokenFaults == [] && token.answer["cache-control"] == "no-store")
            #expect(text.hasPrefix("dt_") && token.data["token_prefix"]?.string == String(text.prefix(10)))
            #expect(token.data["permission"] == "write" && token.data["is_revoked"] == false && token.data["use_count"] == 0)
            let expires = try #require(token.data["expires_at"]?.string.flatMap { RFC3339.parse($0) })
            #expect(abs(expires.seconds(since: Clock.wall) - 720 * 3600) < 60)

            let tokens = try await cast.call("GET", "/devices/\(id)/tokens?include_revoked=false", on: loop)
            let listedFaults = Shape.token.faults(tokens.data[0])
            #expect(tokens.status == 200 && tokens.data.array?.count == 1 && listedFaults == [] && tokens.data[0]?["token"] == nil)
            let revoked = try await cast.call("DELETE", "/devices/\(id)/tokens/\(token.data["id"]?.string ?? "")", on: loop)
            #expect(revoked.status == 200)
            let all = try await cast.call("DELETE", "/devices/\(id)/tokens", on: loop)
            #expect(all.status == 200 && all.data == ["revoked_count": 0, "message": "已吊销 0 个令牌"])

            let gone = try await cast.call("DELETE", "/devices/\(id)", on: loop)
            #expect(gone.status == 204 && gone.answer.body.isEmpty)
            #expect(try await cast.call("GET", "/devices/\(id)", on: loop).status == 404)
        }
    }

    @Test func `shares answer as the spec writes them`() async throws {
        try await withCast { cast, loop in
            let path = "/users/devices/\(Cast.device)"
            let made = try await cast.call("POST", path + "/share", #"{"user_identifier":"friend@example.com","permission":"read"}"#, on: loop)
            let faults = Shape.share.faults(made.data)
            #expect(made.status == 201 && faults == [] && made.data["username"] == "friend" && made.data["email"] == "friend@example.com")
            #expect(made.data["user_id"]?.string == cast.id(.friend) && made.data["permission"] == "read")
            let list = try await cast.call("GET", path + "/shares", on: loop)
            #expect(list.status == 200 && list.data.array?.count == 4 && list.data[3] == made.data)
            #expect(try await cast.call("GET", "/devices/\(Cast.device)", as: .friend, on: loop).status == 200)
            #expect(try await cast.call("DELETE", path + "/share/\(cast.id(.friend))", on: loop).status == 204)
            #expect(try await cast.call("GET", "/devices/\(Cast.device)", as: .friend, on: loop).status == 404)
        }
    }

    @Test func `battery data answer as the spec writes them`() async throws {
        try await withCast { cast, loop in
            for (i, level) in [50.5, 40, 30].enumerated() { try await cast.report("2026-01-11T0\(i):30:00Z", level, temperature: "36.6", on: loop) }
            try await cast.sql(
                """
                INSERT INTO heliograph.battery_latest (device, recorded_at, level, temperature, voltage, is_charging, power_saving)
                SELECT number, '2026-01-11T02:30:00Z', 30, 36.6, 3.7, false, 4 FROM heliograph.device
                """, on: loop)
            let window = "start_time=2026-01-11T00:00:00Z&end_time=2026-01-12T00:00:00Z"
            let latest = try await cast.call("GET", "/battery/latest/\(Cast.device)", on: loop)
            let latestFaults = Shape.latest.faults(latest.data)
            #expect(latest.status == 200 && latestFaults == [])
            #expect(
                latest.data == [
                    "device_id": .string(Cast.device), "battery_level": 30, "is_charging": false, "power_saving_mode": "extreme",
                    "recorded_at": "2026-01-11T02:30:00Z", "is_low_battery": false, "is_critical": false, "temperature": 36.6, "voltage": 3.7,
                ])
            let history = try await cast.call("GET", "/battery/history/\(Cast.device)?\(window)&limit=100", on: loop)
            let historyFaults = history.data.array?.flatMap { Shape.data.faults($0) } ?? ["no array"]
            #expect(history.status == 200 && historyFaults == [] && history.data.array?.count == 3)
            #expect(history.data[0]?["battery_level"] == 30 && history.data[2]?["recorded_at"] == "2026-01-11T00:30:00Z")
            let buckets = try await cast.call("GET", "/battery/aggregated/\(Cast.device)?\(window)&interval=hour", on: loop)
            let bucketFaults = buckets.data.array?.flatMap { Shape.bucket.faults($0) } ?? ["no array"]
            #expect(buckets.status == 200 && bucketFaults == [] && buckets.data.array?.count == 3)
            #expect(buckets.data[2] == ["bucket": "2026-01-11T00:00:00Z", "avg_level": 50.5, "min_level": 50.5, "max_level": 50.5, "count": 1])
            let stats = try await cast.call("GET", "/battery/stats/\(Cast.device)?\(window)", on: loop)
            let statsFaults = Shape.stats.faults(stats.data)
            #expect(stats.status == 200 && statsFaults == [])
            #expect(
                stats.data == [
                    "device_id": .string(Cast.device), "period_start": "2026-01-11T00:00:00Z", "period_end": "2026-01-12T00:00:00Z",
                    "avg_battery_level": 40.1667, "min_battery_level": 30, "max_battery_level": 50.5, "total_records": 3,
                    "charging_duration_minutes": 0, "low_battery_count": 0,
                ])
        }
    }

    @Test func `alert rules and events answer as the spec writes them`() async throws {
        try await withCast { cast, loop in
            let made = try await cast.call(
                "POST", "/alerts/rules", #"{"name":"低电量预警","alert_type":"low_battery","level":"warning","cooldown_minutes":30}"#, on: loop)
            let ruleFaults = Shape.rule.faults(made.data)
            #expect(made.status == 201 && ruleFaults == [] && made.data["enabled"] == true && made.data["user_id"]?.string == cast.id(.owner))
            let hot = try await cast.call(
                "POST", "/alerts/rules", #"{"name":"高温预警","alert_type":"high_temperature","level":"critical","cooldown_minutes":60}"#, on: loop)
            let hotPath = "/alerts/rules/\(hot.data["id"]?.string ?? "")"
            let cooler = try await cast.call("PUT", hotPath, #"{"cooldown_minutes":30,"enabled":true}"#, on: loop)
            #expect(cooler.status == 200 && cooler.data["cooldown_minutes"] == 30 && cooler.data["name"] == "高温预警")
            let renamed = try await cast.call("PUT", hotPath, #"{"name":"新名称","enabled":false}"#, on: loop)
            #expect(renamed.data["name"] == "新名称" && renamed.data["enabled"] == false && renamed.data["level"] == "critical")
            let rules = try await cast.call("GET", "/alerts/rules", on: loop)
            #expect(rules.status == 200 && rules.data.array?.count == 2 && rules.data[0] == renamed.data && rules.data[1] == made.data)
            #expect(try await cast.call("DELETE", hotPath, on: loop).status == 204)

            let first = try await cast.event(on: loop)
            let second = try await cast.event("high_temperature", level: "critical", at: "now() - interval '1 minute'", on: loop)
            let events = try await cast.call("GET", "/alerts/events?device_id=\(Cast.device)", on: loop)
            let eventFaults = events.data["items"]?.array?.flatMap { Shape.event.faults($0) } ?? ["no array"]
            let paginationFaults = Shape.pagination.faults(events.data["pagination"])
            #expect(events.status == 200 && eventFaults == [] && paginationFaults == [] && events.data["pagination"]?["total_items"] == 2)
            #expect(events.data["items"]?[0]?["id"]?.string == first && events.data["items"]?[0]?["message"] == "设备电量低: 15%")
            let count = try await cast.call("GET", "/alerts/devices/\(Cast.device)/count", on: loop)
            #expect(count.status == 200 && count.data == ["active_count": 2])
            let seen = try await cast.call("POST", "/alerts/events/\(first)/acknowledge", on: loop)
            let seenFaults = Shape.event.faults(seen.data)
            #expect(seen.status == 200 && seenFaults == [] && seen.data["status"] == "acknowledged" && seen.data["acknowledged_at"] != .null)
            let over = try await cast.call("POST", "/alerts/events/\(first)/resolve", on: loop)
            #expect(over.status == 200 && over.data["status"] == "resolved" && over.data["acknowledged_at"] == seen.data["acknowledged_at"])
            let set = try await cast.call("PUT", "/alerts/events/\(second)/status", #"{"status":"resolved"}"#, on: loop)
            #expect(set.status == 200 && set.data["status"] == "resolved" && set.data["acknowledged_at"] == .null && set.data["resolved_at"] != .null)
            #expect(try await cast.call("GET", "/alerts/devices/\(Cast.device)/count", on: loop).data == ["active_count": 0])
        }
    }
}
