import Bytes

/// A device's alert conditions, moved on by its reports in the order of their time. Pure.
///
/// | type | begins | ends |
/// |---|---|---|
/// | low_battery | level < low, not charging, critical_battery does not hold | charging, or level ≥ low + 2 (at most 100) |
/// | critical_battery | level < critical, not charging | charging, or level ≥ critical + 2 (at most 100) |
/// | high_temperature | temperature > high; a report without one says nothing | temperature ≤ high − 1 |
/// | rapid_drain | level has fallen by ≥ drain_percent within drain_minutes (both ends count), nothing charging between | charging, or the fall is ≤ half of it |
/// | device_offline | nothing came for max(3 × report interval, 120 s): `offline` | a report comes |
///
/// A condition is one episode from its begin to its end. An episode makes at most one event: at its first report that meets the begin while there
/// is an enabled rule and the type's last event was triggered at least the rule's cooldown before. What users do with the event changes nothing here.
struct AlertMachine: Equatable {
    enum Phase: Int64 {
        case idle, holding
        /// The episode has had its event, triggered at `Condition.last`.
        case fired
    }

    struct Condition: Equatable {
        var phase = Phase.idle
        /// When the type's last event was triggered.
        var last: Timestamp?
    }

    struct Point: Equatable {
        var at: Timestamp
        var level: Int64
    }

    /// Time of the last report.
    var at = Timestamp(microseconds: .min)
    /// By `AlertType.slot`.
    var conditions = [Condition](repeating: Condition(), count: AlertType.ofReports.count)
    /// Reports from which the level may have fallen: newer ones are lower. Empty while charging.
    var peaks: [Point] = []

    /// Level that ends low and critical above their thresholds, and what the temperature must be below its own, in thousandths.
    static let levelMargin: Int64 = 2_000
    static let temperatureMargin: Int64 = 1_000
    /// Peaks kept; past it the step that matters least goes, less than half a percent of the level.
    static let maxPeaks = 240

    mutating func apply(_ report: AlertReport, _ settings: AlertSettings, _ changes: inout [AlertChange]) {
        at = report.at
        let discharging = !report.isCharging

        let critical = settings.critical
        judge(
            .criticalBattery, report, settings, value: report.level, threshold: critical, begins: discharging && report.level < critical,
            ends: report.isCharging || report.level >= min(critical + Self.levelMargin, 100_000), &changes)

        let low = settings.low
        let isCritical = conditions[AlertType.criticalBattery.slot].phase != .idle
        judge(
            .lowBattery, report, settings, value: report.level, threshold: low, begins: discharging && report.level < low && !isCritical,
            ends: report.isCharging || report.level >= min(low + Self.levelMargin, 100_000), &changes)

        if let temperature = report.temperature {
            let high = settings.highTemperature
            judge(
                .highTemperature, report, settings, value: temperature, threshold: high, begins: temperature > high,
                ends: temperature <= high - Self.temperatureMargin, &changes)
        }

        let fall = self.fall(report, minutes: settings.drainMinutes)
        judge(
            .rapidDrain, report, settings, value: fall, threshold: settings.drainPercent, begins: discharging && fall >= settings.drainPercent,
            ends: report.isCharging || fall <= settings.drainPercent / 2, &changes)
    }

    private mutating func judge(
        _ type: AlertType, _ report: AlertReport, _ settings: AlertSettings, value: Int64, threshold: Int64, begins: Bool, ends: Bool,
        _ changes: inout [AlertChange]
    ) {
        var condition = conditions[type.slot]
        if ends, condition.phase != .idle {
            if condition.phase == .fired, let triggered = condition.last { changes.append(.close(type, triggered: triggered, at: report.at)) }
            condition.phase = .idle
        }
        if begins, !ends {
            if condition.phase == .idle { condition.phase = .holding }
            if condition.phase == .holding, let rule = settings.rules[type], Self.isDue(report.at, after: condition.last, rule) {
                changes.append(.open(type, at: report.at, value: value, threshold: threshold, rule))
                condition = Condition(phase: .fired, last: report.at)
            }
        }
        conditions[type.slot] = condition
    }

    private static func isDue(_ time: Timestamp, after last: Timestamp?, _ rule: AlertRule) -> Bool {
        guard let last else { return true }
        return time >= last.adding(seconds: rule.cooldownMinutes * 60)
    }

    /// How far the level is below the highest one of the last minutes, and takes the report among them.
    private mutating func fall(_ report: AlertReport, minutes: Int64) -> Int64 {
        if report.isCharging {
            peaks = []
            return 0
        }
        while let last = peaks.last, last.level <= report.level { peaks.removeLast() }
        peaks.append(Point(at: report.at, level: report.level))
        let start = report.at.adding(seconds: -60 * minutes)
        if let first = peaks.firstIndex(where: { $0.at >= start }), first > 0 { peaks.removeFirst(first) }
        if peaks.count > Self.maxPeaks {
            let steps = 1..<(peaks.count - 1)
            if let least = steps.min(by: { peaks[$0].level - peaks[$0 + 1].level < peaks[$1].level - peaks[$1 + 1].level }) { peaks.remove(at: least) }
        }
        return (peaks.first?.level ?? report.level) - report.level
    }

    // MARK: Offline

    enum Silence: Equatable {
        /// Not an alert before then, if nothing comes.
        case wait(until: Timestamp)
        case offline(at: Timestamp)
    }

    /// How long a device may be silent, s.
    static func silenceSeconds(reportInterval: Int64) -> Int64 { max(3 * reportInterval, 120) }

    /// Whether a device that was seen last at `seen` is an alert now. `since` is when its settings and the rule became what they are: nothing
    /// is triggered before; `last` is when the last such event was triggered.
    static func silence(
        seen: Timestamp, reportInterval: Int64, since: Timestamp, last: Timestamp?, cooldownMinutes: Int64, now: Timestamp
    ) -> Silence {
        var due = max(seen.adding(seconds: silenceSeconds(reportInterval: reportInterval)), since)
        if let last { due = max(due, last.adding(seconds: cooldownMinutes * 60)) }
        return due > now ? .wait(until: due) : .offline(at: due)
    }
}
