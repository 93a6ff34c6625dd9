public import Bytes

/// What a battery device measures at one instant: %, °C, V.
public struct BatterySample: Hashable, Sendable {
    public var level: Double
    public var temperature: Double
    public var voltage: Double
    public var isCharging: Bool
    public var powerSaving: String

    public init(level: Double, temperature: Double, voltage: Double, isCharging: Bool, powerSaving: String) {
        self.level = level
        self.temperature = temperature
        self.voltage = voltage
        self.isCharging = isCharging
        self.powerSaving = powerSaving
    }
}

/// One device's battery over all time: it drains and is charged in cycles of its own length, and in some cycles something happens to it.
/// Pure: the same seed and instant give the same sample.
public struct BatterySeries: Hashable, Sendable {
    /// What happens in a cycle besides draining and charging.
    public enum Incident: Hashable, Sendable {
        /// Falls by so many % within ten minutes.
        case drain(Double)
        /// So many °C more while it is charged.
        case heat(Double)
        /// Says nothing for so many seconds while it drains.
        case silence(Double)
    }

    public let name: String
    private let seed: UInt64
    /// Where a cycle begins and where charging begins, %.
    private let full: Double
    private let empty: Double
    /// Seconds of each part of a cycle.
    private let drainSeconds: Double
    private let chargeSeconds: Double
    private let shiftSeconds: Double
    /// How often a cycle has an incident.
    private let incidentShare: Double

    private static let incidentSeconds = 600.0

    public init(name: String, seed: UInt64, incidentShare: Double = 0.3) {
        self.name = name
        self.seed = seed
        self.incidentShare = incidentShare
        var random = SeededRandom(seed: seed, name: name)
        full = random.between(88, 100)
        empty = random.between(6, 32)
        drainSeconds = (full - empty) / random.between(4, 18) * 3_600
        chargeSeconds = (full - empty) / random.between(30, 70) * 3_600
        shiftSeconds = random.between(0, drainSeconds + chargeSeconds)
    }

    private var cycleSeconds: Double { drainSeconds + chargeSeconds }

    private func position(_ t: Timestamp) -> (cycle: Int64, seconds: Double) {
        let total = Double(t.microseconds) / 1e6 + shiftSeconds
        let cycle = (total / cycleSeconds).rounded(.down)
        return (Int64(cycle), total - cycle * cycleSeconds)
    }

    /// The incident of the cycle at an instant and the seconds within the cycle at which it begins.
    public func incident(at t: Timestamp) -> (incident: Incident, startSeconds: Double)? { incident(cycle: position(t).cycle) }

    private func incident(cycle: Int64) -> (incident: Incident, startSeconds: Double)? {
        var random = SeededRandom(seed: seed, name: name, salt: UInt64(bitPattern: cycle))
        guard random.unit() < incidentShare else { return nil }
        switch random.below(3) {
        case 0: return (.drain(random.between(17, 30)), random.between(0.1, 0.6) * drainSeconds)
        case 1: return (.heat(random.between(20, 32)), drainSeconds + random.between(0, 0.5) * chargeSeconds)
        default: return (.silence(random.between(600, 2_400)), random.between(0.1, 0.7) * drainSeconds)
        }
    }

    /// nil while the device is silent.
    public func sample(at t: Timestamp) -> BatterySample? {
        let (cycle, seconds) = position(t)
        let isCharging = seconds >= drainSeconds
        var lost = 0.0
        var heat = 0.0
        if let (incident, start) = incident(cycle: cycle) {
            let since = seconds - start
            switch incident {
            case .drain(let percent): lost = min(max(since / Self.incidentSeconds, 0), 1) * percent
            case .heat(let degrees): if since >= 0, isCharging { heat = degrees * min(since / 300, 1) * max(0, 1 - (since - 900) / 600).clamped }
            case .silence(let length): if since >= 0, since < length { return nil }
            }
        }
        let low = max(1, empty - lost)
        let level =
            isCharging
            ? low + (full - low) * (seconds - drainSeconds) / chargeSeconds
            : max(1, full - (full - empty) * seconds / drainSeconds - lost)
        var random = SeededRandom(seed: seed ^ UInt64(bitPattern: t.microseconds), name: name)
        let temperature = 22 + (isCharging ? 9 : 0) + heat + random.between(-0.6, 0.6)
        return BatterySample(
            level: level.rounded(), temperature: (temperature * 10).rounded() / 10,
            voltage: ((3.2 + level / 100 + random.between(-0.01, 0.01)) * 100).rounded() / 100, isCharging: isCharging,
            powerSaving: level < 15 ? "high" : level < 30 ? "low" : "off")
    }
}

extension Double {
    fileprivate var clamped: Double { Swift.min(Swift.max(self, 0), 1) }
}

extension BatterySample {
    /// The body of `POST /api/v1/battery/report`.
    public func write(to w: inout JSONWriter, at time: Timestamp) {
        w.object { w in
            w.member("battery_level", level)
            w.member("is_charging", isCharging)
            w.member("power_saving_mode", powerSaving)
            w.member("temperature", temperature)
            w.member("voltage", voltage)
            w.member("recorded_at", time, .utc)
        }
    }
}
