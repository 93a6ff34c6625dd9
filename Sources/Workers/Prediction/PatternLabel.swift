/// What a meter is doing, in the words of the charging spec (`pattern_label`). The raw value is what is stored and served.
public enum PatternLabel: String, Sendable, CaseIterable {
    case idle = "空闲"
    case ramp = "启动爬升"
    case constantCurrent = "恒流充电"
    case taper = "恒压(涓流)收尾"
    case charging = "正常充电"
}
