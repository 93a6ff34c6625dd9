public import Bytes

/// What a charger may draw and deliver, from `site_data`; any figure may be missing.
public struct MeterLimits: Hashable, Sendable {
    public var ratedPowerKw: Double?
    public var maxInputCurrentA: Double?
    public var maxOutputCurrentA: Double?

    public init(ratedPowerKw: Double? = nil, maxInputCurrentA: Double? = nil, maxOutputCurrentA: Double? = nil) {
        self.ratedPowerKw = ratedPowerKw
        self.maxInputCurrentA = maxInputCurrentA
        self.maxOutputCurrentA = maxOutputCurrentA
    }

    /// The current that counts as 100 %: the output limit, else the input limit. Nil turns the rules that need it off.
    /// Rated power alone does not give one, since the voltage is unknown.
    public var ratedCurrentA: Double? {
        for limit in [maxOutputCurrentA, maxInputCurrentA] {
            if let limit, limit.isFinite, limit > 0 { return limit }
        }
        return nil
    }
}

/// One measured current of one meter.
public struct Reading: Hashable, Sendable {
    public var timestamp: Timestamp
    /// Amperes. The sign tells the direction or how the transformer was clamped on, not the load: every rule looks at the magnitude.
    public var currentA: Double

    public init(timestamp: Timestamp, currentA: Double) {
        self.timestamp = timestamp
        self.currentA = currentA
    }
}
