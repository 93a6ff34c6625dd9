import Bytes
import Postgres
import Protocol
import Reactor
import Simulation
import TestSupport
import Testing
import ZeroMQ

/// PostgreSQL is stopped under a fleet of real processes at work, and started again.
@Suite(.timeLimit(.minutes(3))) struct RestartTests {
    /// Jobs that wait when the work begins; the clients enqueue more.
    private static let jobs = 1_500
    /// How long the server is away, ns.
    private static let outageNs: Int64 = 1_000_000_000
    /// Within so many seconds of the server's start, work must go on.
    private static let recovery = 6.0
    private static let effects = "SELECT count(*) FROM probe_effect"

    @Test(arguments: OwnServer.Stop.allCases)
    func aServerThatRestartsUnderLoadLosesNothingAcknowledgedAndDoublesNothing(_ how: OwnServer.Stop) async throws {
        let loop = EventLoop(name: "restart")
        defer { loop.stop() }
        try await loop.run { loop in
            try await OwnServer.with(on: loop) { server in
                var config = server.config
                // The test's own look at the database: soon after it is back.
                config.reconnectMaxMs = 100
                try await ProcessFleet.with(config, on: loop) { fleet in
                    try await Self.restart(server, how, under: fleet, on: loop)
                }
            }
        }
    }

    private static func restart(_ server: OwnServer, _ how: OwnServer.Stop, under fleet: ProcessFleet, on loop: isolated EventLoop) async throws {
        _ = try await fleet.pool.query("CREATE TABLE probe_effect (job_id bigint, attempt integer, at timestamptz DEFAULT clock_timestamp())")
        let children = [
            try await fleet.start("broker", on: loop), try await fleet.start("worker", "probe", "--slots", "4", on: loop),
            try await fleet.start("worker", "telemetry", "upkeep", on: loop), try await fleet.start("api", "--port", "0", on: loop),
        ]
        let load = try await RestartLoad.start(fleet, address: children[3], on: loop)
        let waiting = try await fleet.pool.query(
            Statement(
                """
                INSERT INTO heliograph.job (kind, args, max_attempts)
                SELECT 'probe.effect', jsonb_build_object('table', 'probe_effect', 'n', -n), 100 FROM generate_series(1, \(jobs)) AS n RETURNING id
                """))
        for row in 0..<waiting.count { load.accepted.append(try waiting.int64(row, 0)) }
        try await eventually("work of every sort is under way", on: loop) {
            try await fleet.count(effects) > jobs / 10 && load.accepted.count > jobs + 50 && load.batches > 10
        }

        try await server.stop(how, on: loop)
        let impatient = load.enqueue(timeoutMs: 300, on: loop)
        let patient = load.enqueue(timeoutMs: 20_000, on: loop)
        await loop.sleep(ns: outageNs)
        // Nobody is told that a job is safe while nothing can be.
        try await eventually("the impatient client has its answer", on: loop) { impatient.result != nil }
        guard case .failure(let refusal)? = impatient.result else { throw Overdue(what: "accepted while the server was away") }
        #expect(refusal.code == .deadline && refusal.isRetryable && !refusal.message.isEmpty)
        #expect(patient.result == nil)

        try await expectWorkGoesOn(fleet, load, on: loop) { try await server.start(on: loop) }
        try await eventually("the patient client has its answer", on: loop) { patient.result != nil }
        switch try #require(patient.result) {
        case .success(let told): load.accepted.append(told.id)
        case .failure(let refusal): #expect(refusal.isRetryable && !refusal.message.isEmpty, "\(refusal)")
        }
        load.isOver = true
        try await eventually("the clients are done", seconds: 30, on: loop) { load.clients == 0 }
        for refusal in load.refusals { #expect(refusal.isRetryable && !refusal.message.isEmpty, "\(refusal)") }
        try await expectNothingLostOrDoubled(fleet, load, on: loop)
        for child in children.reversed() { #expect(try await child.stop(on: loop) == 0) }
    }

    private static func expectWorkGoesOn(
        _ fleet: ProcessFleet, _ load: RestartLoad, on loop: isolated EventLoop, after start: () async throws -> Void
    ) async throws {
        let (accepted, batches) = (load.accepted.count, load.batches)
        let limitNs = Clock.monotonicNs + Int64(recovery * 1e9)
        try await start()
        let left = { Double(limitNs - Clock.monotonicNs) / 1e9 }
        try await eventually("jobs are accepted again", seconds: left(), on: loop) { load.accepted.count > accepted }
        try await eventually("readings are acknowledged again", seconds: left(), on: loop) { load.batches > batches }
        // The server's clock says it, however late this process gets to see it.
        let first = "SELECT extract(epoch FROM min(at) - pg_postmaster_start_time())::float8 FROM probe_effect WHERE at > pg_postmaster_start_time()"
        var seconds: Double?
        try await eventually("jobs are completed again", on: loop) {
            let rows = try await fleet.pool.query(Statement(first), retryOnLoss: true)
            seconds = try rows.isNull(0, 0) ? nil : rows.double(0, 0)
            return seconds != nil
        }
        #expect(try #require(seconds) < recovery)
    }

    private static func expectNothingLostOrDoubled(_ fleet: ProcessFleet, _ load: RestartLoad, on loop: isolated EventLoop) async throws {
        let history = "SELECT count(*) FROM heliograph.job_history WHERE kind = 'probe.effect'"
        try await eventually("no job is left", seconds: 60, on: loop) {
            try await fleet.count("SELECT count(*) FROM heliograph.job WHERE kind = 'probe.effect'") == 0
        }
        let lost = try await fleet.pool.query(
            "SELECT count(*) FROM unnest($1::bigint[]) AS told(id) WHERE NOT EXISTS (SELECT FROM probe_effect WHERE job_id = told.id)",
            Parameters(load.accepted))
        #expect(try lost.int(0, 0) == 0, "acknowledged jobs without their effect")
        #expect(Set(load.accepted).count == load.accepted.count)
        let total = try await fleet.count(effects)
        #expect(try await fleet.count("SELECT count(DISTINCT job_id) FROM probe_effect") == total)
        #expect(try await fleet.count(history + " AND state = 'completed'") == total)
        #expect(try await fleet.count(history + " AND state <> 'completed'") == 0)
        // An enqueue whose answer was lost may have made its job, but one only.
        #expect(try await fleet.count("SELECT count(DISTINCT args ->> 'n') FROM heliograph.job_history WHERE kind = 'probe.effect'") == total)
        #expect(try await fleet.count("SELECT count(*) FROM time_i_data") == load.batches * RestartLoad.rowsPerBatch)
    }
}
