import Bytes
import Postgres
import Protocol
import Reactor

/// Moves the alert machines of a group's devices on, in the transaction that commits the group's reports.
///
/// Each device's state is locked first, and settings are read under the lock: two groups with reports of one device take turns, and the later one
/// sees what the former one decided.
struct AlertEvaluator {
    private struct Device {
        var settings = AlertSettings()
        /// Of the settings.
        var fingerprint: Int64 = 0
        var owner: Int64 = 0
        var interval: Int64 = 60
        var timeline = AlertTimeline()
        /// nil: it was found to be offline, or nothing was heard of it before.
        var offlineAt: Timestamp?
    }

    private let transaction: PostgresTransaction
    private var devices: [Int64: Device] = [:]
    private var now = Timestamp(seconds: 0)

    init(_ transaction: PostgresTransaction) { self.transaction = transaction }

    /// Locks the devices of some reports, sorted by device, and reads what they are judged by. A statement to run before travels along, and its
    /// rows are returned.
    @discardableResult
    mutating func read(devicesOf reports: [BatteryReport], after first: (Statement, Parameters)? = nil) async throws -> PostgresRows? {
        var numbers: [Int64] = []
        for report in reports where numbers.last != report.device { numbers.append(report.device) }
        let parameters = Parameters(numbers)
        let reads = [(AlertSQL.lock, parameters), (AlertSQL.settings, parameters), (AlertSQL.rules, parameters)]
        var answers = try await transaction.batch((first.map { [$0] } ?? []) + reads)
        let firstRows = first == nil ? nil : answers.removeFirst()
        if answers[0].count < answers[1].count {
            // Heard for the first time; the locks that are held already stay.
            answers = try await transaction.batch([(AlertSQL.begin, BatteryTelemetry.parameters(Self.newest(reports)))] + reads)
            answers.removeFirst()
        }
        try take(locked: answers[0], settings: answers[1], rules: answers[2])
        return firstRows
    }

    /// The last report of each device; they are sorted by device and time.
    private static func newest(_ reports: [BatteryReport]) -> [BatteryReport] {
        reports.indices.filter { $0 == reports.count - 1 || reports[$0].device != reports[$0 + 1].device }.map { reports[$0] }
    }

    /// Takes reports that were not there before, sorted by device and time, of devices that were read, and keeps the newest ones. Returns what is to be
    /// told after the commit.
    mutating func evaluate(_ reports: [BatteryReport]) async throws -> [AlertPublication] {
        var numbers: [Int64] = []
        var ranges: [Range<Int>] = []
        for (i, report) in reports.enumerated() {
            if numbers.last != report.device {
                numbers.append(report.device)
                ranges.append(i..<i)
            }
            ranges[ranges.count - 1] = ranges[ranges.count - 1].lowerBound..<(i + 1)
        }
        var writes = AlertWrites()
        var late: [Int64] = []
        for (number, range) in zip(numbers, ranges) {
            guard let settings = devices[number]?.settings, let fingerprint = devices[number]?.fingerprint else { continue }
            // In place: a timeline taken out would be copied.
            devices[number]?.timeline.settle(fingerprint: fingerprint)
            let own = reports[range].map {
                AlertReport(
                    at: $0.recordedAt, level: AlertReport.thousandths($0.level), temperature: $0.temperature.map(AlertReport.thousandths),
                    isCharging: $0.isCharging)
            }
            if let changes = devices[number]?.timeline.take(own, settings) {
                if !changes.isEmpty { writes.add(AlertDifference(inOrder: changes), device: number, settings) }
            } else {
                late.append(number)
            }
        }
        if !late.isEmpty { try await rerun(late, &writes) }
        let known = numbers.filter { devices[$0] != nil }
        schedule(known, &writes)
        let publications = try await writes.write(transaction)
        var kept = BatteryTelemetry.parameters(Self.newest(reports).filter { devices[$0.device] != nil })
        kept.appendByteArrays(known.map { devices[$0]?.timeline.bytes ?? [] })
        transaction.enqueue(AlertSQL.keep, kept)
        return publications
    }

