import Bytes
import Glibc
import Postgres
import Protocol
import Reactor
import Simulation
import TestSupport
import Testing

/// Real processes, killed in the middle of work. `FLEET_SCALE=5` runs the full 100,000 jobs and 1,000,000 readings.
@Suite(.serialized, .timeLimit(.minutes(8))) struct KillTests {
    static let scale = getenv("FLEET_SCALE").flatMap { Int(String(cString: $0)) } ?? 1
    /// Within so many seconds of a kill, work must go on.
    static let recovery = 6.0

    @Test func killedWorkersBrokersAndBackendsLoseNoJobAndDoubleNoEffect() async throws {
        try await ProcessFleet.with { fleet, loop in
            let jobs = 20_000 * Self.scale
            _ = try await fleet.pool.query("CREATE TABLE probe_effect (job_id bigint, attempt integer)")
            var broker = try await fleet.start("broker", on: loop)
            try await fleet.start("worker", "upkeep", on: loop)
            let first = try await fleet.start("worker", "probe", "--slots", "4", on: loop)
            try await fleet.start("worker", "probe", "--slots", "4", on: loop)
            _ = try await fleet.pool.query(
                Statement(
                    """
                    INSERT INTO heliograph.job (kind, args, max_attempts)
                    SELECT 'probe.effect', '{"table": "probe_effect"}', 100 FROM generate_series(1, \(jobs))
                    """))
            let effects = "SELECT count(*) FROM probe_effect"
            func goesOn(_ what: String, on loop: isolated EventLoop) async throws {
                let before = try await fleet.count(effects)
                try await eventually("jobs go on after \(what)", seconds: Self.recovery, on: loop) { try await fleet.count(effects) > before }
            }
            try await eventually("a fifth is done", seconds: 120, on: loop) { try await fleet.count(effects) > jobs / 5 }
            try await first.kill9(on: loop)
            try await goesOn("kill -9 of a worker", on: loop)
            try await fleet.start("worker", "probe", "--slots", "4", on: loop)
            try await eventually("two fifths are done", seconds: 120, on: loop) { try await fleet.count(effects) > jobs * 2 / 5 }
            try await broker.kill9(on: loop)
            broker = try await fleet.start("broker", on: loop)
            try await goesOn("kill -9 of the broker", on: loop)
            try await eventually("three fifths are done", seconds: 120, on: loop) { try await fleet.count(effects) > jobs * 3 / 5 }
            _ = try await fleet.pool.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
            try await goesOn("the end of every PostgreSQL backend", on: loop)
            try await eventually("the queue is empty", seconds: 240, on: loop) {
                try await fleet.count("SELECT count(*) FROM heliograph.job") == 0
            }
            #expect(try await fleet.count(effects) == jobs)
            #expect(try await fleet.count("SELECT count(DISTINCT job_id) FROM probe_effect") == jobs)
            #expect(try await fleet.count("SELECT count(*) FROM heliograph.job_history WHERE state = 'completed'") == jobs)
            #expect(try await broker.stop(on: loop) == 0)
        }
    }

    @Test func killedWorkersAndBrokersLoseNoAcknowledgedReadingAndDoubleNone() async throws {
        try await ProcessFleet.with { fleet, loop in
            let batches = 200 * Self.scale
            var broker = try await fleet.start("broker", on: loop)
            var worker = try await fleet.start("worker", "telemetry", on: loop)
            let api = try await fleet.start("api", "--port", "0", on: loop)
            let token = try await fleet.run("token", "new", "--scope", "ingest", on: loop)
            #expect(token.code == 0)
            let url = api.text.split(separator: "\n").first { $0.contains("ready on ") }?.split(separator: " ").last.map(String.init) ?? ""
            let address = try #require(HTTPAddress(url))
            let headers = [("Authorization", "Bearer " + token.text.filter { $0 != "\n" })]
            var acknowledged = 0
            var senders = 0
            // Four clients, each sending a batch again until it is acknowledged.
            for sender in 0..<4 {
                senders += 1
                loop.spawn {
                    let client = HTTPClient(address, deadlineMs: 15_000, on: loop)
                    for batch in stride(from: sender, to: batches, by: 4) {
                        let body = Self.rows(batch)
                        while true {
                            let answer = try? await client.post("/api/ingest/charging", headers: headers, body: body)  // ok: sent again
                            if answer?.status == 200 { break }
                            await loop.sleep(ns: 50_000_000)
                        }
                        acknowledged += 1
                    }
                    client.close()
                    senders -= 1
                }
            }
            func goesOn(_ what: String, on loop: isolated EventLoop) async throws {
                let before = acknowledged
                try await eventually("readings are acknowledged after \(what)", seconds: Self.recovery, on: loop) { acknowledged > before }
            }
            try await eventually("a quarter", seconds: 120, on: loop) { acknowledged > batches / 4 }
            try await worker.kill9(on: loop)
            worker = try await fleet.start("worker", "telemetry", on: loop)
            try await goesOn("kill -9 of the worker", on: loop)
            try await eventually("a half", seconds: 120, on: loop) { acknowledged > batches / 2 }
            try await broker.kill9(on: loop)
            broker = try await fleet.start("broker", on: loop)
            try await goesOn("kill -9 of the broker", on: loop)
            try await eventually("three quarters", seconds: 120, on: loop) { acknowledged > batches * 3 / 4 }
            _ = try await fleet.pool.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
            try await goesOn("the end of every PostgreSQL backend", on: loop)
            try await eventually("all senders are done", seconds: 240, on: loop) { senders == 0 }
            #expect(acknowledged == batches)
            #expect(try await fleet.count("SELECT count(*) FROM time_i_data") == batches * 1_000)
            #expect(try await worker.stop(on: loop) == 0)
            #expect(try await api.stop(on: loop) == 0)
        }
    }

    /// 1,000 readings of 20 meters; no two batches share one.
    private static func rows(_ batch: Int) -> [UInt8] {
        var out: [UInt8] = []
        for n in 0..<1_000 {
            var w = JSONWriter(capacity: 96)
            w.object { w in
                w.member("meter_id", "KILL_\(n % 20)")
                w.member("timestamp", Timestamp(seconds: 1_767_225_600 + Int64(batch * 50 + n / 20)), .utc)
                w.member("i", Double(n % 300) / 10)
            }
            out += w.bytes
            out.append(0x0A)
        }
        return out
    }
}
