/// How much attention a meter needs, by the ladder of reference/prediction.md §1.5.
public enum WarningLevel: String, Sendable, CaseIterable {
    /// Below 90 % of the rated current and no anomaly.
    case green
    /// 90–105 %, or an anomaly that is not critical.
    case yellow
    /// Above 105 %, or a critical anomaly.
    case red
    /// No data within the stale limit.
    case unknown

    /// Lower edge of yellow, as a share of the rated current (level 3 of the low-voltage ladder).
    public static let yellowShare = 0.90
    /// Upper edge of yellow (level 1 of the low-voltage ladder).
    public static let redShare = 1.05

    /// The level of a current (A, magnitude) under limits, with the anomaly found at the same time.
    public static func of(currentA: Double, limits: MeterLimits, anomaly: AnomalyClass = .none) -> WarningLevel {
        let share = limits.ratedCurrentA.map { currentA / $0 } ?? 0
        if share > redShare || anomaly.isCritical { return .red }
        if share >= yellowShare || anomaly != .none { return .yellow }
        return .green
    }

    var code: UInt8 {
        switch self {
        case .green: 0
        case .yellow: 1
        case .red: 2
        case .unknown: 3
        }
    }

    init?(code: UInt8) {
        switch code {
        case 0: self = .green
        case 1: self = .yellow
        case 2: self = .red
        case 3: self = .unknown
        default: return nil
        }
    }
}
