import Bytes
import Postgres
import Reactor
import TestSupport
import Testing

@testable import Workers

@Suite(.timeLimit(.minutes(4))) struct RebuildTests {
    private static func options() -> LogbookOptions {
        var options = LogbookOptions()
        options.paceNs = 0
        return options
    }

    /// Writes a week as a poller does, some inputs an entry.
    private static func live(_ world: LogbookWorld) async throws {
        try await world.run(
            """
            INSERT INTO heliograph.geofence (name, latitude, longitude, radius_m, billing, price) VALUES ('home', 30.2741, 120.1551, 3000, 'per_kwh', 0.5)
            """)
        var machine = VehicleMachine(car: 1, rules: VehicleRules())
        var entry = LogbookWorld.entry([])
        for input in Week().inputs {
            let isNewDay = entry.inputs.last.map { $0.at.seconds / 86_400 != input.at.seconds / 86_400 } ?? false
            if entry.inputs.count >= 8 || isNewDay {
                try await world.logbook.write(entry)
                entry = LogbookWorld.entry([])
            }
            entry.inputs.append(input)
            entry.effects += machine.on(input.input, at: input.at)
            entry.memory = machine.memory
            entry.view = Array("{}".utf8)
        }
        try await world.logbook.write(entry)
    }

    private static func rebuild(
        _ world: LogbookWorld, since: Timestamp? = nil, isDry: Bool = false, byForce: Bool = false, on loop: isolated EventLoop
    ) async throws -> RebuildReport {
        try await Rebuild(car: 1, world.pool, isDry: isDry, replay: { MachineReplay(car: 1, $0, rules: VehicleRules()) })
            .run(since: since, byForce: byForce, on: loop)
    }

    /// All rows; the view is the one thing that a rebuild makes and this poller did not.
    private static func rows(_ world: LogbookWorld) async throws -> [String: [String]] {
        var rows = try await world.rows()
        rows["memory"] = try await world.texts("SELECT concat_ws(' ', memory, drive, charge, parking, updating) FROM heliograph.car_memory WHERE car = 1")
        rows["journal"] = try await world.texts("SELECT concat_ws(' ', at, number, kind, body) FROM heliograph.vehicle_journal ORDER BY at, number")
        return rows
    }

    private static func expectSame(_ before: [String: [String]], _ after: [String: [String]]) {
        for (kind, rows) in before {
            let other = after[kind] ?? []
            #expect(rows.count == other.count, "\(kind)")
            for (a, b) in zip(rows, other) where a != b {
                Issue.record("\(kind)\n\(a)\n\(b)")
                break
            }
        }
    }

    @Test func aWeekDerivedAgainIsTheSameFromAnyDay() async throws {
        try await withLogbook(cars: 1, Self.options()) { world, loop in
            try await Self.live(world)
            let before = try await Self.rows(world)
            #expect(before["drive"]?.count ?? 0 >= 13)
            #expect(before["charge"]?.count ?? 0 >= 7)
            #expect(before["update"]?.count ?? 0 >= 2)
            for kind in ["position", "point", "event", "parking", "state"] { #expect(before[kind]?.count ?? 0 > 7, "\(kind)") }
            #expect(world.logbook.counters.lostEffects == 0)
            // From the beginning, with a drive that was open (day 1), with a charge that was open (day 5), and with the last day.
            for since in [nil, 1, 2, 5, 6] as [Int64?] {
                let report = try await Self.rebuild(world, since: since.map { LogbookWorld.at($0 * 86_400 + 7_200) }, on: loop)
                #expect(report.unreadable == 0)
                #expect(!report.isDifferent, "since \(String(describing: since)): \(report.tables.flatMap(\.examples))")
                Self.expectSame(before, try await Self.rows(world))
            }
            #expect(try await world.int("SELECT count(*) FROM heliograph.poller WHERE id LIKE 'rebuild%'") == 0)
            #expect(try await world.int("SELECT count(*) FROM heliograph.car_memory WHERE poller IS NULL AND epoch = 6") == 1)
        }
    }

    @Test func whatWasDamagedComesBackAndADryRunOnlySaysSo() async throws {
        try await withLogbook(cars: 1, Self.options()) { world, loop in
            try await Self.live(world)
            let before = try await Self.rows(world)
            try await world.run(
                "UPDATE heliograph.drive SET distance_km = 0, ended_at = started_at WHERE id = (SELECT id FROM heliograph.drive ORDER BY id OFFSET 5 LIMIT 1)")
            try await world.run(
                "UPDATE heliograph.position SET latitude = 0, drive = NULL WHERE id IN (SELECT id FROM heliograph.position ORDER BY recorded_at LIMIT 7)")
            try await world.run("UPDATE heliograph.charge SET cost = 999, geofence = NULL")
            try await world.run("UPDATE heliograph.parking SET end_snapshot = NULL, energy_used_kwh = -1")
            try await world.run("DELETE FROM heliograph.parking_event WHERE id = (SELECT max(id) FROM heliograph.parking_event)")
            let damaged = try await Self.rows(world)

            let dry = try await Self.rebuild(world, isDry: true, on: loop)
            #expect(dry.isDry && dry.isDifferent)
            let drives = try #require(dry.tables.first { $0.name == "heliograph.drive" })
            #expect(drives.changed == 1 && drives.added == 0 && drives.removed == 0)
            #expect(drives.examples.first?.contains("distance_km: 0 → ") == true)
            #expect(dry.tables.first { $0.name == "heliograph.parking_event" }?.added == 1)
            Self.expectSame(damaged, try await Self.rows(world))

            let report = try await Self.rebuild(world, on: loop)
            #expect(!report.isDry && report.isDifferent)
            var after = try await Self.rows(world)
            var wanted = before
            // A row that was deleted comes back under another id.
            wanted["event"]?.removeAll()
            after["event"]?.removeAll()
            Self.expectSame(wanted, after)
            let count = try await world.int("SELECT count(*) FROM heliograph.parking_event")
            #expect(count == before["event"]?.count)
        }
    }

    @Test func aDriveThatWasDeletedComesBackWithItsPositions() async throws {
        try await withLogbook(cars: 1, Self.options()) { world, loop in
            try await Self.live(world)
            let query =
                "SELECT concat_ws(' ', started_at, distance_km, (SELECT count(*) FROM heliograph.position AS p WHERE p.drive = d.id)) FROM heliograph.drive AS d ORDER BY started_at"
            let before = try await world.texts(query)
            try await world.run("DELETE FROM heliograph.drive WHERE id = (SELECT min(id) FROM heliograph.drive)")
            let report = try await Self.rebuild(world, on: loop)
            #expect(report.tables.first { $0.name == "heliograph.drive" }?.added == 1)
            #expect(try await world.texts(query) == before)
        }
    }

    /// Has the server end its connection in the middle of the work.
    private struct Killed: Replay {
        var machine: MachineReplay
        var taken = 0
        let kill: () -> Void

        mutating func take(_ input: JournalInput) -> [VehicleEffect] {
            taken += 1
            if taken == 500 { kill() }
            return machine.take(input)
        }
        var memory: [UInt8] { machine.memory }
        func view(_ fences: Fences) -> [UInt8] { machine.view(fences) }
    }

    @Test func aRebuildThatIsKilledLeavesEverythingAsItWas() async throws {
        try await withLogbook(cars: 1, Self.options()) { world, loop in
            try await Self.live(world)
            try await world.run("UPDATE heliograph.drive SET distance_km = 0")
            let before = try await Self.rows(world)
            var config = world.config
            config.applicationName = "killed"
            config.connectionString += " application_name=killed"
            let pool = PostgresPool(config, size: 2, name: "killed", on: loop)
            var kills = 0
            let kill = {
                loop.spawn {
                    do {
                        kills += try await world.int("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'killed'")
                    } catch {
                        Issue.record(error)
                    }
                }
                return ()
            }
            let rebuild = Rebuild(car: 1, pool, isDry: false) { memory in
                MachineReplay(car: 1, memory, rules: VehicleRules()).map { Killed(machine: $0, kill: kill) }
            }
            var failure: (any Error)?
            do { _ = try await rebuild.run(since: nil, on: loop) } catch { failure = error }
            await pool.close(on: loop)
            #expect(failure is PostgresError)
            #expect(kills > 0)
            Self.expectSame(before, try await Self.rows(world))
        }
    }

    @Test func aCarThatAPollerHasIsRefusedUnlessItIsTakenAway() async throws {
        try await withLogbook(cars: 1, Self.options()) { world, loop in
            try await Self.live(world)
            try await world.run("UPDATE heliograph.poller SET seen_at = now() WHERE id = 'p1'")
            var failure: (any Error)?
            do { _ = try await Self.rebuild(world, on: loop) } catch { failure = error }
            guard case .held(let poller, _)? = failure as? RebuildFault else { throw Overdue(what: "a refusal") }
            #expect(poller == "p1")
            let report = try await Self.rebuild(world, byForce: true, on: loop)
            #expect(!report.isDifferent)
            // What the poller still writes is refused.
            let fault = await outcome(world.logbook, LogbookWorld.entry([]))
            #expect(fault == .fenced)
            failure = nil
            do { _ = try await Rebuild(car: 9, world.pool, isDry: false, replay: { _ in nil }).run(since: nil, on: loop) } catch { failure = error }
            guard case .noCar(9)? = failure as? RebuildFault else { throw Overdue(what: "a refusal of a car that is not there") }
        }
    }
}
