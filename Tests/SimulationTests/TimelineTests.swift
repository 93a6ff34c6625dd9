import Bytes
import Testing

@testable import Simulation

@Suite struct TimelineTests {
    private static let week = 7 * 86_400

    private func random(_ seed: UInt64, fakeWakes: Bool = false) -> Timeline {
        var habits = LifeHabits(places: seed.isMultiple(of: 2) ? VehiclePlace.hangzhou : VehiclePlace.shanghai)
        habits.hasFakeWakes = fakeWakes
        return Timeline(CarModel.all[Int(seed % 3)], .random(habits), start: CloudWorld.start, place: habits.places[0], seed: seed)
    }

    @Test func theSameSeedLivesTheSameInWhateverOrderItIsAsked() {
        let (a, b) = (random(5), random(5))
        let times = stride(from: 0, to: Self.week, by: 1_733).map { CloudWorld.start.adding(seconds: Int64($0)) }
        let forward = times.map { a.condition(at: $0) }
        let backward = Array(times.reversed().map { b.condition(at: $0) }.reversed())
        for (x, y) in zip(forward, backward) {
            #expect(x.odometerKm == y.odometerKm)
            #expect(x.energyKwh == y.energyKwh)
            #expect(x.point == y.point)
            #expect(x.body == y.body)
        }
        let other = random(7).truth(until: times[times.count - 1])
        let own = a.truth(until: times[times.count - 1])
        #expect(own.drives.map(\.start) != other.drives.map(\.start))
    }

