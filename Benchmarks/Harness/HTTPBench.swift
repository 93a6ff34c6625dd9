import Postgres
import Reactor
import Simulation

/// Answers from memory and rows from PostgreSQL, loaded by wrk. The reference is FastAPI on one uvicorn process with the same answers, and for
/// rows pgbench with the same query too.
enum HTTPBench {
    static func run(_ wanted: Set<String>, _ bench: Bench, on loop: isolated EventLoop) async throws {
        let server = try await ServerUnderTest.start(bench, on: loop)
        try await fill(server.postgres, on: loop)
        if wanted.contains("http.memory") { try await memory(server, bench, on: loop) }
        if wanted.contains("http.rows") { try await rows(server, bench, on: loop) }
        await bench.stop(server.child, on: loop)
    }

    private static let load = "wrk, 1 thread, \(Wrk.connections) connections"

    private static func memory(_ server: ServerUnderTest, _ bench: Bench, on loop: isolated EventLoop) async throws {
        for path in ["/api/health", "/"] {
            let value = try await Wrk.rate("http://\(server.address)\(path)", bench, on: loop)
            let reference = await FastAPIReference.rate(path, server.postgres, bench, on: loop)
            bench.record(
                Figure("http.memory", value, "requests/s", reference: "FastAPI, one uvicorn process", reference, conditions: "GET \(path), \(load)"))
        }
    }

    private static func rows(_ server: ServerUnderTest, _ bench: Bench, on loop: isolated EventLoop) async throws {
        let path = "/api/monitoring/current?meter_id=METER_001&hours=6"
        let client = HTTPClient(server.address, on: loop)
        let answer = try await client.get(path)
        client.close()
        guard answer.status == 200, String(decoding: answer.body, as: UTF8.self).contains("\"count\":360") else {
            throw BenchError("GET \(path) did not answer 360 rows: \(String(decoding: answer.body.suffix(120), as: UTF8.self))")
        }
        let value = try await Wrk.rate("http://\(server.address)\(path)", bench, on: loop)
        let reference = await FastAPIReference.rate(path, server.postgres, bench, on: loop)
        let conditions = "GET /api/monitoring/current, 360 rows, \(load)"
        bench.record(
            Figure("http.rows", value, "requests/s", reference: "FastAPI and asyncpg, one uvicorn process", reference, conditions: conditions))
        let pgbench = await bench.reference("pgbench", [TextFile.program("pgbench")]) {
            try await Wrk.pgbench(query, clients: 4, server.postgres, bench, on: loop)
        }
        bench.record(Figure("http.rows", value, "requests/s", reference: "pgbench, the same query, 4 clients", pgbench, conditions: conditions))
    }

    /// What the API asks for these rows.
    private static let query = """
        SELECT "timestamp", i, dev_fac_id FROM public.time_i_data
        WHERE meter_id = 'METER_001'
            AND "timestamp" > (SELECT max("timestamp") FROM public.time_i_data WHERE meter_id = 'METER_001') - 6 * interval '1 hour'
        ORDER BY "timestamp" LIMIT 100000;
        """

    /// A day of 100 meters, a reading a minute.
    private static func fill(_ postgres: PostgresConfig, on loop: isolated EventLoop) async throws {
        try await QueueBench.statements(
            [
                """
                INSERT INTO public.time_i_data (meter_id, "timestamp", i, dev_fac_id)
                SELECT 'METER_' || lpad(m::text, 3, '0'), date_trunc('minute', now()) - t * interval '1 minute', (m * 7 + t * 13) % 320 / 10.0, 'FAC_001'
                FROM generate_series(0, 1439) AS t, generate_series(1, 100) AS m ORDER BY t DESC
                """, "VACUUM ANALYZE public.time_i_data", "CHECKPOINT",
            ], postgres, on: loop)
    }
}
