/// What the spec calls an `AlertEvent`: the same to those who ask for it and to those who listen.
public enum AlertEvent {
    /// Its members.
    public static let members: [StaticString] = [
        "id", "device_id", "rule_id", "alert_type", "level", "status", "message", "value", "threshold", "triggered_at", "acknowledged_at", "resolved_at",
    ]
    /// Their values in SQL, in that order: of the event `e` and its device `d`.
    public static let columns =
        """
        e.id, d.id, e.rule, e.alert_type, e.level, e.status, e.message, e.value, e.threshold, e.triggered_at, e.acknowledged_at, e.resolved_at
        """
}
