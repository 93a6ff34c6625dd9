import Bytes
import Postgres
import Protocol
import Reactor
import Simulation

/// A car's live state over HTTP, beside FastAPI with the same object; and look-ups in a table of ten million positions.
enum VehicleBench {
    static let names = ["vehicles.state", "vehicles.lookup"]
    static let cars = 10
    /// Of each car, one every 3 s: five weeks.
    static let positions = 1_000_000
    static let lookups = 4_000
    /// Of each car, one every hour.
    static let drives = 833

    static func run(_ wanted: Set<String>, _ bench: Bench, on loop: isolated EventLoop) async throws {
        if wanted.contains("vehicles.logbook") { try await LogbookBench.run(bench, on: loop) }
        if PollerBench.names.contains(where: wanted.contains) { try await PollerBench.run(bench, on: loop) }
        guard names.contains(where: wanted.contains) else { return }
        let server = try await ServerUnderTest.start(bench, on: loop)
        try await addCars(server.postgres, on: loop)
        if wanted.contains("vehicles.state") { try await state(server, bench, on: loop) }
        if wanted.contains("vehicles.lookup") { try await lookup(server, bench, on: loop) }
        await bench.stop(server.child, on: loop)
    }

    private static func addCars(_ postgres: PostgresConfig, on loop: isolated EventLoop) async throws {
        var view = VehicleView(car: 1, state: .driving, since: Timestamp(seconds: 1_760_000_000), lastUsed: Timestamp(seconds: 1_760_000_300))
        (view.batteryLevel, view.usableBatteryLevel, view.rangeKm, view.idealRangeKm) = (67, 65, 320.5, 350)
        (view.latitude, view.longitude, view.heading, view.speed, view.power, view.odometerKm) = (31.2304, 121.4737, 180, 72, 18, 12345.6)
        (view.insideTemp, view.outsideTemp, view.isLocked, view.carVersion, view.sleepBlockReason) = (22.5, 15, true, "2024.26.9", "user_present")
        (view.tpmsFL, view.tpmsFR, view.tpmsRL, view.tpmsRR) = (2.9, 2.9, 2.9, 2.9)
        var w = JSONWriter()
        view.write(to: &w)
        try await QueueBench.statements(
            [
                """
                WITH made AS (
                    INSERT INTO heliograph.car (tesla_id, tesla_vehicle_id, name) SELECT n, n, 'car ' || n FROM generate_series(1, \(cars)) AS n RETURNING number
                )
                INSERT INTO heliograph.car_memory (car, view) SELECT number, '\(w.string)'::jsonb || jsonb_build_object('car_id', number) FROM made
                """
            ], postgres, on: loop)
    }

    // MARK: State

    private static func state(_ server: ServerUnderTest, _ bench: Bench, on loop: isolated EventLoop) async throws {
        let path = "/api/cars/1/state"
        let client = HTTPClient(server.address, on: loop)
        let answer = try await client.get(path)
        client.close()
        guard answer.status == 200, try JSONValue.parse(answer.body)["data"]?["odometer_km"]?.double == 12345.6 else {
            throw BenchError("GET \(path): \(answer.status) \(String(decoding: answer.body.prefix(200), as: UTF8.self))")
        }
        let value = try await Wrk.rate("http://\(server.address)\(path)", bench, on: loop)
        let reference = await FastAPIReference.rate(path, server.postgres, bench, on: loop)
        bench.record(
            Figure(
                "vehicles.state", value, "requests/s", reference: "FastAPI, one uvicorn process, the same object from memory", reference,
                conditions: "GET \(path), \(answer.body.count) bytes, wrk, 1 thread, \(Wrk.connections) connections"))
    }

    // MARK: Look-ups