    @Test(arguments: UInt64(1)...6)
    func aWeekAddsUp(_ seed: UInt64) {
        let life = random(seed)
        let end = CloudWorld.start.adding(seconds: Int64(Self.week))
        let truth = life.truth(until: end)
        let (first, last) = (life.condition(at: CloudWorld.start), life.condition(at: end))
        #expect(truth.drives.count >= 7)
        let km = truth.drives.reduce(0) { $0 + $1.km }
        #expect(abs(last.odometerKm - first.odometerKm - km) < 1e-6)
        // What goes in and out of the pack is what is left.
        let driven = truth.drives.reduce(0) { $0 + $1.usedKwh - $1.regenKwh }
        let parked = truth.parkings.reduce(0) { $0 + $1.drainedKwh - $1.addedKwh }
        #expect(abs(first.energyKwh - driven - parked - last.energyKwh) < 1e-6)
        // Drives and parkings follow one another without gaps.
        let spans = (truth.drives.map { ($0.start, $0.end) } + truth.parkings.map { ($0.start, $0.end) }).sorted { $0.0 < $1.0 }
        for (a, b) in zip(spans, spans.dropFirst()) { #expect(a.1 == b.0) }
        #expect(spans.last?.1 == nil)
    }

    @Test func weeksHaveAllThatHappensToCars() {
        var truth = VehicleTruth()
        for seed in UInt64(1)...12 {
            let own = random(seed).truth(until: CloudWorld.start.adding(seconds: Int64(Self.week)))
            truth.charges += own.charges
            truth.parkings += own.parkings
            truth.updates += own.updates
        }
        let events = Set(truth.parkings.flatMap { $0.events.map(\.event) })
        #expect(events == Set(ParkingEvent.allCases))
        let fast = truth.charges.filter(\.isFast)
        #expect(!fast.isEmpty)
        #expect(truth.charges.count > fast.count)
        #expect(!truth.updates.isEmpty)
    }

    @Test(arguments: [false, true])
    func aDriveLooksLikeOne(_ highway: Bool) {
        let to = VehiclePlace("far", 30.3190, 120.4419)
        let life = Timeline(
            .modelY, .phases([.park(seconds: 60, ParkingPlan()), .drive(to: to, highway: highway)]), start: CloudWorld.start, place: CloudWorld.home, seed: 3)
        let begin = CloudWorld.start.adding(seconds: 60)
        let done = CloudWorld.start.adding(seconds: 4 * 3_600)
        let drive = life.truth(until: done).drives[0]
        var (last, used, regen, fastest) = (life.condition(at: begin), 0.0, 0.0, 0.0)
        #expect(last.shift != .park)
        #expect(last.point == CloudWorld.home.point)
        var t = begin
        while t < drive.end! {
            let now = life.condition(at: t)
            #expect(now.odometerKm >= last.odometerKm)
            #expect((now.odometerKm - last.odometerKm) * 3_600 < 125)
            #expect(abs(now.speedKmh - last.speedKmh) < 9)
            #expect(now.point.km(to: last.point) < 0.04)
            used += max(now.powerKw, 0) / 3_600
            regen += max(-now.powerKw, 0) / 3_600
            fastest = max(fastest, now.speedKmh)
            last = now
            t = t.adding(seconds: 1)
        }
        #expect(abs(used - drive.usedKwh) < 0.01 * drive.usedKwh + 0.02)
        #expect(abs(regen - drive.regenKwh) < 0.05 * drive.regenKwh + 0.02)
        #expect(regen > 0.05)
        #expect(abs(fastest - drive.maxSpeedKmh) < 8)
        #expect(highway ? fastest > 80 : fastest < 62)
        // 10 to 30 kWh for 100 km.
        let spent = (drive.usedKwh - drive.regenKwh) / drive.km * 100
        #expect((10...30).contains(spent))
        let after = life.condition(at: drive.end!)
        #expect(after.shift == .park)
        #expect(after.point == to.point)
        #expect(after.odometerKm == drive.startOdometerKm + drive.km)
    }

    @Test func theWayBackIsTheWayThere() {
        let there = VehicleRoute(from: CloudWorld.home.point, to: CloudWorld.office.point)
        let back = VehicleRoute(from: CloudWorld.office.point, to: CloudWorld.home.point)
        #expect(abs(there.km - back.km) < 1e-9)
        let middle = there.at(km: there.km / 2).point.km(to: back.at(km: back.km / 2).point)
        #expect(middle < 0.001)
        #expect(there.km > CloudWorld.home.point.km(to: CloudWorld.office.point))
    }

    @Test(arguments: [
        (ChargePlan.Source.ac(phases: 1, amperes: 32), 7.04, 1 as Int?, 220...220), (.ac(phases: 3, amperes: 16), 10.56, 3, 220...220),
        (.dc(kw: 120), 120, nil, 340...400),
    ])
    func aChargeHasItsPowerPhasesAndVoltage(_ source: ChargePlan.Source, _ kw: Double, _ phases: Int?, _ volts: ClosedRange<Int>) throws {
        let charge = VehicleCharge(ChargePlan(at: 100, source, limit: 80), .modelY, pack: 15, parking: 86_400)
        #expect(charge.reading(99) == nil)
        #expect(charge.reading(100)?.state == "Starting")
        let early = try #require(charge.reading(300))
        #expect(early.state == "Charging")
        #expect(abs(early.kw - kw) < 0.01)
        #expect(early.phases == phases)
        #expect(volts.contains(early.volts))
        let product = Double(early.volts * early.amperes * (early.phases ?? 1)) / 1_000
        #expect(abs(product - kw) < 0.6)
        let end = try #require(charge.reading(charge.endAt))
        #expect(end.state == "Complete")
        #expect(end.kw == 0)
        #expect(abs(end.addedKwh - (0.8 * 75 - 15)) < 1e-9)
        let share = charge.added(charge.endAt) / charge.drawn(charge.endAt)
        #expect(phases == nil ? share > 0.99 : abs(share - 0.92) < 0.01)
        #expect(charge.reading(charge.unplugAt) == nil)
    }

    @Test func aFastChargeTapers() {
        let charge = VehicleCharge(ChargePlan(at: 0, .dc(kw: 250), limit: 95), .modelY, pack: 7, parking: 86_400)
        var powers: [Double] = []
        for seconds in stride(from: 60.0, to: charge.endAt, by: 60) { powers.append(charge.reading(seconds)?.kw ?? 0) }
        #expect(powers.first.map { $0 > 240 } ?? false)
        #expect(powers.last.map { $0 < 50 } ?? false)
        for (a, b) in zip(powers, powers.dropFirst()) { #expect(b <= a) }
    }

    @Test(arguments: [(nil as Double?, 60, "Complete"), (400.0, 80, "Stopped")])
    func aChargeEndsFullOrStopped(_ stopAt: Double?, _ limit: Int, _ state: String) {
        let charge = VehicleCharge(ChargePlan(at: 10, .dc(kw: 100), limit: limit, stopAt: stopAt), .model3, pack: 25, parking: 5_000)
        #expect(charge.state(charge.endAt + 1).rawValue == state)
        #expect(charge.endAt <= stopAt ?? 5_000)
        let full = VehicleCharge(ChargePlan(at: 10, .dc(kw: 100), limit: 50), .model3, pack: 50, parking: 5_000)
        #expect(full.state(10).rawValue == "Complete")
        #expect(full.added(4_000) == 0)
    }

    @Test func eventsThatChangeNothingDoNotHappen() {
        var plan = ParkingPlan()
        plan.changes = [.init(at: 30, .locked), .init(at: 20, .unlocked), .init(at: 40, .locked), .init(at: 50, .doorsClosed)]
        let parking = CarParking(plan, .model3, seconds: 100, pack: 30, body: CarBody(), inside: 20) { _ in 10 }
        #expect(parking.events.map(\.event) == [.unlocked, .locked])
        #expect(parking.events.map(\.at) == [20, 30])
    }

    @Test func camerasAndClimateCostWhatTheyCost() {
        var plan = ParkingPlan()
        plan.changes = [.init(at: 0, .sentryEnabled), .init(at: 3_600, .sentryDisabled), .init(at: 3_600, .climateOn), .init(at: 5_400, .climateOff)]
        let parking = CarParking(plan, .model3, seconds: 86_400, pack: 30, body: CarBody(), inside: 4) { _ in 4 }
        let sentry = parking.drained(3_600)
        #expect(abs(sentry - 0.219) < 1e-9)
        let climate = parking.drained(5_400) - sentry
        #expect(abs(climate - 0.6545) < 1e-9)
        let warm = parking.inside(5_399) { _ in 4 }
        #expect(warm > 21)
        let cold = parking.inside(20_000) { _ in 4 }
        #expect(cold < 8)
    }

    /// Reference §3.6: both published samples and the vectors.
    @Test(arguments: [
        (24.983561, 102.665039, 24.980500, 102.666369), (22.53994, 113.945617, 22.536929, 113.950496), (30.2741, 120.1551, 30.271771, 120.159794),
        (31.2304, 121.4737, 31.228458, 121.478223), (39.9042, 116.4074, 39.905603, 116.413642), (22.5431, 114.0579, 22.540383, 114.063014),
        (48.8566, 2.3522, 48.8566, 2.3522),
    ])
    func chineseCoordinatesAreThoseOfTheMaps(_ latitude: Double, _ longitude: Double, _ gcjLatitude: Double, _ gcjLongitude: Double) {
        let gcj = ChinaCoordinates.gcj(GeoPoint(latitude, longitude))
        #expect(abs(gcj.latitude - gcjLatitude) < 1.1e-6)
        #expect(abs(gcj.longitude - gcjLongitude) < 1.1e-6)
    }
}