    private mutating func take(locked: PostgresRows, settings rows: PostgresRows, rules ruleRows: PostgresRows) throws {
        var rules: [Int64: [AlertType: AlertRule]] = [:]
        _ = try ruleRows.map { row in
            let owner = try row.next(Int64.self)
            guard let type = AlertType(rawValue: try row.next(String.self)) else { return }
            rules[owner, default: [:]][type] = AlertRule(
                id: try row.next(String.self), level: try row.next(String.self), cooldownMinutes: try row.next(Int64.self), wantsMail: try row.next(Bool.self))
        }
        var last: (settings: AlertSettings, fingerprint: Int64)?
        for row in 0..<rows.count {
            var device = Device()
            device.owner = try rows.int64(row, 1)
            device.settings = AlertSettings(
                low: AlertReport.thousandths(try rows.double(row, 2)), critical: AlertReport.thousandths(try rows.double(row, 3)),
                highTemperature: AlertReport.thousandths(try rows.double(row, 4)), drainPercent: AlertReport.thousandths(try rows.double(row, 5)),
                drainMinutes: try rows.int64(row, 6), rules: rules[device.owner] ?? [:])
            // Mostly an owner's devices are all set alike.
            device.fingerprint = last.flatMap { $0.settings == device.settings ? $0.fingerprint : nil } ?? device.settings.fingerprint
            last = (device.settings, device.fingerprint)
            device.interval = try rows.int64(row, 7)
            now = try rows.timestamp(row, 8)
            devices[try rows.int64(row, 0)] = device
        }
        var held: Set<Int64> = []
        for row in 0..<locked.count {
            let number = try locked.int64(row, 0)
            held.insert(number)
            if let timeline = AlertTimeline(try locked.bytes(row, 1)) {
                devices[number]?.timeline = timeline
            } else {
                Log.error("an alert state is unreadable; it begins anew", ["device": String(number)])
            }
            devices[number]?.offlineAt = try locked.timestampIfPresent(row, 2)
        }
        // Deleted between the statements.
        devices = devices.filter { held.contains($0.key) }
    }

    /// Late reports: the device's reports since its oldest checkpoint, these among them, are judged again.
    private mutating func rerun(_ late: [Int64], _ writes: inout AlertWrites) async throws {
        let starts = late.map { devices[$0]?.timeline.oldest ?? AlertMachine() }
        let answers = try await transaction.batch([
            (AlertSQL.tail, Parameters(late, starts.map(\.at))),
            (AlertSQL.episodes, Parameters(late, starts.map { start in start.conditions.compactMap(\.last).min().map { min($0, start.at) } ?? start.at })),
        ])
        var reports: [Int64: [AlertReport]] = [:]
        for row in 0..<answers[0].count {
            reports[try answers[0].int64(row, 0), default: []].append(
                AlertReport(
                    at: try answers[0].timestamp(row, 1), level: AlertReport.thousandths(try answers[0].double(row, 2)),
                    temperature: try answers[0].doubleIfPresent(row, 3).map(AlertReport.thousandths), isCharging: try answers[0].bool(row, 4)))
        }
        var episodes: [Int64: [AlertEpisode]] = [:]
        for row in 0..<answers[1].count {
            guard let type = AlertType(rawValue: try answers[1].string(row, 1)) else { continue }
            episodes[try answers[1].int64(row, 0), default: []].append(
                AlertEpisode(
                    type: type, triggered: try answers[1].timestamp(row, 2), ended: try answers[1].timestampIfPresent(row, 3),
                    value: AlertReport.thousandths(try answers[1].double(row, 4)), threshold: AlertReport.thousandths(try answers[1].double(row, 5))))
        }
        for (number, start) in zip(late, starts) {
            guard var device = devices[number] else { continue }
            let changes = device.timeline.rerun(reports[number] ?? [], device.settings)
            writes.add(AlertDifference(rerun: changes, from: start, existing: episodes[number] ?? []), device: number, device.settings)
            devices[number] = device
        }
    }

    /// When their next silences would be alerts. A time that lies ahead stays: whoever looks then finds that something came, and looks again later.
    private func schedule(_ known: [Int64], _ writes: inout AlertWrites) {
        var due: [(device: Int64, at: Timestamp)] = []
        for number in known {
            guard let device = devices[number] else { continue }
            if device.offlineAt == nil { writes.returned.append(number) }
            let at = now.adding(seconds: AlertMachine.silenceSeconds(reportInterval: device.interval))
            if device.offlineAt.map({ $0 <= now || $0 > at }) ?? true { due.append((number, at)) }
        }
        if !due.isEmpty { transaction.enqueue(AlertSQL.schedule, Parameters(due.map(\.device), due.map(\.at))) }
    }
}
