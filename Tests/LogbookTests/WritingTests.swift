import Bytes
import Postgres
import Reactor
import TestSupport
import Testing

@testable import Workers

@Suite(.timeLimit(.minutes(3))) struct WritingTests {
    typealias World = LogbookWorld

    @Test func aDriveItsPositionsItsFencesAndItsMemoryAreThereTogether() async throws {
        try await withLogbook { world, loop in
            try await world.run(
                "INSERT INTO heliograph.geofence (name, latitude, longitude, radius_m) VALUES ('home', 30, 120, 100), ('work', 30.1, 120.1, 200)")
            let start = World.moment(0)
            let end = World.moment(600, 30.1, 120.1, odometer: 1_005)
            try await world.logbook.write(
                World.entry(
                    [.state(.online, at: World.at(0)), .openDrive(DriveStart(start: start)), .position(World.position(0))], memory: #"{"a":1}"#, requests: 2))
            #expect(try await world.int("SELECT count(*) FROM heliograph.drive WHERE ended_at IS NULL") == 1)
            #expect(try await world.int("SELECT drive - (SELECT id FROM heliograph.drive) FROM heliograph.car_memory WHERE car = 1") == 0)
            try await world.logbook.write(
                World.entry([.position(World.position(600)), .closeDrive(World.driveEnd(start, end))], memory: #"{"a":2}"#, requests: 1))
            #expect(
                try await world.texts(
                    """
                    SELECT concat_ws(' ', d.distance_km, d.duration_min, d.speed_max, d.start_odometer_km, d.end_odometer_km, a.name, b.name, d.end_reason,
                        (SELECT count(*) FROM heliograph.position AS p WHERE p.drive = d.id), d.ended_at - d.started_at)
                    FROM heliograph.drive AS d JOIN heliograph.geofence AS a ON a.number = d.start_geofence
                    JOIN heliograph.geofence AS b ON b.number = d.end_geofence
                    """) == ["5 10 60 1000 1005 home work parked 2 00:10:00"])
            #expect(
                try await world.texts(
                    "SELECT concat_ws(' ', memory, version, requests, requests_on, drive, not_before) FROM heliograph.car_memory WHERE car = 1")
                    == [#"{"a": 2} 2 3 2026-03-02 1772409600000"#])
            #expect(
                try await world.texts("SELECT concat_ws(' ', heading, speed, power, elevation_m, tpms_fl, inside_temp, range_km) FROM heliograph.position")
                    == ["180 50 12 8 2.9 21.5 350.25", "180 50 12 8 2.9 21.5 350.25"])
        }
    }

    @Test func openedAndClosedInOneGroupOrManyIsTheSame() async throws {
        try await withLogbook { world, loop in
            let start = World.moment(0)
            let snapshot = VehicleSnapshot(insideTemp: 20, isLocked: true)
            let parked = ParkingStart(start: start, snapshot: snapshot, carVersion: "2024.26.9")
            let left = ParkingEnd(
                end: World.moment(3_600), snapshot: snapshot, durationMin: 60, energyUsedKwh: 0.5, climateMin: 1, sentryMin: 2, asleepMin: 3,
                carVersion: "2024.26.10")
            let effects: [VehicleEffect] = [
                .state(.online, at: World.at(0)), .openParking(parked), .parkingEvent(.unlocked, at: World.at(10)), .openCharge(ChargeStart(start: start)),
                .chargePoint(ChargePoint(at: World.at(20), power: 11, energyAddedKwh: 0.1)),
                .closeCharge(World.chargeEnd(World.moment(1_200))), .openUpdate(version: "2024.26.10", at: World.at(1_300)),
                .closeUpdate(version: "2024.26.10", at: World.at(1_400)), .foundVersion("2024.26.11", at: World.at(1_500)),
                .state(.asleep, at: World.at(1_600)), .state(.online, at: World.at(2_000)), .parkingEvent(.locked, at: World.at(2_100)),
                .closeParking(left), .openDrive(DriveStart(start: World.moment(3_600))), .position(World.position(3_600)),
                .closeDrive(World.driveEnd(World.moment(3_600), World.moment(4_000))),
            ]
            try await world.logbook.write(World.entry(effects, car: 1))
            for effect in effects { try await world.logbook.write(World.entry([effect], car: 2)) }
            let one = try await world.rows(1)
            let two = try await world.rows(2)
            for kind in RebuildTables.all.map(\.kind) {
                #expect(try Self.plain(one[kind]) == Self.plain(two[kind]), "\(kind)")
                #expect(one[kind]?.isEmpty == false, "\(kind)")
            }
            #expect(
                try await world.texts("SELECT concat_ws(' ', state, ended_at - started_at) FROM heliograph.car_state WHERE car = 1 ORDER BY started_at")
                    == ["online 00:26:40", "asleep 00:06:40", "online"])
            #expect(world.logbook.counters.lostEffects == 0)
        }
    }

    /// Without ids and cars.
    private static func plain(_ rows: [String]?) throws -> [JSONValue] {
        try (rows ?? []).map { row in
            let members = try JSONValue.parse(Array(row.utf8)).object ?? []
            return .object(members.filter { !["id", "car", "drive", "charge", "parking"].contains($0.key) })
        }
    }

    @Test func positionsOfADiscardedDriveStayWithoutIt() async throws {
        try await withLogbook { world, loop in
            try await world.logbook.write(World.entry([.openDrive(DriveStart(start: World.moment(0))), .position(World.position(0))]))
            try await world.logbook.write(World.entry([.position(World.position(3)), .discardDrive, .position(World.position(6))]))
            try await world.logbook.write(
                World.entry([.openDrive(DriveStart(start: World.moment(9))), .position(World.position(9)), .discardDrive], car: 2))
            #expect(try await world.int("SELECT count(*) FROM heliograph.drive") == 0)
            #expect(try await world.int("SELECT count(*) FROM heliograph.position WHERE drive IS NULL") == 4)
        }
    }

    @Test func aChargeCostsWhatItsFenceSays() async throws {
        try await withLogbook { world, loop in
            try await world.run(
                """
                INSERT INTO heliograph.geofence (name, latitude, longitude, radius_m, billing, price, session_fee)
                VALUES ('home', 30, 120, 100, 'per_kwh', 0.25, 4.79)
                """)
            let start = ChargeStart(start: World.moment(0))
            // Where it ends nobody says: it is where it began.
            let end = CarMoment(at: World.at(1_140))
            try await world.logbook.write(World.entry([.openCharge(start), .closeCharge(World.chargeEnd(end))], car: 1))
            try await world.logbook.write(World.entry([.openCharge(start)], car: 2))
            try await world.logbook.write(World.entry([.closeCharge(World.chargeEnd(end))], car: 2))
            try await world.logbook.write(World.entry([.openCharge(start), .closeCharge(World.chargeEnd(end, isFast: true, isFree: true))], car: 3))
            #expect(
                try await world.texts("SELECT concat_ws(' ', cost, geofence, latitude) FROM heliograph.charge ORDER BY car") == [
                    "7.98 1 30", "7.98 1 30", "0 1 30",
                ])
        }
    }

    @Test func aPlaceIsAskedForOnceAndNotWhereItIsKnown() async throws {
        try await withLogbook { world, loop in
            try await world.run("INSERT INTO heliograph.place (key, provider) VALUES (heliograph.place_key(31, 121), 'amap')")
            let places: [VehicleEffect] = [
                .place(latitude: 30, longitude: 120), .place(latitude: 30.00001, longitude: 120), .place(latitude: 31, longitude: 121),
            ]
            try await world.logbook.write(World.entry(places))
            try await world.logbook.write(World.entry(places, car: 2))
            #expect(try await world.texts("SELECT args::text FROM heliograph.job WHERE kind = 'vehicles.geocode'") == [#"{"latitude": 30, "longitude": 120}"#])
            #expect(try await world.text("SELECT unique_key FROM heliograph.job") == "place:12000003000000")
        }
    }

    @Test func efficiencyAndIdentityAreTheCars() async throws {
        try await withLogbook { world, loop in
            try await world.logbook.write(
                World.entry([.identity(CarIdentity(name: "one", model: "model3")), .efficiency(0.15), .identity(CarIdentity(wheelType: "Pinwheel18"))]))
            #expect(
                try await world.text("SELECT concat_ws(' ', name, model, wheel_type, efficiency) FROM heliograph.car WHERE number = 1")
                    == "one model3 Pinwheel18 0.15")
        }
    }

    @Test func aCarThatSomebodyElseHasIsFencedAndTheOthersAreWritten() async throws {
        try await withLogbook { world, loop in
            try await world.run("UPDATE heliograph.car_memory SET epoch = 2, poller = 'p2' WHERE car = 2")
            try await world.run("UPDATE heliograph.car_memory SET poller = NULL WHERE car = 3")
            var faults: [Int64: LogbookFault?] = [:]
            for car in Int64(1)...4 {
                loop.spawn { faults[car] = await outcome(world.logbook, World.entry([.position(World.position(0))], car: car, inputs: [World.tick(0)])) }
            }
            try await eventually("all are through", on: loop) { faults.count == 4 }
            #expect(faults[1] == .some(nil))
            #expect(faults[2] == .fenced)
            #expect(faults[3] == .fenced)
            #expect(faults[4] == .fenced)
            #expect(world.logbook.counters.groups == 1)
            #expect(
                try await world.texts("SELECT DISTINCT car::text FROM heliograph.position UNION ALL SELECT DISTINCT car::text FROM heliograph.vehicle_journal")
                    == ["1", "1"])
            #expect(try await world.int("SELECT count(*) FROM heliograph.car_memory WHERE memory IS NOT NULL") == 1)
        }
    }

    @Test func whatTheDatabaseRefusesFailsAloneAndOrderIsKept() async throws {
        var options = LogbookOptions()
        options.paceNs = 200_000_000
        try await withLogbook(cars: 20, options) { world, loop in
            // So that the next ones make one group.
            try await world.logbook.write(World.entry([]))
            var faults: [Int64: LogbookFault?] = [:]
            for car in Int64(1)...20 {
                let memory = car == 7 || car == 13 ? "{" : #"{"car":\#(car)}"#
                loop.spawn {
                    faults[car] = await outcome(
                        world.logbook, World.entry([.state(.online, at: World.at(0)), .position(World.position(0))], car: car, memory: memory))
                }
            }
            var later: LogbookFault?? = .none
            loop.spawn { later = await outcome(world.logbook, World.entry([.state(.asleep, at: World.at(9))], car: 1, memory: #"{"car":101}"#)) }
            try await eventually("all are through", on: loop) { faults.count == 20 && later != nil }
            #expect(faults.filter { $0.value != nil }.keys.sorted() == [7, 13])
            guard case .refused(let reason)?? = faults[7] else { throw Overdue(what: "a refusal") }
            #expect(reason.contains("22P02"))
            #expect(later == .some(nil))
            #expect(try await world.int("SELECT count(*) FROM heliograph.position") == 18)
            #expect(try await world.text("SELECT memory::text FROM heliograph.car_memory WHERE car = 1") == #"{"car": 101}"#)
            #expect(try await world.texts("SELECT state FROM heliograph.car_state WHERE car = 1 ORDER BY started_at") == ["online", "asleep"])
        }
    }

    @Test func anEntryWhoseCommitWasNotHeardOfIsNotWrittenTwice() async throws {
        try await withLogbook { world, loop in
            let entry = World.entry([.position(World.position(0))], inputs: [World.tick(0)])
            let first = WaitingEntry(entry, world.logbook.codec)
            #expect(await world.logbook.attempt([first]) == nil)
            // As it is where the answer to COMMIT was lost: committed, and without an outcome.
            let again = WaitingEntry(entry, world.logbook.codec)
            again.attempted = first.attempted
            let next = WaitingEntry(World.entry([.position(World.position(3))]), world.logbook.codec)
            #expect(await world.logbook.attempt([again, next]) == nil)
            #expect(again.outcome != nil && next.outcome != nil)
            #expect(world.logbook.counters.foundCommitted == 1)
            let positions = try await world.int("SELECT count(*) FROM heliograph.position")
            #expect(positions == 2)
            // And where it was rolled back.
            let lost = WaitingEntry(World.entry([.position(World.position(6))]), world.logbook.codec)
            lost.attempted = 3
            #expect(await world.logbook.attempt([lost]) == nil)
            #expect(try await world.int("SELECT count(*) FROM heliograph.position") == 3)
            #expect(try await world.int("SELECT version FROM heliograph.car_memory WHERE car = 1") == 3)
        }
    }

    @Test func entriesWaitForADatabaseThatIsAwayUpToTheBound() async throws {
        var options = LogbookOptions()
        options.mostEntries = 3
        options.groupEntries = 2
        try await withLogbook(options, waitLimitMs: 100) { world, loop in
            let admin = PostgresPool(try await ScratchServer.server(on: loop).config, size: 1, name: "admin", on: loop)
            let name = try #require(try await world.text("SELECT current_database()"))
            try await world.logbook.write(World.entry([.position(World.position(0))]))
            try await admin.query(Statement("ALTER DATABASE \(name) ALLOW_CONNECTIONS false"))
            try await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", Parameters(name))
            var faults: [LogbookFault?] = []
            for second in Int64(1)...4 { loop.spawn { faults.append(await outcome(world.logbook, World.entry([.position(World.position(second))]))) } }
            try await eventually("an attempt has failed", on: loop) { world.logbook.counters.retries > 0 }
            #expect(faults == [.busy])
            try await admin.query(Statement("ALTER DATABASE \(name) ALLOW_CONNECTIONS true"))
            try await eventually("all are through", on: loop) { faults.count == 4 }
            await admin.close(on: loop)
            #expect(faults == [.busy, nil, nil, nil])
            #expect(try await world.int("SELECT count(*) FROM heliograph.position") == 4)
        }
    }

    @Test func aDayBeginsWithACheckpointOfWhatWasBefore() async throws {
        try await withLogbook { world, loop in
            let day: Int64 = 86_400
            try await world.logbook.write(
                World.entry(
                    [.openDrive(DriveStart(start: World.moment(day - 60))), .position(World.position(day - 60))], inputs: [World.tick(day - 60)],
                    memory: #"{"n":1}"#))
            try await world.logbook.write(World.entry([.position(World.position(day - 30))], inputs: [World.tick(day - 30)], memory: #"{"n":2}"#))
            try await world.logbook.write(World.entry([.position(World.position(day))], inputs: [World.tick(day), World.tick(day + 1)], memory: #"{"n":3}"#))
            // Another who takes the car over finds the day's checkpoint there.
            world.logbook.checkpoints = [:]
            try await world.logbook.write(World.entry([], inputs: [World.tick(day + 9)]))
            let rows = try await world.run(
                "SELECT at, number, body, is_deflated FROM heliograph.vehicle_journal WHERE car = 1 AND kind = 8 ORDER BY number")
            #expect(rows.count == 2)
            var found: [Checkpoint] = []
            for row in 0..<rows.count {
                let record = JournalRecord(
                    kind: .checkpoint, at: try rows.timestamp(row, 0), number: try rows.int64(row, 1), body: try rows.bytes(row, 2),
                    isDeflated: try rows.bool(row, 3))
                found.append(try #require(Checkpoint(try world.logbook.codec.checkpoint(record), at: record.at, number: record.number)))
            }
            #expect(found[0].memory == nil)
            #expect(found[0].openRows == OpenRows())
            #expect(found[1].memory == ["n": 2])
            #expect(found[1].at == World.at(day))
            #expect(found[1].openRows.drive != nil)
            #expect(found[1].bound("position") == World.at(day - 30))
            #expect(try await world.int("SELECT count(*) FROM heliograph.vehicle_journal") == 7)
            #expect(
                try await world.int(
                    "SELECT count(*) FROM (SELECT number < lag(number) OVER (ORDER BY at, kind <> 8, number) AS b FROM heliograph.vehicle_journal) AS x WHERE b"
                ) == 0)
        }
    }
}
