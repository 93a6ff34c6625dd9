import Bytes
public import Postgres
import Protocol
public import Reactor
public import ZeroMQ

/// Writes battery reports: group commits by COPY, the newest report per device, and the alerts that follow, all in one transaction.
///
/// A report that is there already (device, recorded_at) changes nothing when it comes again, neither the first value nor any alert.
public final class BatteryTelemetry {
    private let pool: PostgresPool
    private let client: BusClient
    public private(set) var counters = Counters()

    public struct Counters: Sendable {
        public var rows = 0
        public var inserted = 0
        public var groups = 0
        /// Groups that held reports committed before and went through the staging table.
        public var staged = 0
        /// Events told to listeners.
        public var published = 0
    }

    /// Tries of a group that was in another's way, or whose device was deleted meanwhile.
    private static let tries = 5

    public init(_ pool: PostgresPool, client: BusClient) {
        self.pool = pool
        self.client = client
    }

    public func register(_ runtime: WorkerRuntime, on loop: isolated EventLoop) {
        runtime.onBatches(BatteryNames.reports) { [self] payloads in await commit(payloads, on: loop) }
    }

    // MARK: Groups

    /// A group's reports sorted by device and time, the first of each kept, and the payload that each came in.
    private struct Group {
        var reports: [BatteryReport] = []
        var payloads: [Int] = []
        var isReadable: [Bool] = []
        var rows = 0

        init(_ payloads: [[UInt8]]) {
            var all: [(report: BatteryReport, payload: Int)] = []
            for (i, payload) in payloads.enumerated() {
                let reports = ReportBatch.read(payload)
                isReadable.append(reports != nil)
                for report in reports ?? [] { all.append((report, i)) }
            }
            rows = all.count
            let order = all.indices.sorted { a, b in
                let (x, y) = (all[a].report, all[b].report)
                if x.device != y.device { return x.device < y.device }
                return x.recordedAt != y.recordedAt ? x.recordedAt < y.recordedAt : a < b
            }
            reports.reserveCapacity(all.count)
            for i in order {
                if let last = reports.last, last.device == all[i].report.device, last.recordedAt == all[i].report.recordedAt { continue }
                reports.append(all[i].report)
                self.payloads.append(all[i].payload)
            }
        }
    }

    private struct Done {
        /// Whether each report was new.
        var isNew: [Bool]
        var publications: [AlertPublication]
    }

    private func commit(_ payloads: [[UInt8]], on loop: isolated EventLoop) async -> [Result<[UInt8], Refusal>] {
        let group = Group(payloads)
        do {
            let done = group.reports.isEmpty ? Done(isNew: [], publications: []) : try await write(group)
            var inserted = [Int](repeating: 0, count: payloads.count)
            for (payload, isNew) in zip(group.payloads, done.isNew) where isNew { inserted[payload] += 1 }
            counters.groups += 1
            counters.rows += group.rows
            counters.inserted += inserted.reduce(0, +)
            counters.published += done.publications.count
            for publication in done.publications { client.publish(publication.topic, publication.payload, isState: false, on: loop) }
            return payloads.indices.map { i in
                group.isReadable[i] ? .success(Array("{\"inserted\":\(inserted[i])}".utf8)) : .failure(Refusal(.malformed, "batch of reports unreadable"))
            }
        } catch {
            let refusal = Self.refusal(error)
            Log.warning("battery reports not committed", ["rows": String(group.rows), "error": String(describing: error)])
            return payloads.map { _ in .failure(refusal) }
        }
    }

    private func write(_ group: Group) async throws -> Done {
        var isStaged = false
        for turn in 1... {
            do {
                return try await pool.transaction { transaction in try await self.write(group, transaction, isStaged: isStaged) }
            } catch let error as PostgresError {
                // 23503: a device was deleted between two statements.
                guard error.isContended || error.sqlState == "23503", turn < Self.tries else { throw error }
                if error.isUniqueViolation, !isStaged {
                    isStaged = true
                    counters.staged += 1
                }
            }
        }
        throw PostgresError(.invalid, "no turn left")
    }

