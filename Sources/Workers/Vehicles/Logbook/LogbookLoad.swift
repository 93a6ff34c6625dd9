import Bytes
public import Postgres
public import Reactor

/// A load for benchmarks: cars that drive, each with an answer of its own, written as pollers write them.
public struct LogbookLoad: Sendable {
    public let cars: Int
    /// Entries of each car, 3 s apart.
    public let turns: Int

    public init(cars: Int, turns: Int) {
        self.cars = cars
        self.turns = turns
    }

    /// Rows of positions and of the journal, without checkpoints.
    public var rows: Int { cars * turns * 2 }

    /// Makes the cars and opens a drive of each.
    public func prepare(_ pool: PostgresPool) async throws {
        _ = try await pool.query(
            "INSERT INTO heliograph.car (tesla_id, tesla_vehicle_id) SELECT n, n FROM generate_series(1, $1) AS n", Parameters(Int64(cars)))
        _ = try await pool.query("INSERT INTO heliograph.car_memory (car, epoch) SELECT number, 1 FROM heliograph.car")
    }

    /// Writes all of it, every car's next entry once its last one is committed; returns the seconds it took.
    public func run(_ pool: PostgresPool, on loop: isolated EventLoop) async throws -> Double {
        let logbook = Logbook(pool)
        logbook.start(on: loop)
        let start = Timestamp(seconds: Clock.wall.seconds - Int64(turns) * 3)
        var failure: (any Error)?
        var left = cars
        let began = Clock.monotonicNs
        await withUnsafeContinuation { (done: UnsafeContinuation<Void, Never>) in
            for car in 1...cars {
                loop.spawn {
                    do {
                        for turn in 0..<turns where failure == nil { try await logbook.write(entry(Int64(car), turn, start)) }
                    } catch {
                        failure = error
                    }
                    left -= 1
                    if left == 0 { done.resume() }
                }
            }
        }
        let seconds = Double(Clock.monotonicNs - began) / 1e9
        await logbook.close(on: loop)
        if let failure { throw failure }
        return seconds
    }

    private func entry(_ car: Int64, _ turn: Int, _ start: Timestamp) -> LogEntry {
        let at = start.adding(seconds: Int64(turn) * 3)
        let start = CarMoment(at: at, batteryLevel: 80, rangeKm: 350, odometerKm: 1_000, latitude: 30, longitude: 120)
        let position = CarPosition(
            at: at, latitude: 30 + Double(turn) * 0.0001, longitude: 120 + Double(car) * 0.001, heading: 180, speed: 60, power: 12, batteryLevel: 80,
            rangeKm: 350, odometerKm: 1_000 + Double(turn) * 0.05, insideTemp: 21.5, outsideTemp: 9, elevation: 8,
            tpms: TirePressures(fl: 2.9, fr: 2.9, rl: 2.9, rr: 2.9))
        return LogEntry(
            car: car, epoch: 1, inputs: [JournalInput(at: at, input: .data(VehicleReading(receivedAt: at)), raw: answer(car, turn, at))],
            effects: (turn == 0 ? [.openDrive(DriveStart(start: start))] : []) + [.position(position)], memory: Self.memory, view: Self.view, notBefore: at,
            requests: 1)
    }

    /// As long as the machine's.
    private static let memory = Array("{\"padding\":\"\(String(repeating: "0123456789abcdef", count: 150))\"}".utf8)
    private static let view = Array("{\"padding\":\"\(String(repeating: "0123456789abcdef", count: 70))\"}".utf8)

    private func answer(_ car: Int64, _ turn: Int, _ at: Timestamp) -> [UInt8] {
        let ms = at.microseconds / 1_000
        var text =
            "{\"response\":{\"id\":\(149_293_100_000_000 + car),\"vehicle_id\":\(1_126_341_000 + car),\"vin\":\"LRW3E7EK1NC000001\",\"state\":\"online\","
        text += "\"drive_state\":{\"latitude\":30.\(2_741 + turn),\"longitude\":120.\(1_551 + turn),\"heading\":\(turn % 360),\"speed\":\(turn % 70),"
        text += "\"power\":\(turn % 90),\"shift_state\":\"D\",\"gps_as_of\":\(ms / 1_000),\"timestamp\":\(ms)},"
        text += "\"charge_state\":{\"charging_state\":\"Disconnected\",\"battery_level\":67,\"usable_battery_level\":65,\"battery_range\":205.\(turn % 100),"
        text += "\"charge_energy_added\":0.0,\"charger_power\":0,\"charge_limit_soc\":80,\"fast_charger_type\":\"<invalid>\",\"timestamp\":\(ms)},"
        text += "\"climate_state\":{\"inside_temp\":22.5,\"outside_temp\":15.0,\"is_climate_on\":false,\"timestamp\":\(ms)},"
        text +=
            "\"vehicle_state\":{\"odometer\":\(7_671 + turn).2,\"car_version\":\"2024.26.9 abc\",\"locked\":true,\"tpms_pressure_fl\":2.9,\"timestamp\":\(ms)},"
        text += "\"vehicle_config\":{\"car_type\":\"model3\",\"trim_badging\":\"74d\",\"wheel_type\":\"Pinwheel18\",\"timestamp\":\(ms)}}}"
        return Array(text.utf8)
    }
}
