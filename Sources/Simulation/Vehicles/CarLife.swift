import Bytes

/// What a car does with its days.
public enum CarLife: Sendable {
    /// These one after another, then those over and over; without those it stays parked for good. What repeats must end where it began.
    case phases([LifePhase], then: [LifePhase] = [])
    /// Works, shops and sleeps in a city, with all that happens to a car in between.
    case random(LifeHabits)
    /// From one place to the next without a rest: for load.
    case driving([VehiclePlace])
}

/// Habits of a random life.
public struct LifeHabits: Hashable, Sendable {
    public var places: [VehiclePlace]
    /// How often there are cameras on in a car park, 0…1.
    public var sentryShare = 0.5
    /// How often it is heated before the morning's drive.
    public var preconditionShare = 0.3
    /// Whether it wakes every hour for a moment though nobody comes, as older computers do.
    public var hasFakeWakes = false
    /// Whether garages have no network.
    public var hasDeepGarages = true
    /// Below this it is charged where it stands, 0…1.
    public var chargesBelow = 0.62

    public init(places: [VehiclePlace] = VehiclePlace.hangzhou) { self.places = places }
}

/// Deals a life out, phase by phase.
struct LifeSource {
    private let life: CarLife
    private let home: VehiclePlace
    private let work: VehiclePlace
    private var random: SeededRandom
    private var count = 0
    private var place: VehiclePlace
    private var isParked = false

    private static let day = 86_400.0
    private static let forGood = 50 * 365 * day

    init(_ life: CarLife, home: VehiclePlace, seed: UInt64) {
        self.life = life
        self.home = home
        place = home
        random = SeededRandom(seed: seed, name: "life")
        if case .random(let habits) = life, case let others = habits.places.filter({ $0 != home }), !others.isEmpty {
            work = others[random.below(others.count)]
        } else {
            work = home
        }
    }

    mutating func next(at t: Timestamp, point: GeoPoint, level: Double, version: String) -> LifePhase {
        defer { count += 1 }
        switch life {
        case .phases(let phases, let loop):
            if count < phases.count { return phases[count] }
            if !loop.isEmpty { return loop[(count - phases.count) % loop.count] }
            return .park(seconds: Self.forGood, .usual(seconds: Self.forGood, comesBack: false))
        case .driving(let places):
            guard count > 0, !places.isEmpty else { return .park(seconds: 1, ParkingPlan()) }
            let to = places[count % places.count]
            return to.point == point ? .park(seconds: 1, ParkingPlan()) : .drive(to: to)
        case .random(let habits):
            isParked.toggle()
            return isParked ? park(habits, t, level, version) : drive(habits)
        }
    }

    private mutating func drive(_ habits: LifeHabits) -> LifePhase {
        let others = habits.places.filter { $0 != place && $0 != home && $0 != work }
        var to = home
        if place == home { to = work } else if place == work, !others.isEmpty, random.unit() < 0.35 { to = others[random.below(others.count)] }
        if to == place { to = others.first ?? home }
        let from = place
        place = to
        // Out of the garage and into it nothing is heard.
        return .drive(to: to, highway: from.point.km(to: to.point) > 14, offline: from.isGarage && habits.hasDeepGarages ? [0..<24] : [])
    }

    /// Local hours of the day, 0…24.
    private func hour(_ t: Timestamp) -> Double {
        let seconds = t.seconds + UTCOffset.beijing.seconds
        return Double(seconds - Civil.floorDivide(seconds, 86_400) * 86_400) / 3_600
    }

    private mutating func park(_ habits: LifeHabits, _ t: Timestamp, _ level: Double, _ version: String) -> LifePhase {
        let now = hour(t)
        var hours: Double
        if place == home {
            hours = random.between(7, 9) - now
            if hours < 1 { hours = now < 16 ? random.between(1, 3) : hours + 24 }
        } else if place == work {
            hours = max(random.between(17, 19) - now, 1)
        } else {
            hours = random.between(0.4, 2)
        }
        let seconds = (hours * 3_600).rounded()
        let isNight = hours > 6 && place == home
        var plan = ParkingPlan.usual(
            seconds: seconds, sentry: place != home && random.unit() < habits.sentryShare,
            preconditionSeconds: isNight && random.unit() < habits.preconditionShare ? 600 : 0, begins: count > 0)
        // The driver is back in the middle for something.
        if hours > 2, random.unit() < 0.4 {
            let at = (seconds * random.between(0.3, 0.6)).rounded()
            let (open, close): (ParkingEvent, ParkingEvent) = [(.trunkOpened, .trunkClosed), (.frunkOpened, .frunkClosed), (.windowsOpened, .windowsClosed)][
                random.below(3)]
            plan.changes += [
                .init(at: at, .unlocked), .init(at: at + 20, open), .init(at: at + 95, close), .init(at: at + 120, .locked),
            ]
        }
        if level < habits.chargesBelow, hours > 0.5 {
            let isSlow = place == home || place == work
            plan.charge = ChargePlan(
                at: 60, isSlow ? (random.unit() < 0.5 ? .ac(phases: 1, amperes: 32) : .ac(phases: 3, amperes: 16)) : .dc(kw: random.unit() < 0.5 ? 120 : 250),
                limit: 80 + 5 * random.below(3), stopAt: random.unit() < 0.15 ? seconds * 0.6 : nil)
        }
        if isNight, random.unit() < 0.08 { plan.update = ParkingPlan.Update(at: (seconds * 0.4).rounded(), version: Self.newer(than: version)) }
        if place.isGarage, habits.hasDeepGarages, plan.charge == nil, plan.update == nil { plan.offline = [110..<(seconds - 90)] }
        if habits.hasFakeWakes, hours > 2 { plan.fakeWakes = stride(from: 5_400, to: seconds - 600, by: 3_600).map { $0..<($0 + 70) } }
        return .park(seconds: seconds, plan)
    }

    /// `2024.26.9 abc` → `2024.26.10 …`.
    private static func newer(than version: String) -> String {
        let parts = (version.split(separator: " ").first ?? "2024.26.9").split(separator: ".")
        let last = (parts.last.flatMap { Int($0) } ?? 0) + 1
        let hash = SeededRandom.mix(UInt64(last)) & 0xFFFF_FFFF
        return (parts.dropLast().map(String.init) + [String(last)]).joined(separator: ".") + " " + String(hash, radix: 16)
    }
}