    private static func lookup(_ server: ServerUnderTest, _ bench: Bench, on loop: isolated EventLoop) async throws {
        let count = bench.options.scaled(positions)
        let started = Clock.monotonicNs
        try await QueueBench.statements(fill(count), server.postgres, on: loop)
        let seconds = Double(Clock.monotonicNs - started) / 1e9
        bench.note("vehicles.lookup: \(cars * count) positions in \(Int(seconds)) s")
        let size = "\(cars * count / 1_000) thousand positions of \(cars) cars, \(drives) drives each, one look-up at a time"

        var config = server.postgres
        config.statementTimeoutMs = 0
        let pool = PostgresPool(config, size: 1, name: "bench", on: loop)
        let newest = Statement(
            """
            SELECT recorded_at, latitude, longitude, battery_level, odometer_km FROM heliograph.position
            WHERE car = $1 ORDER BY recorded_at DESC LIMIT 1
            """)
        let newestMs = try await percentiles(on: loop) { n in
            guard try await pool.query(newest, Parameters(Int64(n % cars + 1))).count == 1 else { throw BenchError("a car has no position") }
        }
        await pool.close(on: loop)

        let client = HTTPClient(server.address, on: loop)
        let today = Clock.wall.seconds / 86_400
        let dayMs = try await percentiles(on: loop) { n in
            let day = today - 2 - Int64(n / cars % 30)
            let (from, to) = (RFC3339.string(Timestamp(seconds: day * 86_400), .utc), RFC3339.string(Timestamp(seconds: (day + 1) * 86_400), .utc))
            let answer = try await client.get("/api/cars/\(n % cars + 1)/drives?from=\(from)&to=\(to)&per_page=100")
            guard answer.status == 200 else { throw BenchError("a day's drives: \(answer.status)") }
        }
        let trackMs = try await percentiles(on: loop) { n in
            let answer = try await client.get("/api/drives/\(n * 7 % (cars * drives) + 1)/positions?simplify=20")
            guard answer.status == 200, answer.body.count > 100 else { throw BenchError("a drive's positions: \(answer.status)") }
        }
        client.close()
        for (what, ms) in [("newest position of a car, SQL", newestMs), ("a day's drives, HTTP", dayMs), ("a drive's simplified track, HTTP", trackMs)] {
            bench.record(Figure("vehicles.lookup", ms.p99, "ms p99", conditions: "\(what): p50 \(Double(Int(ms.p50 * 1000)) / 1000) ms; \(size)"))
        }
    }

    private static func percentiles(on loop: isolated EventLoop, _ body: (Int) async throws -> Void) async throws -> (p50: Double, p99: Double) {
        var ms: [Double] = []
        for n in -50..<lookups {
            let began = Clock.monotonicNs
            try await body(n + 50)
            // The first ones read pages and make plans.
            if n >= 0 { ms.append(Double(Clock.monotonicNs - began) / 1e6) }
        }
        ms.sort()
        return (ms[ms.count / 2], ms[ms.count * 99 / 100])
    }

    /// Indexes are made after the rows, as they are; what they answer is the same, and the rows are there in minutes.
    private static func fill(_ count: Int) -> [String] {
        [
            """
            INSERT INTO heliograph.drive (car, started_at, ended_at, duration_min, distance_km, start_latitude, start_longitude, end_latitude, end_longitude)
            SELECT c, date_trunc('hour', now()) - h * interval '1 hour', date_trunc('hour', now()) - h * interval '1 hour' + interval '30 minutes', 30, 25,
                31 + h * 0.0001, 121, 31.2, 121.2
            FROM generate_series(1, \(drives)) AS h, generate_series(1, \(cars)) AS c
            """,
            "DROP INDEX heliograph.position_car, heliograph.position_drive", "SET work_mem = '256MB'", "SET maintenance_work_mem = '512MB'",
            "CREATE TEMP TABLE hour AS SELECT car, started_at, id FROM heliograph.drive",
            """
            INSERT INTO heliograph.position (id, car, drive, recorded_at, latitude, longitude, heading, speed, power, battery_level, range_km, odometer_km,
                inside_temp, outside_temp, elevation_m, tpms_fl, tpms_fr, tpms_rl, tpms_rr)
            SELECT n * \(cars)::bigint + c, c, d.id, t, 31 + n % 10000 * 0.00001, 121 + n % 7000 * 0.00001, n % 360, n % 130, n % 90 - 20, 80 - n % 60,
                300, n * 0.02, 21, 15, 8, 2.9, 2.9, 2.9, 2.9
            FROM generate_series(1, \(count)) AS n
            CROSS JOIN generate_series(1, \(cars)) AS c
            CROSS JOIN LATERAL (SELECT date_trunc('hour', now()) - n * interval '3 seconds' AS t) AS at
            LEFT JOIN hour AS d ON d.car = c AND d.started_at = date_trunc('hour', t) AND t < d.started_at + interval '30 minutes'
            """,
            "CREATE INDEX position_car ON heliograph.position (car, recorded_at DESC)",
            "CREATE INDEX position_drive ON heliograph.position (drive, recorded_at) WHERE drive IS NOT NULL",
            "VACUUM ANALYZE heliograph.position", "VACUUM ANALYZE heliograph.drive", "CHECKPOINT",
        ]
    }
}
