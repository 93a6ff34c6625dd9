import API
import Bytes
import CLinux
import Postgres
import Protocol
import Reactor
import Simulation
import Synchronization
import Workers
import ZeroMQ

/// Readings from `POST /api/ingest/charging` to their commit: the API on two loops, broker and telemetry worker in this process, as
/// `heliograph up` has them. The reference is `\copy` of the same rows into the same table.
enum IngestBench {
    static let rows = 1_000_000
    static let connections = 8

    static func run(_ bench: Bench, on loop: isolated EventLoop) async throws {
        let postgres = try await bench.postgres(on: loop)
        let rows = IngestRows(count: bench.options.scaled(rows))
        try await empty(postgres, on: loop)
        let value = try await measure(rows, postgres, on: loop)
        let psql = TextFile.program("psql")
        let copy = await bench.reference("psql", [psql]) {
            try await empty(postgres, on: loop)
            return try await copyByPSQL(rows, psql ?? "", postgres, bench, on: loop)
        }
        bench.record(
            Figure(
                "ingest.charging", value, "readings/s", reference: "psql \\copy of the same rows into the same table", copy,
                conditions: "\(rows.count) readings of \(IngestRows.meters) meters, batches of \(IngestRows.perBatch) NDJSON rows, \(connections) connections"))
    }

    private static func empty(_ postgres: PostgresConfig, on loop: isolated EventLoop) async throws {
        try await QueueBench.statements(
            [
                "TRUNCATE public.time_i_data, heliograph.charging_latest, heliograph.job, heliograph.job_history", "VACUUM ANALYZE public.time_i_data",
                "CHECKPOINT",
            ],
            postgres, on: loop)
    }

    private static func check(_ rows: IngestRows, _ postgres: PostgresConfig, on loop: isolated EventLoop) async throws {
        let pool = PostgresPool(postgres, size: 1, name: "bench", on: loop)
        let count = try await pool.query("SELECT count(*) FROM public.time_i_data").int(0, 0)
        await pool.close(on: loop)
        guard count == rows.count else { throw BenchError("\(count) of \(rows.count) readings are in the table") }
    }

    private static func measure(_ rows: IngestRows, _ postgres: PostgresConfig, on loop: isolated EventLoop) async throws -> Double {
        let context = ZMQContext()
        let fleet = try await Fleet.start(postgres, endpoint: Fleet.inproc, context: context) { runtime, client, pool, loop in
            ChargingTelemetry(pool, client: client).register(runtime, on: loop)
        }
        let loops = (0..<2).map { EventLoop(name: "bench-api-\($0)") }
        var config = APIConfig(postgres: postgres, endpoints: [fleet.endpoint])
        config.addresses = [ListenAddress(host: "127.0.0.1", port: 0)]
        let nodes = try await APINodes.start(config, context: context, on: loops)
        var result: Result<Double, any Error>
        do {
            let token = try await token(postgres, on: loop)
            result = .success(try await send(rows, to: nodes.ports[0], token: token))
            try await check(rows, postgres, on: loop)
        } catch {
            result = .failure(error)
        }
        await nodes.stop()
        for loop in loops { loop.stop() }
        await fleet.stop()
        return try result.get()
    }

    private static func token(_ postgres: PostgresConfig, on loop: isolated EventLoop) async throws -> String {
        let pool = PostgresPool(postgres, size: 1, name: "bench", on: loop)
        let hasher = await PasswordHasher()
        let token = try await AccountStore(pool, hasher).createToken(.ingest, label: "bench").text
        hasher.stop()
        await pool.close(on: loop)
        return token
    }

    /// Readings a second over all connections. Bodies are made before the clock runs.
    private static func send(_ rows: IngestRows, to port: UInt16, token: String) async throws -> Double {
        let bodies = (0..<rows.batches).map { rows.body($0) }
        let loop = EventLoop(name: "bench-client")
        defer { loop.stop() }
        return try await loop.run { loop in
            guard let address = HTTPAddress(host: "127.0.0.1", port: port) else { throw BenchError("no address") }
            let headers = [("Authorization", "Bearer \(token)"), ("Content-Type", "application/x-ndjson")]
            var next = 0
            var failure: (any Error)?
            var working = connections
            let started = Clock.monotonicNs
            await withUnsafeContinuation { (done: UnsafeContinuation<Void, Never>) in
                for _ in 0..<connections {
                    let client = HTTPClient(address, deadlineMs: 60_000, on: loop)
                    loop.spawn {
                        do {
                            while failure == nil, next < bodies.count {
                                next += 1
                                let answer = try await client.post("/api/ingest/charging", headers: headers, body: bodies[next - 1])
                                guard answer.status == 200 else {
                                    throw BenchError("answer \(answer.status): \(String(decoding: answer.body.prefix(200), as: UTF8.self))")
                                }
                            }
                        } catch {
                            failure = error
                        }
                        client.close()
                        working -= 1
                        if working == 0 { done.resume() }
                    }
                }
            }
            let seconds = Double(Clock.monotonicNs - started) / 1e9
            if let failure { throw failure }
            return Double(rows.count) / seconds
        }
    }

    private static func copyByPSQL(_ rows: IngestRows, _ psql: String, _ postgres: PostgresConfig, _ bench: Bench, on loop: isolated EventLoop) async throws
        -> Double
    {
        let file = bench.directory + "/readings.csv"
        var csv: [UInt8] = []
        csv.reserveCapacity(rows.count * 64)
        for batch in 0..<rows.batches { csv += rows.csv(batch) }
        try TextFile.write(file, csv)
        let command = "\\copy public.time_i_data (meter_id, \"timestamp\", i, dev_fac_id) FROM '\(file)' (FORMAT csv)"
        let started = Clock.monotonicNs
        _ = try await bench.run("psql", [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", command, postgres.url], on: loop)
        let seconds = Double(Clock.monotonicNs - started) / 1e9
        try await check(rows, postgres, on: loop)
        return Double(rows.count) / seconds
    }
}
