public import Bytes

/// One predicted instant, as `prediction_results` holds it.
public struct ForecastPoint: Hashable, Sendable {
    public var timestamp: Timestamp
    /// Expected current, A, never negative: the mean over the ways the slot may go, so between idle and a session's level where either may be.
    public var predictedA: Double
    /// Whether charging is likelier than not.
    public var isCharging: Bool
    public var pattern: PatternLabel
    /// By the ladder on the predicted current.
    public var level: WarningLevel
}
