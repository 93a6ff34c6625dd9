import Bytes
import Postgres
import Protocol
import Reactor
import TestSupport
import Testing
import ZeroMQ

@testable import API
@testable import Workers

/// The evaluator on a real database.
@Suite(.timeLimit(.minutes(3))) struct AlertFleetTests {
    @Test func `a report makes its event in the same commit, late ones move it, users keep what they said of it`() async throws {
        try await withBattery { world, loop in
            try await world.rule("low_battery", mail: true)
            try await world.rule("critical_battery")
            #expect(try await world.report(BatteryWorld.row(15, minute: 10), on: loop).status == 200)
            #expect(try await world.events() == ["low_battery 15 10 active"])
            let told = try await world.texts("SELECT message || '|' || level || '|' || threshold FROM heliograph.alert_event")
            #expect(told == ["设备电量低: 15%|warning|20"])
            let event = try await world.sql("SELECT id::text FROM heliograph.alert_event").string(0, 0)
            let jobs = try await world.texts("SELECT args->>'event' || ' ' || unique_key FROM heliograph.job WHERE kind = 'mail.alert'")
            #expect(jobs == ["\(event) alert:\(event)"])
            _ = try await world.sql("UPDATE heliograph.alert_event SET status = 'acknowledged', acknowledged_at = now()")

            // It began earlier than it seemed.
            #expect(try await world.report(BatteryWorld.row(16.5, minute: 5), on: loop).status == 200)
            #expect(try await world.events() == ["low_battery 16.5 5 acknowledged"])
            #expect(try await world.texts("SELECT id::text FROM heliograph.alert_event") == [event])
            // It ended, and not when it seemed.
            #expect(try await world.report(BatteryWorld.row(40, minute: 30), on: loop).status == 200)
            #expect(try await world.events() == ["low_battery 16.5 5 resolved 30"])
            #expect(try await world.report(BatteryWorld.row(30, minute: 20, charging: true), on: loop).status == 200)
            #expect(try await world.events() == ["low_battery 16.5 5 resolved 20"])
            // One that turns out never to have been.
            #expect(try await world.report(BatteryWorld.row(5, minute: 31), on: loop).status == 200)
            #expect(try await world.events() == ["low_battery 16.5 5 resolved 20", "critical_battery 5 31 active"])
            // Redelivered: nothing changes.
            for (level, minute) in [(15.0, 10), (5, 31), (40, 30)] { _ = try await world.report(BatteryWorld.row(level, minute: minute), on: loop) }
            #expect(try await world.events() == ["low_battery 16.5 5 resolved 20", "critical_battery 5 31 active"])
            #expect(try await world.int("SELECT count(*) FROM heliograph.battery_report") == 5)
            // A user's resolve does not re-arm before the condition has ended, and its time stays.
            _ = try await world.sql(
                "UPDATE heliograph.alert_event SET status = 'resolved', resolved_at = to_timestamp(1770000000 + 32 * 60) WHERE alert_type = 'critical_battery'")
            #expect(try await world.report(BatteryWorld.row(4, minute: 70), on: loop).status == 200)
            #expect(try await world.report(BatteryWorld.row(90, minute: 80), on: loop).status == 200)
            #expect(try await world.events() == ["low_battery 16.5 5 resolved 20", "critical_battery 5 31 resolved 32"])
            #expect(try await world.int("SELECT count(*) FROM heliograph.alert_event WHERE ended_at = to_timestamp(1770000000 + 80 * 60)") == 1)
        }
    }

    @Test func `a batch in disorder gives what single reports in order give`() async throws {
        try await withBattery { world, loop in
            for type in ["low_battery", "critical_battery", "high_temperature", "rapid_drain"] { try await world.rule(type, cooldown: 5) }
            let rows = [(50.0, 40.0), (30, 46), (19, 46), (9, 44), (30, 44), (18, 44), (80, 45), (79, 45.1), (60, 45)].enumerated().map { i, row in
                BatteryWorld.row(row.0, minute: i * 3, temperature: row.1)
            }
            for row in rows { #expect(try await world.report(row, on: loop).status == 200) }
            let single = try await world.events()
            #expect(single.count >= 5, "\(single)")
            #expect(try await world.batch(rows.reversed(), key: "zk_2", on: loop).status == 200)
            let batch = try await world.texts(
                """
                SELECT concat_ws(' ', alert_type, value, (extract(epoch FROM triggered_at)::bigint - 1770000000) / 60, status,
                    (extract(epoch FROM resolved_at)::bigint - 1770000000) / 60)
                FROM heliograph.alert_event WHERE device = 2 ORDER BY triggered_at, alert_type
                """)
            let own = try await world.int("SELECT count(*) FROM heliograph.alert_event WHERE device = 1")
            #expect(own == single.count)
            #expect(batch == single)
        }
    }

    @Test func `two workers at once make an event once, whoever gets what in what order and however often`() async throws {
        try await withBattery { world, loop in
            try await world.rule("low_battery", cooldown: 60)
            let other = try BusClient(world.api.context, endpoints: [world.api.endpoint], hello: Hello(role: .worker, name: "worker 2"), on: loop)
            let pool = PostgresPool(world.api.postgres, size: 4, name: "second", on: loop)
            let second = WorkerRuntime(other, options: WorkerOptions(name: "worker 2"))
            let telemetry = BatteryTelemetry(pool, client: other)
            telemetry.register(second, on: loop)
            second.start(on: loop)
            try await eventually("the second worker", on: loop) { other.isUp }

            // Below and above by turns, so that each minute could begin an episode; both devices, each row three times.
            var batches: [[UInt8]] = []
            for minute in 0..<200 {
                for device in [1, 2] as [Int64] {
                    for _ in 0..<3 {
                        var batch = ReportBatch()
                        batch.append(
                            BatteryReport(
                                device: device, recordedAt: Timestamp(seconds: 1_770_000_000 + Int64(minute) * 15), level: minute % 2 == 0 ? 15 : 50))
                        batches.append(batch.bytes)
                    }
                }
            }
            var random = SplitMix(state: 11)
            batches.shuffle(using: &random)
            var open = 0
            var refusals: [Refusal] = []
            for batch in batches {
                open += 1
                world.fleet.client.call(.ingest, BatteryNames.reports, batch, timeoutMs: 60_000, on: loop) { result in
                    open -= 1
                    if case .failure(let refusal) = result { refusals.append(refusal) }
                }
            }
            try await eventually("all commits", seconds: 60, on: loop) { open == 0 }
            #expect(refusals.isEmpty, "\(refusals.first?.description ?? "")")
            #expect(telemetry.counters.groups > 0)
            #expect(try await world.int("SELECT count(*) FROM heliograph.battery_report") == 400)
            // 50 minutes in all: one event each, at the first report.
            #expect(try await world.events() == ["low_battery 15 0 resolved 0", "low_battery 15 0 resolved 0"])
            await second.stop(on: loop)
            other.close(on: loop)
            await pool.close(on: loop)
        }
    }

    @Test func `silence is found once, and ended by a report`() async throws {
        try await withBattery { world, loop in
            let told = Told()
            let task = OfflineTask { topic, payload in told.payloads.append("\(topic) \(String(decoding: payload, as: UTF8.self))") }
            let turn = UpkeepTurn(pool: world.api.pool, counters: UpkeepCounters()) { true }
            let count = "SELECT count(*) FROM heliograph.alert_event WHERE alert_type = 'device_offline'"
            #expect(try await world.report(BatteryWorld.row(50, minute: 0), on: loop).status == 200)
            #expect(try await world.int("SELECT count(*) FROM heliograph.battery_latest WHERE offline_at > now() + interval '170 s'") == 1)
            // As if it had been silent for ten minutes; device 2 was never seen.
            let silent = "UPDATE heliograph.battery_latest SET seen_at = now() - interval '10 min'"
            let scheduled = "UPDATE heliograph.battery_latest SET offline_at = now() - interval '7 min' WHERE offline_at IS NOT NULL"
            _ = try await world.sql(silent)
            _ = try await world.sql(scheduled)
            try await task.run(turn)
            #expect(try await world.int(count) == 0)
            try await world.rule("device_offline")
            _ = try await world.sql("UPDATE heliograph.device SET set_status = 'maintenance'")
            try await task.run(turn)
            #expect(try await world.int(count) == 0)
            // Looked at again just before: it was heard after all.
            _ = try await world.sql("UPDATE heliograph.device SET set_status = NULL")
            _ = try await world.sql("UPDATE heliograph.battery_latest SET seen_at = now()")
            try await task.run(turn)
            #expect(try await world.int(count) == 0)
            #expect(try await world.int("SELECT count(*) FROM heliograph.battery_latest WHERE offline_at > now() + interval '170 s'") == 1)
            _ = try await world.sql(silent)
            _ = try await world.sql(scheduled)
            for _ in 0..<2 { try await task.run(turn) }
            #expect(try await world.int(count) == 1)
            #expect(try await world.texts("SELECT message || ' ' || threshold FROM heliograph.alert_event") == ["设备已离线 180"])
            #expect(told.payloads.count == 1)
            #expect(told.payloads[0].contains(#""event":"triggered""#))
            #expect(try await world.report(BatteryWorld.row(50, minute: 1), on: loop).status == 200)
            #expect(try await world.texts("SELECT status FROM heliograph.alert_event") == ["resolved"])
            // Within the cooldown: put off to its end.
            _ = try await world.sql(silent)
            _ = try await world.sql(scheduled)
            try await task.run(turn)
            #expect(try await world.int(count) == 1)
            #expect(try await world.int("SELECT count(*) FROM heliograph.battery_latest WHERE offline_at > now() + interval '20 min'") == 1)
            // A shorter interval hastens what is scheduled.
            _ = try await world.sql("UPDATE heliograph.device SET report_interval_s = 1 WHERE number = 1")
            #expect(try await world.int("SELECT count(*) FROM heliograph.battery_latest WHERE offline_at <= now() + interval '120 s'") == 1)
        }
    }

    final class Told {
        var payloads: [String] = []
    }

    @Test func `reports of a device that is gone hold nobody up`() async throws {
        try await withBattery { world, loop in
            #expect(try await world.report(BatteryWorld.row(50, minute: 0), key: "zk_2", on: loop).status == 200)
            var batch = ReportBatch()
            for device in [1, 999] as [Int64] { batch.append(BatteryReport(device: device, recordedAt: Timestamp(seconds: 1_770_000_000), level: 50)) }
            let answer = try await world.fleet.client.ingest(BatteryNames.reports, batch.bytes, timeoutMs: 20_000, on: loop)
            #expect(String(decoding: answer, as: UTF8.self) == #"{"inserted":2}"#)
            #expect(try await world.int("SELECT count(*) FROM heliograph.battery_latest") == 2)
        }
    }
}
