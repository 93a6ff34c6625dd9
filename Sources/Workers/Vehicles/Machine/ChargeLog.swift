import Bytes

/// An open charge: its sums go on from point to point.
///
/// | figure | rule |
/// |---|---|
/// | energy added | the car's counter, which runs from plugging in: (last that is not 0, else the highest) − first; negative: nil |
/// | energy used | Σ P·Δt, Δt to the point before. P is the charger's power where no phases are told (DC), else phases × A × V, or the charger's power where the phases cannot be told |
/// | phases | p = mean of 1000·power/(A·V), r = mean of those told, n > 15 points: r where it is round(p); √3 where r = 3 and p is within 10 % of √3; round(p) where it is positive and within 0.3 |
struct ChargeLog: Equatable, Remembered {
    var start = CarMoment()
    /// Its last point.
    var last = CarMoment()
    var isFast = false
    var isFree = false
    var points = 0
    /// The counter at the last point.
    private(set) var counter: Double?

    private var firstCounter: Double?
    private var highestCounter = 0.0
    private var lastCounterAboveZero: Double?
    private var powerMax: Int?
    private var temperatureSum = 0.0
    private var temperatureCount = 0
    /// kWh: of points without phases; of those with, by power and by A × V for one phase.
    private var plainKwh = 0.0
    private var phasedKwh = 0.0
    private var onePhaseKwh = 0.0
    private var ratioSum = 0.0
    private var ratioCount = 0
    private var phasesSum = 0
    private var phasesCount = 0

    init() {}

    /// - Parameter counter: where the car's counter stood at the start; nil: its first point tells.
    init(start: CarMoment, counter: Double? = nil, isFast: Bool, isFree: Bool) {
        firstCounter = counter
        self.start = start
        last = start
        self.isFast = isFast
        self.isFree = isFree
    }

    /// The point that an answer makes; nil: it lacks what one must have.
    static func point(_ charge: VehicleReading.Charge, at: Timestamp, rangeKm: Double?, outsideTemp: Double?) -> ChargePoint? {
        guard let added = charge.energyAddedKwh, let range = rangeKm else { return nil }
        return ChargePoint(
            at: at, batteryLevel: charge.batteryLevel, usableBatteryLevel: charge.usableBatteryLevel, rangeKm: range, power: charge.power ?? 0,
            voltage: charge.voltage, current: charge.current, phases: charge.phases, energyAddedKwh: added, outsideTemp: outsideTemp)
    }

    /// Whether its time is after the last point's.
    func takes(_ point: ChargePoint) -> Bool { points == 0 ? point.at >= start.at : point.at > last.at }

    mutating func add(_ point: ChargePoint) {
        let hours = points > 0 ? point.at.seconds(since: last.at) / 3600 : 0
        let kw = Double(point.power)
        let onePhaseKw = Double(point.voltage ?? 0) * Double(point.current ?? 0) / 1000
        if point.phases == nil {
            plainKwh += max(0, kw * hours)
        } else {
            phasedKwh += max(0, kw * hours)
            onePhaseKwh += onePhaseKw * hours
        }
        if onePhaseKw > 0 {
            ratioSum += kw / onePhaseKw
            ratioCount += 1
        }
        if let phases = point.phases {
            phasesSum += phases
            phasesCount += 1
        }
        if let temperature = point.outsideTemp {
            temperatureSum += temperature
            temperatureCount += 1
        }
        powerMax = max(powerMax ?? point.power, point.power)
        firstCounter = firstCounter ?? point.energyAddedKwh
        highestCounter = max(highestCounter, point.energyAddedKwh)
        if point.energyAddedKwh > 0 { lastCounterAboveZero = point.energyAddedKwh }
        counter = point.energyAddedKwh
        points += 1
        last.at = point.at
        last.batteryLevel = point.batteryLevel ?? last.batteryLevel
        last.rangeKm = point.rangeKm ?? last.rangeKm
        start.batteryLevel = start.batteryLevel ?? point.batteryLevel
        start.rangeKm = start.rangeKm ?? point.rangeKm
    }

    /// It was seen to be over.
    mutating func finish(_ at: Timestamp) { last.at = max(last.at, at) }

    /// Fewer points than this say nothing about phases.
    static let phasePointsMin = 16

    /// What A × V is to be multiplied with; nil: it cannot be told.
    private var phases: Double? {
        guard ratioCount > 0, phasesCount > 0, points >= Self.phasePointsMin else { return nil }
        let p = ratioSum / Double(ratioCount)
        let r = Double(phasesSum) / Double(phasesCount)
        guard p > 0 else { return nil }
        let root3 = 3.0.squareRoot()
        if r == p.rounded() { return r }
        if r == 3, (p / root3 - 1).magnitude <= 0.1 { return root3 }
        return p.rounded() > 0 && (p.rounded() - p).magnitude <= 0.3 ? p.rounded() : nil
    }

    /// kWh.
    var energyAdded: Double? {
        guard let first = firstCounter else { return nil }
        let added = CarUnits.round((lastCounterAboveZero ?? highestCounter) - first, 1e6)
        return added < 0 ? nil : added
    }

    var energyUsed: Double? { points > 0 ? plainKwh + (phases.map { $0 * onePhaseKwh } ?? phasedKwh) : nil }

    var minutes: Double { max(0, last.at.seconds(since: start.at)) / 60 }

    func end(_ reason: EndReason) -> ChargeEnd {
        ChargeEnd(
            end: last, durationMin: minutes, energyAddedKwh: energyAdded, energyUsedKwh: energyUsed, powerMax: powerMax,
            outsideTempAvg: temperatureCount > 0 ? temperatureSum / Double(temperatureCount) : nil, isFast: isFast, isFree: isFree, points: points,
            reason: reason)
    }

    mutating func remember(_ m: inout MachineMemory) {
        m("start", &start)
        m("last", &last)
        m("fast", &isFast)
        m("free", &isFree)
        m("points", &points)
        m("counter", &counter)
        m("first_counter", &firstCounter)
        m("highest_counter", &highestCounter)
        m("positive_counter", &lastCounterAboveZero)
        m("power_max", &powerMax)
        m("temperature_sum", &temperatureSum)
        m("temperature_count", &temperatureCount)
        m("plain", &plainKwh)
        m("phased", &phasedKwh)
        m("one_phase", &onePhaseKwh)
        m("ratio_sum", &ratioSum)
        m("ratio_count", &ratioCount)
        m("phases_sum", &phasesSum)
        m("phases_count", &phasesCount)
    }
}

extension EndReason {
    /// Of a charge, by the charging state that ended it.
    init(chargingState: String) {
        self =
            switch chargingState {
            case "Complete": .complete
            case "Stopped": .stopped
            case "Disconnected": .disconnected
            case "NoPower": .noPower
            default: .other
            }
    }
}
