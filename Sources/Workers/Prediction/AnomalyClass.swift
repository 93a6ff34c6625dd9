/// The closed set of anomalies. The raw value is what is stored and served (`anomaly_type`).
public enum AnomalyClass: String, Sendable, CaseIterable {
    case none
    /// Above 105 % of the rated current for 5 s.
    case overCurrent = "电流过高"
    /// Idle, yet a current below any charging current flows.
    case leak = "漏流"
    /// A charging meter fell silent.
    case missingData = "数据缺失"
    /// Charging dropped to nothing and came back, or the value froze.
    case stuck = "零电流/卡滞"
    case fluctuation = "电流波动"
    /// A step down of more than 30 % with no taper before it.
    case stepDrop = "电流骤降"
    /// Statistically high for this meter, yet below the over-current limit.
    case highValue = "高值异常"

    /// Whether the class alone makes the warning red. Over-current is this system's own red line; a leak is a ground failure,
    /// which back ends rank critical (reference/prediction.md §1.5).
    public var isCritical: Bool { self == .overCurrent || self == .leak }

    /// Position in stored state; never reorder.
    var index: Int {
        switch self {
        case .none: 0
        case .overCurrent: 1
        case .leak: 2
        case .missingData: 3
        case .stuck: 4
        case .fluctuation: 5
        case .stepDrop: 6
        case .highValue: 7
        }
    }
}
