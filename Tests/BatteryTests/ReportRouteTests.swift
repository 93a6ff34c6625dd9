import Bytes
import Postgres
import Reactor
import TestSupport
import Testing

@testable import API

/// Devices' routes from the request to the database and back.
@Suite(.timeLimit(.minutes(2))) struct ReportRouteTests {
    private static let now = #"{"battery_level":75,"is_charging":false,"power_saving_mode":"low","temperature":28.5,"voltage":3.9}"#

    @Test func `a report is committed before it is answered, and the first value of a time stays`() async throws {
        try await withBattery { world, loop in
            let first = try await world.report(BatteryWorld.row(75, minute: 0), on: loop)
            #expect(first.status == 200, "\(first.text)")
            #expect(try first.json()["data"]?["inserted"] == 1)
            let id = try await world.device(1)
            #expect(try first.json()["data"]?["device_id"]?.string == id)
            #expect(try await world.texts("SELECT device || ' ' || level FROM heliograph.battery_report") == ["1 75"])
            let again = try await world.report(BatteryWorld.row(60, minute: 0), on: loop)
            #expect(again.status == 200)
            #expect(try again.json()["data"]?["inserted"] == 0)
            #expect(try await world.texts("SELECT device || ' ' || level FROM heliograph.battery_report") == ["1 75"])
            // Within one batch too; the newest by its own time is the latest one.
            let rows = [BatteryWorld.row(50, minute: 9), BatteryWorld.row(40, minute: 5), BatteryWorld.row(30, minute: 5), #"{"battery_level":-1}"#]
            let batch = try await world.batch(rows, on: loop)
            #expect(batch.status == 200)
            #expect(try batch.json()["data"]?["accepted"] == 3)
            #expect(try batch.json()["data"]?["inserted"] == 2)
            #expect(try batch.json()["data"]?["rejected"]?[0]?["index"] == 3)
            #expect(try await world.texts("SELECT level::text FROM heliograph.battery_report ORDER BY recorded_at") == ["75", "40", "50"])
            #expect(try await world.texts("SELECT level::text FROM heliograph.battery_latest") == ["50"])
            let late = try await world.batch([BatteryWorld.row(20.5, minute: 7)], on: loop)
            #expect(try late.json()["data"]?["inserted"] == 1)
            #expect(try await world.texts("SELECT level::text FROM heliograph.battery_latest") == ["50"])
            #expect(try await world.batch(["1"], on: loop).status == 400)
            #expect(try await world.batch([], on: loop).status == 200)
        }
    }

    @Test func `a large batch that holds reports committed before adds the others and changes nothing else`() async throws {
        try await withBattery { world, loop in
            // More than one statement takes: COPY, which knows no reports that are there already.
            let first = try await world.batch((0..<2_000).map { BatteryWorld.row(80, minute: $0) }, on: loop)
            #expect(try first.json()["data"]?["inserted"] == 2_000)
            let mixed = try await world.batch((1_500..<3_500).map { BatteryWorld.row(70, minute: $0) }, on: loop)
            #expect(try mixed.json()["data"]?["inserted"] == 1_500)
            let again = try await world.batch((0..<3_500).map { BatteryWorld.row(60, minute: $0) }, on: loop)
            #expect(try again.json()["data"]?["inserted"] == 0)
            let levels = try await world.texts("SELECT level || ' ' || count(*) FROM heliograph.battery_report GROUP BY level ORDER BY level")
            #expect(levels == ["70 1500", "80 2000"])
            let latest = try await world.texts("SELECT level::text FROM heliograph.battery_latest")
            #expect(latest == ["70"])
        }
    }

    @Test func `a report without a time is of now, with all its fields`() async throws {
        try await withBattery { world, loop in
            #expect(try await world.report(Self.now, on: loop).status == 200)
            let row = try await world.sql(
                "SELECT level, temperature, voltage, is_charging, power_saving, abs(extract(epoch FROM now() - recorded_at)) < 30 FROM heliograph.battery_report"
            )
            #expect(try row.double(0, 0) == 75)
            #expect(try row.double(0, 1) == 28.5)
            #expect(try row.double(0, 2) == Double(Float(3.9)))
            #expect(try row.bool(0, 3) == false)
            #expect(try row.int(0, 4) == 1)
            #expect(try row.bool(0, 5))
        }
    }

    @Test func `keys and tokens open what they are for`() async throws {
        try await withBattery { world, loop in
            try await world.token("dt_write", permission: "write")
            try await world.token("dt_read", permission: "read")
            try await world.token("dt_old", [("expires_at", "now() - interval '1 s'")])
            try await world.token("dt_far", [("allowed_ips", "'{192.0.2.0/24,nonsense}'")])
            try await world.token("dt_near", [("allowed_ips", "'{127.0.0.0/8}'")])
            try await world.token("dt_gone", [("is_revoked", "true")])
            let cases = [
                ("zk_1", 200), ("dt_write", 200), ("dt_near", 200), ("dt_read", 403), ("dt_far", 403), ("dt_old", 401), ("dt_gone", 401), ("zk_9", 401),
                ("x", 401),
            ]
            for (key, status) in cases {
                let answer = try await world.report(Self.now, key: key, on: loop)
                #expect(answer.status == status, "\(key): \(answer.text)")
                #expect(try answer.json()["code"]?.int == status)
            }
            #expect(try await world.api.post("/api/v1/battery/report", Self.now, token: "dt_write", on: loop).status == 200)
            #expect(try await world.api.post("/api/v1/battery/report", Self.now, on: loop).status == 401)
            #expect(try await world.api.get("/api/v1/battery/report", on: loop).status == 405)
            #expect(try await world.report(#"{"battery_level":200}"#, on: loop).status == 400)

            // The database tells of what ends a key, and every loop hears it.
            _ = try await world.sql("UPDATE heliograph.device_token SET is_revoked = true WHERE hash = sha256('dt_write')")
            try await eventually("the revocation", seconds: 5, on: loop) {
                var statuses: Set<Int> = []
                for _ in 0..<6 { statuses.insert(try await world.report(Self.now, key: "dt_write", on: loop).status) }
                return statuses == [401]
            }
            _ = try await world.sql("UPDATE heliograph.device SET set_status = 'disabled' WHERE number = 1")
            try await eventually("the device's end", seconds: 5, on: loop) { try await world.report(Self.now, on: loop).status == 403 }
        }
    }

    @Test func `a token's rate holds over all loops, and its uses are counted`() async throws {
        try await withBattery { world, loop in
            try await world.token("dt_slow", [("per_minute", "5")])
            var statuses: [Int] = []
            for _ in 0..<8 {
                let answer = try await world.report(Self.now, key: "dt_slow", on: loop)
                statuses.append(answer.status)
                if answer.status == 429 { #expect((1...12).contains(Int(answer["retry-after"] ?? "") ?? 0)) }
            }
            #expect(statuses == [200, 200, 200, 200, 200, 429, 429, 429])
            try await eventually("the uses", seconds: 5, on: loop) {
                try await world.int("SELECT count(*) FROM heliograph.device_token WHERE use_count = 5 AND last_used_at > now() - interval '1 min'") == 1
            }
        }
    }

    @Test func `tiny devices report by an address alone`() async throws {
        try await withBattery { world, loop in
            try await world.token("dt_all")
            try await world.token("dt_write", permission: "write")
            let base = "/api/v1/compat/battery"
            #expect(try await world.api.get("/api/v1/compat/ping", on: loop).json()["data"]?["pong"] == true)
            #expect(try await world.api.get(base + "/latest?token=dt_all", on: loop).status == 404)
            let cases = [
                ("/report?token=dt_all&level=55.5&charging=1&temp=-3.5&voltage=3.7&ts=1770000000", 200),
                ("/report?token=dt_all&level=54&ts=1770000060000", 200),
                ("/simple?token=dt_all&l=53&c=0", 200), ("/report?token=dt_all", 400), ("/report?token=dt_all&level=101", 400),
                ("/report?token=dt_all&level=nan", 400), ("/report?token=dt_all&level=1&charging=maybe", 400),
                ("/report?token=dt_all&level=1&ts=4000000000", 400),
                ("/report?token=dt_all&level=1&ts=x", 400), ("/report?level=1", 401), ("/simple?token=dt_none&l=1", 401), ("/simple?token=dt_all&level=1", 400),
                ("/latest?token=dt_write", 403), ("/latest", 401),
            ]
            for (path, status) in cases {
                let answer = try await world.api.get(base + path, on: loop)
                #expect(answer.status == status, "\(path): \(answer.text)")
            }
            let posted = try await world.api.request("POST", base + "/report", body: Array("token=dt_all&level=52".utf8), on: loop)
            #expect(posted.status == 200, "\(posted.text)")
            #expect(try await world.texts("SELECT level::text FROM heliograph.battery_report ORDER BY recorded_at") == ["55.5", "54", "53", "52"])
            let latest = try await world.api.get(base + "/latest?token=dt_all", on: loop)
            #expect(latest.status == 200)
            #expect(try latest.json()["data"]?["battery_level"] == 52.0)
            #expect(try latest.json()["data"]?["power_saving_mode"] == "off")
            #expect(try latest.json()["data"]?["is_low_battery"] == false)
            #expect(try await world.int("SELECT count(*) FROM heliograph.battery_report WHERE is_charging AND temperature = -3.5") == 1)
        }
    }
}
