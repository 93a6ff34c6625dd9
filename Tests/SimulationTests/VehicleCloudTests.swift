import Bytes
import Reactor
import Testing

@testable import Simulation

@Suite struct VehicleCloudTests {
    /// Our own skeletons of the wire (reference §8): every member must be there with this type. A null here takes any type or null.
    private static let skeletons = [
        #"""
        {"response":{"id":1,"vehicle_id":1,"vin":"x","state":"online","display_name":"x","in_service":false,"api_version":78,"access_type":"OWNER",
        "drive_state":{"latitude":1.5,"longitude":1.5,"heading":180,"speed":null,"power":0,"shift_state":null,
          "native_latitude":1.5,"native_longitude":1.5,"native_type":"gcj","gps_as_of":1,"timestamp":1},
        "charge_state":{"charging_state":"x","battery_level":67,"usable_battery_level":65,"battery_range":1.5,"est_battery_range":1.5,
          "ideal_battery_range":1.5,"charge_energy_added":1.5,"charger_power":0,"charger_voltage":0,"charger_actual_current":0,"charger_phases":null,
          "charge_limit_soc":80,"time_to_full_charge":1.5,"fast_charger_present":false,"fast_charger_type":"x","timestamp":1},
        "climate_state":{"inside_temp":1.5,"outside_temp":1.5,"is_climate_on":false,"is_preconditioning":false,"climate_keeper_mode":"off","timestamp":1},
        "vehicle_state":{"odometer":1.5,"car_version":"x","locked":true,"sentry_mode":false,"is_user_present":false,"df":0,"dr":0,"pf":0,"pr":0,
          "ft":0,"rt":0,"fd_window":0,"fp_window":0,"rd_window":0,"rp_window":0,"tpms_pressure_fl":1.5,"tpms_pressure_fr":1.5,"tpms_pressure_rl":1.5,
          "tpms_pressure_rr":1.5,"software_update":{"status":"","version":"","download_perc":0,"install_perc":1,"expected_duration_sec":2700},
          "timestamp":1},
        "vehicle_config":{"car_type":"model3","trim_badging":"74d","exterior_color":"x","wheel_type":"x","timestamp":1}}}
        """#,
        #"{"response":{"id":1,"id_s":"x","vehicle_id":1,"vin":"x","display_name":"x","state":"x","in_service":false,"tokens":[]}}"#,
    ]

    private static func differences(_ wanted: JSONValue, _ got: JSONValue?, _ path: String) -> [String] {
        guard let got else { return ["\(path) is missing"] }
        switch (wanted, got) {
        case (.null, _), (.bool, .bool), (.int, .int), (.double, .double), (.string, .string), (.array, .array): return []
        case (.object(let members), .object): return members.flatMap { differences($0.value, got[$0.key], "\(path).\($0.key)") }
        default: return ["\(path) has another type"]
        }
    }

    @Test func answersHaveTheShapeOfTheWire() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let car = world.car(CloudWorld.errand)
            // Parked, driving, parked again.
            for seconds in [0.0, 700, 1_800] {
                world.cloud.clock.advance(seconds: seconds)
                let data = try await world.data(car)
                #expect(data.status == 200)
                let wanted = try JSONValue.parse(Array(Self.skeletons[0].utf8))
                let found = Self.differences(wanted, data.json, "")
                #expect(found == [])
                let summary = try await world.get("/api/1/vehicles/\(car.id)")
                let missing = Self.differences(try JSONValue.parse(Array(Self.skeletons[1].utf8)), summary.json, "")
                #expect(missing == [])
            }
            await world.stop()
        }
    }

    @Test func whatACarSaysIsItsTruthInItsUnits() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let car = world.car(CloudWorld.errand)
            world.cloud.clock.advance(seconds: 660.25)
            let now = car.timeline.condition(at: world.cloud.clock.now)
            let answer = try await world.data(car).json
            let drive = try #require(answer["response"]?["drive_state"])
            let body = try #require(answer["response"]?["vehicle_state"])
            let charge = try #require(answer["response"]?["charge_state"])
            #expect(drive["timestamp"]?.int == 1_767_226_260_250)
            #expect(drive["gps_as_of"]?.int == 1_767_226_260)
            #expect(drive["shift_state"]?.string == now.shift.rawValue)
            let speed = try #require(drive["speed"]?.int)
            #expect(abs(Double(speed) * 1.609344 - now.speedKmh) < 0.81)
            let odometer = try #require(body["odometer"]?.double)
            #expect(abs(odometer * 1.609344 - now.odometerKm) < 1e-5)
            let range = try #require(charge["battery_range"]?.double)
            #expect(abs(range * 1.609344 - now.ratedRangeKm) < 0.02)
            // WGS-84, and the map's coordinates beside it.
            #expect(drive["native_type"]?.string == "gcj")
            let (lat, native) = (drive["latitude"]?.double ?? 0, drive["native_latitude"]?.double ?? 0)
            #expect(abs(lat - now.point.latitude) < 1e-6)
            #expect((0.001...0.01).contains(abs(lat - native)))
            await world.stop()
        }
    }

    @Test(arguments: [
        ("charge_state;drive_state", ["drive_state", "charge_state"], false), ("location_data", ["drive_state"], true),
        ("closures_state;vehicle_config;nonsense", ["closures_state", "vehicle_config"], false),
    ])
    func onlyWhatIsAskedForIsAnswered(_ parts: String, _ wanted: [String], _ hasPlace: Bool) async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let car = world.car(CloudWorld.still)
            let response = try #require(try await world.data(car, parts: parts).json["response"])
            let given = (response.object ?? []).filter { $0.value.object != nil }.map(\.key)
            #expect(given == wanted)
            #expect((response["drive_state"]?["latitude"] != nil) == hasPlace)
            await world.stop()
        }
    }

    @Test func theListHasTheAccountsCarsAndWhatIsNone() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let own = world.car(CloudWorld.still)
            let (other, _) = world.cloud.addAccount()
            let foreign = world.cloud.add(
                Timeline(.modelS, CloudWorld.still, start: CloudWorld.start, place: CloudWorld.home), to: other, id: Int64(1) << 60, vin: own.vin)
            let list = try await world.get("/api/1/products").json
            #expect(list["count"]?.int == 2)
            #expect(list["response"]?[0]?["id"]?.int == 1_492_931_000_000_001)
            #expect(list["response"]?[0]?["vehicle_id"]?.int == 1_126_341_070_917_908)
            #expect(list["response"]?[1]?["energy_site_id"]?.int != nil)
            let hidden = try await world.get("/api/1/vehicles/\(foreign.id)")
            #expect(hidden.status == 404)
            #expect(hidden.json["error"]?.string == "not_found")
            let retired = try await world.get("/api/1/vehicles")
            #expect(retired.status == 412)
            let nowhere = try await world.get("/api/1/vehicles/x/vehicle_data")
            #expect(nowhere.status == 404)
            world.cloud.renumber(own, id: 77)
            let gone = try await world.get("/api/1/vehicles/1492931000000001")
            #expect(gone.status == 404)
            let found = try await world.state(own)
            #expect(found == "online")
            await world.stop()
        }
    }

    @Test func refreshTokensWorkOnceAndAccessTokensForATime() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let car = world.car(CloudWorld.still)
            let first = world.grant
            world.cloud.clock.advance(seconds: 28_799)
            let before = try await world.get("/api/1/vehicles/\(car.id)").status
            #expect(before == 200)
            world.cloud.clock.advance(seconds: 1)
            let expired = try await world.get("/api/1/vehicles/\(car.id)")
            #expect(expired.status == 401)
            let renewed = try await world.refresh(first.refresh)
            #expect(renewed.status == 200)
            #expect(renewed.json["expires_in"]?.int == 28_800)
            #expect(renewed.json["token_type"]?.string == "Bearer")
            let next = try #require(renewed.json["refresh_token"]?.string)
            #expect(next != first.refresh)
            world.grant.access = try #require(renewed.json["access_token"]?.string)
            let after = try await world.get("/api/1/vehicles/\(car.id)").status
            #expect(after == 200)
            let again = try await world.refresh(first.refresh)
            #expect(again.status == 401)
            #expect(world.cloud.counters.refusedRefreshes == 1)
            world.cloud.revoke(world.account)
            let revoked = try await world.get("/api/1/vehicles/\(car.id)").status
            #expect(revoked == 401)
            let still = try await world.refresh(next).status
            #expect(still == 200)
            let nonsense = try await world.http.post("/oauth2/v3/token", body: Array("{".utf8)).status
            #expect(nonsense == 400)
            await world.stop()
        }
    }

    @Test func aCarThatIsAskedForItsDataDoesNotFallAsleep() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let (polled, watched) = (world.car(CloudWorld.still), world.car(CloudWorld.still))
            for _ in 0..<40 {
                world.cloud.clock.advance(seconds: 60)
                let data = try await world.data(polled)
                #expect(data.status == 200)
                let state = try await world.state(watched)
                #expect(state == (world.cloud.clock.now.seconds(since: CloudWorld.start) < 660 ? "online" : "asleep"))
            }
            // The one that slept says so, and is counted.
            let asleep = try await world.data(watched)
            #expect(asleep.status == 408)
            #expect(asleep.json["error"]?.string == "vehicle unavailable: vehicle is offline or asleep")
            #expect(asleep.json["error_description"]?.string == "")
            #expect(world.cloud.counters.dataWhileAsleep() == 1)
            #expect(world.cloud.counters.dataWhileAsleep(car: polled.id) == 0)
            #expect(world.cloud.counters.requests(.vehicleData, car: polled.id) == 40)
            #expect(world.cloud.counters.requests(.vehicle) == 40)
            // Left alone it sleeps as well.
            world.cloud.clock.advance(seconds: 660)
            let left = try await world.state(polled)
            #expect(left == "asleep")
            await world.stop()
        }
    }

    @Test func aSleepingCarWakesWhenItIsToldTo() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let car = world.car(CloudWorld.still)
            world.cloud.clock.advance(seconds: 700)
            let woken = try await world.ask("POST", "/api/1/vehicles/\(car.id)/wake_up", body: [])
            #expect(woken.status == 200)
            let asleep = try await world.state(car)
            #expect(asleep == "asleep")
            world.cloud.clock.advance(seconds: 5)
            let data = try await world.data(car)
            #expect(data.status == 200)
            world.cloud.clock.advance(seconds: 661)
            let again = try await world.state(car)
            #expect(again == "asleep")
            await world.stop()
        }
    }

    /// What keeps a car awake, and what its state is while it lasts.
    @Test(arguments: [
        (ParkingEvent.sentryEnabled, "online"), (.doorsOpened, "online"), (.climateOn, "online"), (.userPresent, "online"), (.unlocked, "asleep"),
    ])
    func aBusyCarStaysAwake(_ event: ParkingEvent, _ state: String) async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            var plan = ParkingPlan()
            plan.changes = [.init(at: 600, event)]
            let car = world.car(.phases([.park(seconds: 90_000, plan)]))
            world.cloud.clock.advance(seconds: 3_600)
            let found = try await world.state(car)
            #expect(found == state)
            await world.stop()
        }
    }

    @Test func garagesServiceAndFakeWakesAreAnsweredAsSuch() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            var plan = ParkingPlan()
            plan.offline = [100..<200]
            plan.fakeWakes = [3_600..<3_670]
            let car = world.car(.phases([.park(seconds: 90_000, plan)]))
            world.cloud.clock.advance(seconds: 150)
            let offline = try await world.state(car)
            #expect(offline == "offline")
            let silent = try await world.data(car).status
            #expect(silent == 408)
            #expect(world.cloud.counters.dataWhileAsleep() == 0)
            world.cloud.clock.advance(seconds: 100)
            car.isInService = true
            let service = try await world.data(car)
            #expect(service.status == 405)
            #expect(service.json["error"]?.string == "vehicle is currently in service")
            car.isInService = false
            for (seconds, state) in [(2_750.0, "asleep"), (620.0, "online"), (60.0, "asleep")] {
                world.cloud.clock.advance(seconds: seconds)
                let found = try await world.state(car)
                #expect(found == state)
            }
            await world.stop()
        }
    }

    @Test func chargesUpdatesAndDrivesAreSeenAsTheyAre() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            var plan = ParkingPlan()
            plan.charge = ChargePlan(at: 60, .ac(phases: 1, amperes: 32), limit: 80)
            plan.update = ParkingPlan.Update(at: 1_000, version: "2025.1 ff", downloadSeconds: 100, installSeconds: 200)
            let car = world.car(.phases([.park(seconds: 90_000, plan)]), level: 0.5)
            var seen: [String] = []
            for seconds in [30.0, 35, 200, 785, 100, 200] {
                world.cloud.clock.advance(seconds: seconds)
                let response = try #require(try await world.data(car).json["response"])
                let (charge, body) = (response["charge_state"], response["vehicle_state"])
                let parts = [
                    charge?["charging_state"]?.string, charge?["charger_power"]?.int.map { String($0) },
                    response["drive_state"]?["power"]?.int.map { String($0) },
                    body?["software_update"]?["status"]?.string, body?["car_version"]?.string,
                ]
                seen.append(parts.map { $0 ?? "-" }.joined(separator: " "))
            }
            let old = "2024.26.9 1d50a6b8"
            #expect(
                seen == [
                    "Disconnected 0 0  \(old)", "Starting 0 0  \(old)", "Charging 7 -7  \(old)", "Charging 7 -7 downloading \(old)",
                    "Charging 7 -7 installing \(old)", "Charging 7 -7  2025.1 ff",
                ])
            let truth = world.cloud.truth(for: car)
            #expect(truth.charges.map(\.end) == [nil])
            #expect(truth.updates.map(\.version) == ["2025.1 ff"])
            await world.stop()
        }
    }

    @Test func aCarGivesTheSameWithoutSockets() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            let car = world.car(CloudWorld.errand)
            let twin = CloudCar(
                Timeline(.model3, CloudWorld.errand, start: CloudWorld.start, place: CloudWorld.home, level: 0.6), id: car.id, vehicleID: car.vehicleID,
                vin: car.vin, name: car.name)
            twin.account = car.account
            // It sleeps in the afternoon, at home again.
            for seconds in [0.0, 640, 1_500, 7_200] {
                world.cloud.clock.advance(seconds: seconds)
                let t = world.cloud.clock.now
                let answer = try await world.data(car)
                let alone = try twin.data(at: t).map { try JSONValue.parse($0) }
                #expect(alone == (answer.status == 200 ? answer.json : nil))
                let summary = try await world.get("/api/1/vehicles/\(car.id)").json
                let quiet = try JSONValue.parse(twin.summary(at: t))
                #expect(quiet == summary)
                #expect((twin.frame(at: t) == nil) == (answer.status == 408))
            }
            #expect(world.cloud.counters.answers(status: 408) == 1)
            await world.stop()
        }
    }

    @Test func aRunningClockGoesAsFastAsItIsTold() async throws {
        try await onLoop { loop in
            let clock = CloudClock(CloudWorld.start, .running(speed: 1_000), on: loop)
            let (outerBefore, before) = (Clock.monotonicNs, clock.now)
            let innerBefore = Clock.monotonicNs
            await clock.wait(5)
            let innerAfter = Clock.monotonicNs
            let (after, outerAfter) = (clock.now, Clock.monotonicNs)
            let passed = after.seconds(since: before)
            #expect(passed >= Double(innerAfter - innerBefore) * 1e-6 - 1)
            #expect(passed <= Double(outerAfter - outerBefore) * 1e-6 + 1)
            #expect(passed >= 5)
        }
    }

    @Test func crowdsAreMadeQuicklyAndDrive() async throws {
        try await onLoop { loop in
            let world = try CloudWorld(on: loop)
            VehicleCast.driving(world.cloud, account: world.account, count: 200)
            VehicleCast.crowd(world.cloud, account: world.account, count: 50)
            world.cloud.clock.advance(seconds: 30)
            let moving = world.cloud.cars.filter { $0.look(world.cloud.clock.now).condition.shift != .park }
            #expect(moving.count >= 200)
            let list = try await world.get("/api/1/products").json
            #expect(list["count"]?.int == 251)
            #expect(Set(world.cloud.cars.map(\.vin)).count == 250)
            await world.stop()
        }
    }
}
