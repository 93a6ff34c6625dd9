/// A charge to come: where the current comes from and when it ends.
public struct ChargePlan: Hashable, Sendable {
    public enum Source: Hashable, Sendable {
        /// Phases and amperes of an outlet, at 220 V.
        case ac(phases: Int, amperes: Int)
        /// kW of a fast charger.
        case dc(kw: Double)

        var isFast: Bool { if case .dc = self { true } else { false } }
    }

    /// Seconds after the parking's start.
    public var at: Double
    public var source: Source
    /// % at which the car stops by itself.
    public var limit: Int
    /// Seconds after the parking's start at which somebody stops it; nil: nobody.
    public var stopAt: Double?
    /// Seconds after the parking's start at which the cable is out; nil: as the driver comes back.
    public var unplugAt: Double?
    public var isFree = false

    public init(at: Double, _ source: Source, limit: Int = 80, stopAt: Double? = nil, unplugAt: Double? = nil) {
        self.at = at
        self.source = source
        self.limit = limit
        self.stopAt = stopAt
        self.unplugAt = unplugAt
    }
}
