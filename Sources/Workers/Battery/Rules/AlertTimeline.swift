import Bytes

/// A device's machine with the places from which it can be run again, so that a late report counts as if it had come in time. Pure.
///
/// `oldest` is at least an hour, or 720 reports, behind `head`: what is later than that is not evaluated. Settings that change are such a place
/// too: what they decided stays decided.
struct AlertTimeline: Equatable {
    /// How far a report may be behind the newest one and still count, µs; or by how many reports.
    static let windowMicros: Int64 = 3_600_000_000
    static let windowReports: Int64 = 720

    var head = AlertMachine()
    var middle = AlertMachine()
    var oldest = AlertMachine()
    /// Reports since `middle`.
    var count: Int64 = 0
    /// `AlertSettings.fingerprint` of what was decided by; 0: nothing yet.
    var fingerprint: Int64 = 0
    /// Reports that came too late to be evaluated.
    var tooLate: Int64 = 0

    /// Takes note of settings that have changed.
    mutating func settle(_ settings: AlertSettings) { settle(fingerprint: settings.fingerprint) }

    /// The same, by `AlertSettings.fingerprint`.
    mutating func settle(fingerprint now: Int64) {
        if fingerprint != 0, fingerprint != now {
            middle = head
            oldest = head
            count = 0
        }
        fingerprint = now
    }

    /// What new reports mean, sorted by time. nil: some of them are late, and the device is to be run again by `rerun` from `oldest` on.
    mutating func take(_ reports: some Collection<AlertReport>, _ settings: AlertSettings) -> [AlertChange]? {
        var reports = reports[...]
        while let first = reports.first, first.at <= oldest.at {
            tooLate += 1
            reports.removeFirst()
        }
        guard let first = reports.first else { return [] }
        if first.at <= head.at { return nil }
        var changes: [AlertChange] = []
        for report in reports {
            head.apply(report, settings, &changes)
            count += 1
            advance()
        }
        return changes
    }

    /// Decides anew about all reports since `oldest`, sorted by time: everything that follows from them.
    mutating func rerun(_ reports: [AlertReport], _ settings: AlertSettings) -> [AlertChange] {
        var changes: [AlertChange] = []
        head = oldest
        middle = oldest
        count = 0
        for report in reports {
            head.apply(report, settings, &changes)
            count += 1
            advance()
        }
        return changes
    }

    private mutating func advance() {
        let isFar = middle.at.microseconds == .min || head.at.microseconds - middle.at.microseconds >= Self.windowMicros
        guard isFar || count >= Self.windowReports else { return }
        oldest = middle
        middle = head
        count = 0
    }
}
