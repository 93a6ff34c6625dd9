public import Bytes

/// A fault that the simulation puts into a meter's series.
public enum InjectedAnomaly: String, Hashable, Sendable, CaseIterable {
    case overCurrent
    case fluctuation
    case stepDrop
    case frozen
    case zero
    case leak
    case gap
}

/// One injected fault: what a detector ought to find.
public struct AnomalyLabel: Hashable, Sendable {
    public var meterID: String
    public var kind: InjectedAnomaly
    public var start: Timestamp
    /// Not included.
    public var end: Timestamp
    /// Over-current: share of the maximum output current. Fluctuation: swing as a share of the current. Step drop: share that is left. Leak: A. Else 0.
    public var strength: Double

    public init(meterID: String, kind: InjectedAnomaly, start: Timestamp, end: Timestamp, strength: Double = 0) {
        self.meterID = meterID
        self.kind = kind
        self.start = start
        self.end = end
        self.strength = strength
    }
}

/// How often faults happen, by seed: the same seed gives the same faults.
public struct AnomalyMix: Hashable, Sendable {
    public static let none = AnomalyMix(seed: 0, perSession: 0, perIdle: 0)

    public var seed: UInt64
    /// Probability that a session long enough has a fault, 0…1.
    public var perSession: Double
    /// Probability that an idle time long enough has a leak, 0…1.
    public var perIdle: Double

    /// A session's plateau must be this long, seconds, so that a fault stands clear of ramp and taper.
    static let minPlateau = 2400.0
    /// Idle times must be this long, seconds.
    static let minIdle = 7200.0

    public init(seed: UInt64, perSession: Double = 0.05, perIdle: Double = 0.01) {
        self.seed = seed
        self.perSession = perSession
        self.perIdle = perIdle
    }

    /// The fault of one session, if it has one. `start` is when its plateau begins, `seconds` how long that lasts.
    func inSession(_ meterID: String, number: Int, plateauFrom start: Timestamp, seconds: Double) -> AnomalyLabel? {
        guard seconds >= Self.minPlateau else { return nil }
        var random = SeededRandom(seed: seed, name: meterID, salt: UInt64(number) * 2)
        guard random.unit() < perSession else { return nil }
        let kinds: [InjectedAnomaly] = [.overCurrent, .fluctuation, .stepDrop, .frozen, .zero, .gap]
        let kind = kinds[random.below(kinds.count)]
        let length: Double =
            switch kind {
            case .zero: random.between(40, 80)
            case .frozen: random.between(900, 1200)
            case .gap: random.between(600, 1200)
            default: random.between(240, 600)
            }
        let strength: Double =
            switch kind {
            case .overCurrent: random.between(1.10, 1.30)
            case .fluctuation: random.between(0.25, 0.45)
            case .stepDrop: random.between(0.35, 0.60)
            default: 0
            }
        let from = start.adding(seconds: Int64(random.between(900, seconds - 300 - length)))
        return AnomalyLabel(meterID: meterID, kind: kind, start: from, end: from.adding(seconds: Int64(length)), strength: strength)
    }

    /// The leak of one idle time, if it has one.
    func inIdle(_ meterID: String, number: Int, from start: Timestamp, seconds: Double) -> AnomalyLabel? {
        guard seconds >= Self.minIdle else { return nil }
        var random = SeededRandom(seed: seed, name: meterID, salt: UInt64(number) * 2 + 1)
        guard random.unit() < perIdle else { return nil }
        let from = start.adding(seconds: Int64(random.between(1800, seconds - 3600)))
        return AnomalyLabel(
            meterID: meterID, kind: .leak, start: from, end: from.adding(seconds: Int64(random.between(600, 1800))), strength: random.between(0.9, 2.4))
    }
}
