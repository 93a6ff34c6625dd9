import Protocol

/// How often a WebSocket is told of a car, by its state (spec 推送频率). A change of the state is told at once, whatever these say.
public struct VehiclePushRates: Sendable {
    public var drivingMs: Int64 = 3_000
    public var chargingMs: Int64 = 30_000
    public var onlineMs: Int64 = 10_000

    public init() {}

    /// nil: nothing is told beyond the change.
    func intervalNs(_ state: VehicleStateName) -> Int64? {
        switch state {
        case .driving: drivingMs * 1_000_000
        case .charging: chargingMs * 1_000_000
        case .online: onlineMs * 1_000_000
        case .suspended, .asleep, .offline, .updating: nil
        }
    }
}

/// When each car is told of. Pure: times are parameters, ns.
struct PushPace {
    enum Verdict: Equatable {
        case now
        /// Come again then, with `isDue`.
        case at(Int64)
        /// It waits already, or is not told at all.
        case no
    }

    private struct Car {
        var state: VehicleStateName
        var dueNs: Int64
        var waits = false
    }

    let rates: VehiclePushRates
    private var cars: [Int64: Car] = [:]

    init(_ rates: VehiclePushRates) { self.rates = rates }

    /// Polls come about as often as pushes may go: one that is a little early goes, and the next is due as if it had been on time.
    private func earlyNs(_ interval: Int64) -> Int64 { interval / 6 }

    mutating func changed(_ number: Int64, _ state: VehicleStateName, atNs now: Int64) -> Verdict {
        let interval = rates.intervalNs(state)
        guard var car = cars[number], car.state == state else {
            cars[number] = Car(state: state, dueNs: now + (interval ?? 0))
            return .now
        }
        guard let interval, !car.waits || now >= car.dueNs - earlyNs(interval) else { return .no }
        defer { cars[number] = car }
        if now >= car.dueNs - earlyNs(interval) {
            car.dueNs = max(now, car.dueNs) + interval
            car.waits = false
            return .now
        }
        car.waits = true
        return .at(car.dueNs)
    }

    /// Whether the newest state of a car that was told to come at `dueNs` goes now.
    mutating func isDue(_ number: Int64, _ dueNs: Int64, atNs now: Int64) -> Bool {
        guard var car = cars[number], car.waits, car.dueNs == dueNs, let interval = rates.intervalNs(car.state) else { return false }
        car.waits = false
        car.dueNs = now + interval
        cars[number] = car
        return true
    }
}
