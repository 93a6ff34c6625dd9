public import Bytes

/// Predicts one meter's current from the time of day, weekdays apart from weekends, blended with where the meter is now. Pure and O(1) per reading.
public struct Forecaster: Sendable {
    /// Weight of the newest day in a slot once the slot is known: about the last five days of its kind.
    static let slotRate = 0.2
    /// A slot counts when at least this share of it was covered by readings.
    static let minCoverage = 0.2
    /// A reading holds until the next one, but no longer than this, seconds.
    static let holdSeconds = 1800.0
    /// The present fades from the forecast with this time constant, seconds; charging sessions last an hour to a few.
    static let presentSeconds = 3600.0
    /// … and with this one towards idle, where a slot has no history to fade into.
    static let presentAloneSeconds = 7200.0

    public var limits: MeterLimits
    public let settings: PredictionSettings

    private var last: Timestamp?
    private var currentA = 0.0
    private var isCharging = false
    /// The running slot: ampere-seconds, charging seconds and covered seconds.
    private var sum = 0.0
    private var chargingSeconds = 0.0
    private var coveredSeconds = 0.0
    /// Weekday slots, then weekend slots.
    private var mean = [Float](repeating: 0, count: 2 * DaySlot.count)
    private var occupancy = [Float](repeating: 0, count: 2 * DaySlot.count)
    private var days = [UInt8](repeating: 0, count: 2 * DaySlot.count)

    public init(limits: MeterLimits, settings: PredictionSettings = PredictionSettings()) {
        self.limits = limits
        self.settings = settings
    }

    /// Learns a reading and whether the meter charged then. Readings not after the last one, or not finite, are ignored.
    public mutating func on(_ reading: Reading, isCharging charging: Bool) {
        guard reading.currentA.isFinite else { return }
        if let last {
            guard reading.timestamp > last else { return }
            cover(from: last, to: reading.timestamp)
        }
        last = reading.timestamp
        currentA = min(reading.currentA.magnitude, Detector.maxCurrentA)
        isCharging = charging
    }

    /// Predicts the instants of the step's grid (UTC) after `from`, as far as the horizon. Without arguments the settings' horizon and step apply;
    /// both are taken into 1…168 h and 1…1440 min.
    public func forecast(from: Timestamp, horizonHours: Int? = nil, stepMinutes: Int? = nil) -> [ForecastPoint] {
        let horizon = Int64(min(max(horizonHours ?? settings.horizonHours, 1), 168)) * 3600
        let step = Int64(min(max(stepMinutes ?? settings.stepMinutes, 1), 1440)) * 60
        let now = expectation(at: from)
        let fade = 1 / (1 + Double(step) / Self.presentSeconds)
        let fadeAlone = 1 / (1 + Double(step) / Self.presentAloneSeconds)
        // How old the newest reading is counts as faded already.
        let age = last.map { max(0, from.seconds(since: $0)) } ?? 0
        var weight = last == nil ? 0 : 1 / (1 + age / Self.presentSeconds)
        var weightAlone = weight
        let present = (mean: currentA, occupancy: isCharging ? 1.0 : 0)

        var points: [ForecastPoint] = []
        points.reserveCapacity(Int(horizon / step))
        var t = Timestamp(seconds: (Civil.floorDivide(from.seconds, step) + 1) * step)
        let end = from.adding(seconds: horizon)
        var wasCharging = isCharging
        while t <= end {
            weight *= fade
            weightAlone *= fadeAlone
            var predicted = weightAlone * present.mean
            var share = weightAlone * present.occupancy
            if let usual = expectation(at: t) {
                // What is unusual now fades; a slot whose present has no usual is drawn towards the present.
                predicted = max(0, usual.mean + weight * (present.mean - (now ?? usual).mean))
                share = min(max(usual.occupancy + weight * (present.occupancy - (now ?? usual).occupancy), 0), 1)
            }
            let charges = share >= 0.5
            let pattern: PatternLabel = !charges ? .idle : wasCharging ? .charging : .ramp
            points.append(
                ForecastPoint(timestamp: t, predictedA: predicted, isCharging: charges, pattern: pattern, level: .of(currentA: predicted, limits: limits)))
            wasCharging = charges
            t = t.adding(seconds: step)
        }
        return points
    }

    // MARK: Inside

    /// What a slot usually holds: of its own kind of day, else of the other kind.
    private func expectation(at t: Timestamp) -> (mean: Double, occupancy: Double)? {
        let (slot, isWeekend) = DaySlot.at(t, settings.offset)
        for index in [isWeekend ? slot + DaySlot.count : slot, isWeekend ? slot : slot + DaySlot.count] where days[index] > 0 {
            return (Double(mean[index]), Double(occupancy[index]))
        }
        return nil
    }

    /// Spreads the last reading over the time until the next one, closing the slots that end in between.
    private mutating func cover(from start: Timestamp, to end: Timestamp) {
        let held = min(end, start.adding(microseconds: Int64(Self.holdSeconds * 1e6)))
        var t = start
        while true {
            let slotEnd = DaySlot.end(of: t)
            let until = min(held, slotEnd)
            let seconds = max(0, until.seconds(since: t))
            sum += currentA * seconds
            coveredSeconds += seconds
            if isCharging { chargingSeconds += seconds }
            guard end >= slotEnd else { return }
            close(DaySlot.at(t, settings.offset))
            guard held > slotEnd else { return }
            t = slotEnd
        }
    }

    private mutating func close(_ at: (slot: Int, isWeekend: Bool)) {
        defer {
            sum = 0
            chargingSeconds = 0
            coveredSeconds = 0
        }
        guard coveredSeconds >= Self.minCoverage * Double(DaySlot.seconds) else { return }
        let index = at.isWeekend ? at.slot + DaySlot.count : at.slot
        if days[index] < .max { days[index] += 1 }
        let rate = Float(max(Self.slotRate, 1 / Double(days[index])))
        mean[index] += rate * (Float(sum / coveredSeconds) - mean[index])
        occupancy[index] += rate * (Float(min(1, chargingSeconds / coveredSeconds)) - occupancy[index])
    }

    mutating func fields(_ io: inout StateIO) {
        io.field(&last)
        io.field(&currentA)
        io.field(&isCharging)
        io.field(&sum)
        io.field(&chargingSeconds)
        io.field(&coveredSeconds)
        io.field(&mean)
        io.field(&occupancy)
        io.field(&days)
        io.require(currentA >= 0 && currentA <= Detector.maxCurrentA && sum >= 0 && chargingSeconds >= 0)
        io.require(coveredSeconds >= 0 && chargingSeconds <= coveredSeconds)
    }
}
