import Bytes
import Postgres
import Reactor
import TestSupport

@testable import Workers

/// A database with cars, held by the poller `p1` at epoch 1, and a logbook.
final class LogbookWorld {
    let config: PostgresConfig
    let pool: PostgresPool
    let logbook: Logbook
    static let start = Timestamp(seconds: 1_772_409_600)  // 2026-03-02T00:00:00Z

    init(_ config: PostgresConfig, _ pool: PostgresPool, _ logbook: Logbook) {
        self.config = config
        self.pool = pool
        self.logbook = logbook
    }

    @discardableResult
    func run(_ sql: String) async throws -> PostgresRows { try await pool.query(Statement(sql)) }
    func int(_ sql: String) async throws -> Int { try await run(sql).int(0, 0) }
    func text(_ sql: String) async throws -> String? { try await run(sql).stringIfPresent(0, 0) }
    func texts(_ sql: String) async throws -> [String] { try await run(sql).map { row in try row.next(String.self) } }

    static func at(_ seconds: Int64) -> Timestamp { start.adding(seconds: seconds) }

    static func moment(_ seconds: Int64, _ latitude: Double = 30, _ longitude: Double = 120, odometer: Double = 1_000) -> CarMoment {
        CarMoment(at: at(seconds), batteryLevel: 80, rangeKm: 350.25, odometerKm: odometer, latitude: latitude, longitude: longitude)
    }

    static func position(_ seconds: Int64, _ latitude: Double = 30, _ longitude: Double = 120) -> CarPosition {
        CarPosition(
            at: at(seconds), latitude: latitude, longitude: longitude, heading: 180, speed: 50, power: 12, batteryLevel: 80, rangeKm: 350.25,
            odometerKm: 1_000.5, insideTemp: 21.5, elevation: 8, tpms: TirePressures(fl: 2.9))
    }

    static func driveEnd(_ start: CarMoment, _ end: CarMoment) -> DriveEnd {
        DriveEnd(end: end, durationMin: 10, distanceKm: 5, speedMax: 60, positions: 2, start: start, gapSeconds: 0, reason: .parked)
    }

    static func chargeEnd(_ end: CarMoment, added: Double = 12.77, used: Double = 12.46, isFast: Bool = false, isFree: Bool = false) -> ChargeEnd {
        ChargeEnd(end: end, durationMin: 19, energyAddedKwh: added, energyUsedKwh: used, isFast: isFast, isFree: isFree, points: 1, reason: .complete)
    }

    static func entry(
        _ effects: [VehicleEffect], car: Int64 = 1, epoch: Int64 = 1, inputs: [JournalInput] = [], memory: String = "{}", requests: Int = 0
    ) -> LogEntry {
        LogEntry(
            car: car, epoch: epoch, inputs: inputs, effects: effects, memory: Array(memory.utf8), view: Array("{}".utf8), notBefore: at(0), requests: requests)
    }

    static func tick(_ seconds: Int64) -> JournalInput { JournalInput(at: at(seconds), input: .tick, raw: []) }

    /// All rows of the logbook with all their columns, by table.
    func rows(_ car: Int64 = 1) async throws -> [String: [String]] {
        var all: [String: [String]] = [:]
        for table in RebuildTables.all {
            let condition =
                switch table.kind {
                case "point": "r.charge IN (SELECT id FROM heliograph.charge WHERE car = \(car))"
                case "event": "r.parking IN (SELECT id FROM heliograph.parking WHERE car = \(car))"
                default: "r.car = \(car)"
                }
            all[table.kind] = try await texts("SELECT to_jsonb(r)::text FROM \(table.name) AS r WHERE \(condition) ORDER BY r.\(table.time), r.id")
        }
        all["memory"] = try await texts("SELECT concat_ws(' ', memory, view, drive, charge, parking, updating) FROM heliograph.car_memory WHERE car = \(car)")
        return all
    }
}

func withLogbook(
    cars: Int = 3, _ options: LogbookOptions = LogbookOptions(), waitLimitMs: Int = 60_000, now: @escaping @Sendable () -> Timestamp = { LogbookWorld.start },
    _ body: @Sendable (LogbookWorld, isolated EventLoop) async throws -> Void
) async throws {
    let loop = EventLoop(name: "test")
    defer { loop.stop() }
    try await loop.run { loop in
        var config = try await ScratchServer.database(on: loop)
        _ = try await Migrations.apply(from: projectRoot + "/Migrations", to: config, on: loop)
        let pool = PostgresPool(config, size: 3, name: "test", on: loop)
        config.waitLimitMs = waitLimitMs
        let writers = PostgresPool(config, size: 2, name: "logbook", on: loop)
        let logbook = Logbook(writers, holder: "p1", options: options, now: now)
        logbook.start(on: loop)
        var failure: (any Error)?
        do {
            try await pool.query(
                "INSERT INTO heliograph.car (tesla_id, tesla_vehicle_id) SELECT n, n FROM generate_series(1, $1) AS n", Parameters(Int64(cars)))
            try await pool.query("INSERT INTO heliograph.poller (id, seen_at) VALUES ('p1', now() - interval '1 h')")
            try await pool.query("INSERT INTO heliograph.car_memory (car, poller, epoch) SELECT number, 'p1', 1 FROM heliograph.car")
            try await body(LogbookWorld(config, pool, logbook), loop)
        } catch {
            failure = error
        }
        await logbook.close(on: loop)
        await writers.close(on: loop)
        await pool.close(on: loop)
        if let failure { throw failure }
    }
}

/// What came of a write.
func outcome(_ logbook: Logbook, _ entry: LogEntry) async -> LogbookFault? {
    do throws(LogbookFault) {
        try await logbook.write(entry)
        return nil
    } catch {
        return error
    }
}
