public import Bytes

/// What the detector says about one reading.
public struct Verdict: Hashable, Sendable {
    public var timestamp: Timestamp
    /// Amperes, magnitude.
    public var currentA: Double
    public var isCharging: Bool
    public var pattern: PatternLabel
    public var anomaly: AnomalyClass
    /// 0…1: how sure the detector is of `anomaly`, `none` included.
    public var confidence: Double
    /// True on the one reading that opens an episode of `anomaly`: count and store these, not every anomalous reading.
    public var isNewEpisode: Bool
    public var level: WarningLevel
    /// 0…1, the univariate statistical score; see `StreamScore`. Information only: it opens no episode by itself.
    public var score: Double
}

/// The outcome of one reading.
public enum Judgement: Hashable, Sendable {
    case verdict(Verdict)
    case ignored(Ignored)

    /// Why a reading was not judged. It left no trace in the state.
    public enum Ignored: Hashable, Sendable {
        /// Not after the watermark: out of order, or a duplicate.
        case late
        /// NaN or infinite. Intake refuses these; this is the second lock.
        case notFinite
    }

    public var verdict: Verdict? {
        if case .verdict(let v) = self { v } else { nil }
    }
}