    private func write(_ group: Group, _ transaction: PostgresTransaction, isStaged: Bool) async throws -> Done {
        let copy = Self.rows(group.reports)
        var isNew = [Bool](repeating: true, count: group.reports.count)
        if isStaged {
            _ = try await transaction.query(Self.makeStage)
            _ = try await transaction.copy(into: "battery_stage", columns: Self.columns, rows: copy)
            isNew = try Self.found(try await transaction.query(Self.moveStage), among: group.reports)
        } else {
            _ = try await transaction.copy(into: "heliograph.battery_report", columns: Self.columns, rows: copy)
        }
        let new = isStaged ? zip(group.reports, isNew).filter(\.1).map(\.0) : group.reports
        guard !new.isEmpty else { return Done(isNew: isNew, publications: []) }
        var evaluator = AlertEvaluator(transaction)
        let evaluated = try await evaluator.evaluate(new)
        keepLatest(new, evaluated.devices, transaction)
        return Done(isNew: isNew, publications: evaluated.publications)
    }

    /// The last report of each device of the group; they are sorted by device and time.
    private func keepLatest(_ reports: [BatteryReport], _ known: Set<Int64>, _ transaction: PostgresTransaction) {
        var latest: [BatteryReport] = []
        for report in reports where known.contains(report.device) {
            if latest.last?.device == report.device { latest.removeLast() }
            latest.append(report)
        }
        guard !latest.isEmpty else { return }
        transaction.enqueue(
            Self.keepLatest,
            Parameters(
                latest.map(\.device), latest.map(\.recordedAt), latest.map { Double($0.level) }, latest.map { $0.temperature.map(Double.init) },
                latest.map { $0.voltage.map(Double.init) }, latest.map(\.isCharging), latest.map { Int64($0.mode.rawValue) }))
    }

    private static func rows(_ reports: [BatteryReport]) -> CopyBuffer {
        var copy = CopyBuffer(capacity: reports.count * 64)
        for report in reports {
            copy.beginRow(fields: 7)
            copy.append(report.device)
            copy.append(report.recordedAt)
            copy.append(float4: report.level)
            copy.append(float4: report.temperature)
            copy.append(float4: report.voltage)
            copy.append(report.isCharging)
            copy.append(Int16(report.mode.rawValue))
        }
        return copy
    }

    /// Which reports the rows name; both are sorted alike.
    private static func found(_ rows: PostgresRows, among reports: [BatteryReport]) throws -> [Bool] {
        struct Key: Hashable {
            let device: Int64
            let at: Timestamp
        }
        var new: Set<Key> = []
        for row in 0..<rows.count { new.insert(Key(device: try rows.int64(row, 0), at: try rows.timestamp(row, 1))) }
        return reports.map { new.contains(Key(device: $0.device, at: $0.recordedAt)) }
    }

    private static func refusal(_ error: any Error) -> Refusal {
        guard let error = error as? PostgresError else { return Refusal(.storage, String(describing: error)) }
        // Idempotent by the natural key: even after a lost connection sending again is safe.
        return Refusal(.storage, error.description, retry: error.isRetryable || error.isConnectionLost)
    }

    private static let columns = ["device", "recorded_at", "level", "temperature", "voltage", "is_charging", "power_saving"]
    private static let makeStage = Statement(
        """
        CREATE TEMPORARY TABLE battery_stage (device bigint, recorded_at timestamptz, level real, temperature real, voltage real, is_charging boolean,
            power_saving smallint) ON COMMIT DROP
        """)
    private static let moveStage = Statement(
        """
        INSERT INTO heliograph.battery_report (device, recorded_at, level, temperature, voltage, is_charging, power_saving)
        SELECT device, recorded_at, level, temperature, voltage, is_charging, power_saving FROM battery_stage ORDER BY device, recorded_at
        ON CONFLICT (device, recorded_at) DO NOTHING RETURNING device, recorded_at
        """)
    private static let keepLatest = Statement(
        """
        INSERT INTO heliograph.battery_latest AS l (device, recorded_at, level, temperature, voltage, is_charging, power_saving, seen_at)
        SELECT u.device, u.at, u.level, u.temperature, u.voltage, u.charging, u.mode, now()
        FROM unnest($1::bigint[], $2::timestamptz[], $3::double precision[], $4::double precision[], $5::double precision[], $6::boolean[], $7::bigint[])
            AS u(device, at, level, temperature, voltage, charging, mode)
        ON CONFLICT (device) DO UPDATE SET
            (recorded_at, level, temperature, voltage, is_charging, power_saving) = (SELECT * FROM (VALUES
                (excluded.recorded_at, excluded.level, excluded.temperature, excluded.voltage, excluded.is_charging, excluded.power_saving),
                (l.recorded_at, l.level, l.temperature, l.voltage, l.is_charging, l.power_saving)) AS v(at, a, b, c, d, e) ORDER BY at DESC LIMIT 1),
            seen_at = greatest(l.seen_at, excluded.seen_at)
        """)
}
