public import Bytes

/// What an operator may choose. The rules' own thresholds are constants beside each rule.
public struct PredictionSettings: Hashable, Sendable {
    /// The local time of seasonal profiles and of weekends.
    public var offset: UTCOffset
    /// Seconds without data after which a meter's warning level is `unknown`.
    public var staleSeconds: Double
    /// How far ahead predictions reach, 1…168 h.
    public var horizonHours: Int
    /// Distance of predictions, 1…1440 min.
    public var stepMinutes: Int

    public init(offset: UTCOffset = .beijing, staleSeconds: Double = 900, horizonHours: Int = 24, stepMinutes: Int = 15) {
        self.offset = offset
        self.staleSeconds = staleSeconds
        self.horizonHours = horizonHours
        self.stepMinutes = stepMinutes
    }
}
