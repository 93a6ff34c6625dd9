import Glibc

/// How a car goes along a route: computed in steps of two seconds from traffic, slope and the car's own weight and drag. The same seed drives the same.
struct DriveProfile: Sendable {
    enum Style: Sendable { case city, highway }

    struct Knot: Sendable {
        /// m/s and km at its time.
        var speed: Float
        var km: Float
        /// kW from this knot to the next, positive: discharging.
        var powerKw: Float
        /// kWh until its time: what the pack gave, and what came back.
        var usedKwh: Float
        var regenKwh: Float
    }

    static let stepSeconds = 2.0
    /// Out of the parking place backwards, for so long and so fast.
    static let reverseSeconds = 8.0
    private static let reverseSpeed = 1.2
    /// m/s².
    private static let braking = 1.5
    private static let accelerating = 1.7
    /// What climate and electronics take, kW.
    private static let idleKw = 0.7
    private static let maxRegenKw = 62.0
    private static let maxPowerKw = 190.0

    let knots: [Knot]
    let reverses: Bool

    var seconds: Double { Double(knots.count - 1) * Self.stepSeconds }
    var usedKwh: Double { Double(knots[knots.count - 1].usedKwh) }
    var regenKwh: Double { Double(knots[knots.count - 1].regenKwh) }

    init(_ route: VehicleRoute, _ style: Style, _ model: CarModel, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let reverses = random.unit() < 0.3
        let total = route.km * 1_000
        var traffic = Traffic(style: style, total: total, random: random)
        var knots: [Knot] = []
        knots.reserveCapacity(Int(route.km * 60) + 64)
        var (speed, metres, used, regen) = (0.0, 0.0, 0.0, 0.0)
        var waiting = 0.0
        var height = route.start.elevationM
        while true {
            let time = Double(knots.count) * Self.stepSeconds
            var wanted = 0.0
            if reverses, time < Self.reverseSeconds {
                wanted = time < Self.reverseSeconds - Self.stepSeconds ? Self.reverseSpeed : 0
            } else if waiting > 0 {
                waiting -= Self.stepSeconds
            } else {
                let (limit, stopAt) = traffic.at(metres)
                wanted = min(limit, max(1, Self.speedToStop(from: speed, metres: stopAt - metres)))
                if stopAt < total, stopAt - metres < 3 {
                    waiting = traffic.stop()
                    wanted = 0
                }
            }
            let change = min(max(wanted - speed, -2.2 * Self.stepSeconds), Self.accelerating * Self.stepSeconds)
            var next = speed + change
            var moved = (speed + next) / 2 * Self.stepSeconds
            let isLast = metres + moved >= total
            if isLast {
                moved = total - metres
                next = 0
            }
            let here = route.at(km: (metres + moved) / 1_000).point.elevationM
            let power = Self.powerKw(model, from: speed, to: next, moved: moved, climb: here - height)
            height = here
            knots.append(Knot(speed: Float(speed), km: Float(metres / 1_000), powerKw: Float(power), usedKwh: Float(used), regenKwh: Float(regen)))
            let energy = power * Self.stepSeconds / 3_600
            if power > 0 { used += energy } else { regen -= energy }
            metres += moved
            speed = next
            if isLast { break }
        }
        knots.append(Knot(speed: 0, km: Float(route.km), powerKw: 0, usedKwh: Float(used), regenKwh: Float(regen)))
        self.knots = knots
        self.reverses = reverses
    }

    /// The fastest one may be after the next step and still stop in time.
    private static func speedToStop(from speed: Double, metres: Double) -> Double {
        let lost = braking * stepSeconds
        return (max(0, lost * lost + 4 * (2 * braking * metres - lost * speed)).squareRoot() - lost) / 2
    }

    /// Over one step: inertia, slope, tyres and air, through a drive train that loses some of it both ways.
    private static func powerKw(_ model: CarModel, from: Double, to: Double, moved: Double, climb: Double) -> Double {
        let speed = (from + to) / 2
        let inertia = model.massKg * (to * to - from * from) / 2 / stepSeconds
        let slope = model.massKg * 9.81 * climb / stepSeconds
        let tyres = 0.0085 * model.massKg * 9.81 * speed
        let air = 0.5 * 1.2 * model.dragArea * speed * speed * speed
        let wheels = (inertia + slope + tyres + air) / 1_000
        let pack = wheels > 0 ? wheels / 0.88 : max(wheels * 0.65, -maxRegenKw)
        return min(pack + idleKw, maxPowerKw)
    }

    /// Everything at so many seconds after the start.
    func at(_ seconds: Double) -> (speed: Double, km: Double, powerKw: Double, usedKwh: Double, regenKwh: Double) {
        let place = min(max(seconds / Self.stepSeconds, 0), Double(knots.count - 1))
        let i = min(Int(place), knots.count - 2)
        let share = place - Double(i)
        let (a, b) = (knots[i], knots[i + 1])
        func mix(_ path: KeyPath<Knot, Float>) -> Double { Double(a[keyPath: path]) + Double(b[keyPath: path] - a[keyPath: path]) * share }
        // Under even acceleration the way is a parabola.
        let within = share * Self.stepSeconds
        let v0 = Double(a.speed)
        let acceleration = Double(b.speed - a.speed) / Self.stepSeconds
        let km = min(Double(a.km) + (v0 * within + acceleration * within * within / 2) / 1_000, Double(b.km))
        return (mix(\.speed), km, Double(a.powerKw), mix(\.usedKwh), mix(\.regenKwh))
    }
}

/// How fast one may go where, and where one has to stop: lights in the city, none on the highway.
private struct Traffic {
    private let style: DriveProfile.Style
    private let total: Double
    private var random: SeededRandom
    /// The stretch one is on: its end in metres, m/s, and whether a light waits there.
    private var end = 0.0
    private var limit = 0.0
    private var stops = false

    /// Metres of city at both ends of a highway drive.
    private static let approach = 1_800.0

    init(style: DriveProfile.Style, total: Double, random: SeededRandom) {
        self.style = style
        self.total = total
        self.random = random
    }

    mutating func at(_ metres: Double) -> (limit: Double, stopAt: Double) {
        while metres >= end, end < total { next() }
        return (limit, stops ? min(end, total) : total)
    }

    private mutating func next() {
        if style == .highway, end >= Self.approach, total - end > Self.approach {
            end = min(end + random.between(900, 3_000), total - Self.approach)
            limit = random.between(82, 116) / 3.6
            stops = false
        } else {
            end += random.between(250, 900)
            limit = random.between(32, 61) / 3.6
            stops = random.unit() < 0.45
        }
    }

    /// Seconds at the light one has come to.
    mutating func stop() -> Double {
        stops = false
        return random.between(4, 45)
    }
}
