import Glibc

/// A parking worked out: pieces between which nothing changes, each with what it costs.
struct CarParking: Sendable {
    /// From its start to the next piece's.
    struct Piece: Sendable {
        /// Seconds after the parking's start.
        var at: Double
        var body: CarBody
        /// kW, and kWh until its start.
        var drainKw: Double
        var drainedKwh: Double
        /// °C at its start.
        var inside: Double
        var isPreconditioning: Bool
        /// Seconds after the parking's start since when nothing has kept the car awake; nil: something does.
        var quietSince: Double?
        var isOffline: Bool
        var isFakeWake: Bool
    }

    /// kW: asleep or nearly so, for the cameras, for the climate.
    private static let standbyKw = 0.009
    private static let sentryKw = 0.21
    private static let climateKw = 1.3
    static let comfortable = 22.0
    private static let heatingSeconds = 420.0
    private static let coolingSeconds = 2_400.0

    let plan: ParkingPlan
    let pieces: [Piece]
    let charge: VehicleCharge?
    /// Events that changed something, in order.
    let events: [ParkingPlan.Change]

    /// - Parameters:
    ///   - pack: kWh at its start.
    ///   - inside: °C at its start; `outside` gives it at seconds after the start.
    init(_ plan: ParkingPlan, _ model: CarModel, seconds: Double, pack: Double, body: CarBody, inside: Double, outside: (Double) -> Double) {
        self.plan = plan
        let changes = plan.changes.filter { $0.at >= 0 && $0.at < seconds }.sorted { ($0.at, $0.event.rawValue) < ($1.at, $1.event.rawValue) }
        var times = changes.map(\.at) + [0]
        for range in plan.offline + plan.fakeWakes { times += [range.lowerBound, range.upperBound] }
        if let update = plan.update { times += [update.at, update.at + update.downloadSeconds + update.installSeconds] }

        func drain(upTo limit: Double) -> Double {
            var body = body
            var (at, total) = (0.0, 0.0)
            for change in changes where change.at < limit {
                total += Self.drainKw(body) * (change.at - at) / 3_600
                at = change.at
                body.take(change.event)
            }
            return total + Self.drainKw(body) * (limit - at) / 3_600
        }
        charge = plan.charge.flatMap { plan in
            plan.at < seconds ? VehicleCharge(plan, model, pack: pack - drain(upTo: plan.at), parking: seconds) : nil
        }
        if let charge { times += [charge.plan.at, charge.endAt, charge.unplugAt] }

        var pieces: [Piece] = []
        var real: [ParkingPlan.Change] = []
        var body = body
        var left = changes[...]
        var quietSince: Double?
        for at in Set(times).sorted() where at >= 0 && (at < seconds || at == 0) {
            while let change = left.first, change.at <= at {
                left.removeFirst()
                let before = body
                body.take(change.event)
                if body != before { real.append(change) }
            }
            let isCharging = charge.map { [.starting, .charging].contains($0.state(at)) } ?? false
            let isUpdating = plan.update.map { at >= $0.at && at < $0.at + $0.downloadSeconds + $0.installSeconds } ?? false
            if body.isBusy || isCharging || isUpdating { quietSince = nil } else if quietSince == nil { quietSince = at }
            var piece = Piece(
                at: at, body: body, drainKw: Self.drainKw(body), drainedKwh: 0, inside: inside,
                isPreconditioning: body.isClimateOn && (plan.preconditionsFrom.map { at >= $0 } ?? false) && !body.isUserPresent, quietSince: quietSince,
                isOffline: plan.offline.contains { $0.contains(at) }, isFakeWake: plan.fakeWakes.contains { $0.contains(at) })
            if let last = pieces.last {
                piece.drainedKwh = last.drainedKwh + last.drainKw * (at - last.at) / 3_600
                piece.inside = Self.inside(last, after: at - last.at, outside: outside(last.at))
            }
            pieces.append(piece)
        }
        self.pieces = pieces
        events = real
    }

    private static func drainKw(_ body: CarBody) -> Double {
        standbyKw + (body.sentryMode ? sentryKw : 0) + (body.isClimateOn ? climateKw : 0)
    }

    private static func inside(_ piece: Piece, after seconds: Double, outside: Double) -> Double {
        let goal = piece.body.isClimateOn ? comfortable : outside + 3
        return goal + (piece.inside - goal) * exp(-seconds / (piece.body.isClimateOn ? heatingSeconds : coolingSeconds))
    }

    func piece(_ seconds: Double) -> Piece {
        var low = 0
        var high = pieces.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if pieces[middle].at <= seconds { low = middle } else { high = middle }
        }
        return pieces[low]
    }

    func drained(_ seconds: Double) -> Double {
        let piece = piece(seconds)
        return piece.drainedKwh + piece.drainKw * (seconds - piece.at) / 3_600
    }

    func inside(_ seconds: Double, outside: (Double) -> Double) -> Double {
        let piece = piece(seconds)
        return Self.inside(piece, after: seconds - piece.at, outside: outside(piece.at))
    }

    /// `software_update`; nil: there is none.
    func update(_ seconds: Double) -> UpdateReading? {
        guard let update = plan.update, seconds >= update.at else { return nil }
        let past = seconds - update.at
        if past < update.downloadSeconds {
            return UpdateReading(status: "downloading", version: update.version, download: Int(past / update.downloadSeconds * 100), install: 1)
        }
        let installed = past - update.downloadSeconds
        guard installed < update.installSeconds else { return nil }
        return UpdateReading(status: "installing", version: update.version, download: 100, install: Int(installed / update.installSeconds * 100))
    }
}

/// `software_update` while there is one; %.
public struct UpdateReading: Hashable, Sendable {
    public var status: String
    public var version: String
    public var download: Int
    public var install: Int
}
