import Bytes

/// Cars for a vehicle cloud: three that show a day in half an hour, and crowds.
public enum VehicleCast {
    /// Seconds that the three have lived before the cloud starts: long enough to have fallen asleep.
    private static let before = 3_600.0
    /// The three fall asleep sooner than others, so that one sees it.
    private static let sleepsAfterSeconds = 240.0

    /// Three cars at real speed whose day is short: one sets out a minute and a half after the start, one charges, one sleeps.
    public static func three(_ cloud: VehicleCloud, account: Int, seed: UInt64 = 1) {
        for (name, model, life, place, level) in [
            ("West Lake", CarModel.model3, commuter, wensan, 0.71), ("Pudong", CarModel.modelY, courier, lujiazui, 0.34),
            ("Hongqiao", CarModel.modelS, traveller, hongqiao, 0.58),
        ] {
            let timeline = Timeline(
                model, life, start: cloud.clock.now.adding(seconds: -Int64(before)), place: place, level: level, odometerKm: odometerKm(cloud.clock.now),
                seed: seed &+ UInt64(cloud.cars.count))
            cloud.add(timeline, to: account, name: name).sleepsAfterSeconds = sleepsAfterSeconds
        }
    }

    /// Cars with random lives, in turn in Hangzhou and in Shanghai.
    public static func crowd(_ cloud: VehicleCloud, account: Int, count: Int, seed: UInt64 = 1) {
        for n in 0..<count {
            let places = n.isMultiple(of: 2) ? VehiclePlace.hangzhou : VehiclePlace.shanghai
            var habits = LifeHabits(places: places)
            habits.hasFakeWakes = n % 5 == 4
            add(cloud, account, n, places, .random(habits), seed)
        }
    }

    /// Cars that drive all the time, for load.
    public static func driving(_ cloud: VehicleCloud, account: Int, count: Int, seed: UInt64 = 1) {
        for n in 0..<count {
            let places = n.isMultiple(of: 2) ? VehiclePlace.hangzhou : VehiclePlace.shanghai
            let first = n / 2 % places.count
            add(cloud, account, n, Array(places[first...] + places[..<first]), .driving(Array(places[first...] + places[..<first])), seed)
        }
    }

    private static func add(_ cloud: VehicleCloud, _ account: Int, _ n: Int, _ places: [VehiclePlace], _ life: CarLife, _ seed: UInt64) {
        var random = SeededRandom(seed: seed, salt: UInt64(n))
        let timeline = Timeline(
            CarModel.all[n % CarModel.all.count], life, start: cloud.clock.now, place: places[0], level: random.between(0.45, 0.9),
            odometerKm: random.between(200, 90_000).rounded(), seed: random.next())
        cloud.add(timeline, to: account)
    }

    /// A cloud that is started anew knows nothing of the last one, and an odometer must not go back: it counts what a car may have driven since a
    /// day in 2026.
    private static func odometerKm(_ t: Timestamp) -> Double { 4_000 + max(0, t.seconds(since: Timestamp(seconds: 1_767_225_600))) / 86_400 * 450 }

    // MARK: Three lives

    private static let wensan = VehiclePlace("Wensan Road", 30.2741, 120.1551)
    private static let yellowDragon = VehiclePlace("Yellow Dragon", 30.2672, 120.1330)
    private static let wulin = VehiclePlace("Wulin Square", 30.2750, 120.1652)
    private static let lujiazui = VehiclePlace("Lujiazui", 31.2397, 121.4998)
    private static let centuryPark = VehiclePlace("Century Park", 31.2195, 121.5500)
    private static let yuyuan = VehiclePlace("Yuyuan", 31.2272, 121.4921, isGarage: true)
    private static let hongqiao = VehiclePlace("Hongqiao", 31.1979, 121.3363)
    private static let jiading = VehiclePlace("Jiading", 31.3747, 121.2655)

    /// Home, office with cameras on, a shop where it charges fast, home.
    private static let commuter = CarLife.phases(
        [.park(seconds: before + 90, .usual(seconds: before + 90, begins: false))],
        then: [
            .drive(to: yellowDragon), .stop(seconds: 300, sentry: true), .drive(to: wulin),
            .stop(seconds: 330) { $0.charge = ChargePlan(at: 70, .dc(kw: 120), limit: 85) },
            .drive(to: wensan), .stop(seconds: 240) { $0.changes += [.init(at: 90, .trunkOpened), .init(at: 130, .trunkClosed)] },
        ])

    /// Charges fast as one looks, then goes its rounds.
    private static let courier = CarLife.phases(
        [
            .park(
                seconds: before + 420,
                {
                    var plan = ParkingPlan.usual(seconds: before + 420, begins: false)
                    plan.charge = ChargePlan(at: before - 240, .dc(kw: 120), limit: 90, stopAt: before + 320)
                    return plan
                }())
        ],
        then: [
            .drive(to: centuryPark), .stop(seconds: 400) { $0.changes += [.init(at: 120, .windowsOpened), .init(at: 260, .windowsClosed)] },
            .drive(to: yuyuan), .stop(seconds: 500) { $0.offline = [100..<400] },
            .drive(to: lujiazui), .stop(seconds: 600, sentry: true) { $0.charge = ChargePlan(at: 65, .ac(phases: 3, amperes: 16), limit: 90) },
        ])

    /// Sleeps, takes the highway, charges slowly and gets new software, and sleeps again.
    private static let traveller = CarLife.phases(
        [.park(seconds: before + 300, .usual(seconds: before + 300, begins: false))],
        then: [
            .drive(to: jiading, highway: true),
            .stop(seconds: 2_400) {
                $0.charge = ChargePlan(at: 75, .ac(phases: 1, amperes: 32), limit: 80, stopAt: 900)
                $0.update = ParkingPlan.Update(at: 120, version: "2024.32.3 4e6f0a1c", downloadSeconds: 240, installSeconds: 300)
            },
            .drive(to: hongqiao, highway: true), .stop(seconds: 4_200),
        ])
}
