import Glibc

/// A charge from the plug to the end: power over time with ramp and taper, computed in steps.
struct VehicleCharge: Sendable {
    enum State: String, Sendable {
        case disconnected = "Disconnected"
        case starting = "Starting"
        case charging = "Charging"
        case complete = "Complete"
        case stopped = "Stopped"
    }

    static let stepSeconds = 10.0
    /// Between the plug and the first current.
    static let startingSeconds = 12.0
    /// How fast the power comes.
    private static let rampSeconds = 20.0
    /// What reaches the pack of what an outlet gives.
    private static let onboardShare = 0.92
    private static let outletVolts = 220.0

    let plan: ChargePlan
    private let model: CarModel
    private let packAtStart: Double
    /// At each step after the start of current: kWh in the pack, kWh from the charger, kW of the charger.
    private let rows: [(added: Double, drawn: Double, kw: Double)]
    /// Seconds after the parking's start: the end of the current, and of the cable.
    let endAt: Double
    let unplugAt: Double
    private let reachesLimit: Bool

    /// - Parameters:
    ///   - pack: kWh at the plug.
    ///   - parking: the parking's length in seconds; the cable is out before.
    init(_ plan: ChargePlan, _ model: CarModel, pack: Double, parking: Double) {
        self.plan = plan
        self.model = model
        packAtStart = pack
        unplugAt = min(plan.unplugAt ?? parking - 55, parking)
        let stopAt = min(plan.stopAt ?? .infinity, unplugAt)
        let goal = Double(plan.limit) / 100 * model.packKwh
        let from = plan.at + Self.startingSeconds
        var rows: [(added: Double, drawn: Double, kw: Double)] = [(0, 0, 0)]
        var isFull = pack >= goal
        while !isFull, from + Double(rows.count) * Self.stepSeconds <= stopAt {
            let seconds = Double(rows.count - 1) * Self.stepSeconds
            let last = rows[rows.count - 1]
            let kw = Self.kw(plan, model, share: (pack + last.added) / model.packKwh) * min(1, (seconds + Self.stepSeconds) / Self.rampSeconds)
            let drawn = kw * Self.stepSeconds / 3_600
            var added = drawn * (plan.source.isFast ? 1 : Self.onboardShare)
            if pack + last.added + added >= goal {
                added = goal - pack - last.added
                isFull = true
            }
            rows.append((last.added + added, last.drawn + drawn, kw))
        }
        self.rows = rows
        reachesLimit = isFull
        let lasts = Double(rows.count - 1) * Self.stepSeconds
        // A full pack takes nothing: it is complete at once.
        endAt = rows.count == 1 ? (isFull ? plan.at : max(plan.at, min(stopAt, from))) : from + lasts
    }

    /// kW that the charger gives at a share of a full pack.
    private static func kw(_ plan: ChargePlan, _ model: CarModel, share: Double) -> Double {
        switch plan.source {
        case .ac(let phases, let amperes):
            let full = Double(phases * amperes) * outletVolts / 1_000
            return share > 0.97 ? full * max(0.25, (1.0 - share) / 0.03) : full
        case .dc(let kw):
            let able = share < 0.2 ? model.fastKw : model.fastKw * max(0.08, 1 - (share - 0.2) / 0.8 * 1.05)
            return min(kw, able)
        }
    }

    var peakKw: Double { rows.map(\.kw).max() ?? 0 }

    func state(_ seconds: Double) -> State {
        if seconds < plan.at || seconds >= unplugAt { return .disconnected }
        if seconds < min(plan.at + Self.startingSeconds, endAt) { return .starting }
        if seconds < endAt { return .charging }
        return reachesLimit ? .complete : .stopped
    }

    /// kWh in the pack, so many seconds after the parking's start.
    func added(_ seconds: Double) -> Double {
        let (a, b, share) = around(seconds)
        return rows[a].added + (rows[b].added - rows[a].added) * share
    }

    /// kWh from the charger.
    func drawn(_ seconds: Double) -> Double {
        let (a, b, share) = around(seconds)
        return rows[a].drawn + (rows[b].drawn - rows[a].drawn) * share
    }

    private func around(_ seconds: Double) -> (Int, Int, Double) {
        let last = rows.count - 1
        let place = min(max((seconds - plan.at - Self.startingSeconds) / Self.stepSeconds, 0), Double(last))
        let i = min(Int(place), max(last - 1, 0))
        return (i, min(i + 1, last), place - Double(i))
    }

    /// What the car says of it; nil while nothing is plugged in.
    func reading(_ seconds: Double) -> ChargeReading? {
        let state = state(seconds)
        if state == .disconnected { return nil }
        var reading = ChargeReading(state: state.rawValue, limit: plan.limit, addedKwh: added(seconds), isFast: plan.source.isFast, isFree: plan.isFree)
        guard state == .charging else { return reading }
        let place = (seconds - plan.at - Self.startingSeconds) / Self.stepSeconds
        let kw = rows[min(max(Int(place) + 1, 0), rows.count - 1)].kw
        reading.kw = kw
        switch plan.source {
        case .ac(let phases, _):
            reading.phases = phases
            reading.volts = Int(Self.outletVolts)
            reading.amperes = Int((kw * 1_000 / Self.outletVolts / Double(phases)).rounded())
        case .dc:
            let volts = 340 + 60 * (packAtStart + reading.addedKwh) / model.packKwh
            reading.volts = Int(volts)
            reading.amperes = Int((kw * 1_000 / volts).rounded())
        }
        reading.secondsToFull = max(0, endAt - seconds)
        return reading
    }
}

/// `charge_state` while something is plugged in: kWh, kW, V, A.
public struct ChargeReading: Hashable, Sendable {
    public var state: String
    public var limit: Int
    /// kWh since the plug.
    public var addedKwh: Double
    public var isFast: Bool
    public var isFree: Bool
    public var kw = 0.0
    public var volts = 0
    public var amperes = 0
    /// nil: direct current.
    public var phases: Int?
    public var secondsToFull = 0.0

    init(state: String, limit: Int, addedKwh: Double, isFast: Bool, isFree: Bool) {
        self.state = state
        self.limit = limit
        self.addedKwh = addedKwh
        self.isFast = isFast
        self.isFree = isFree
    }
}
