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
        /// Large groups that held reports committed before: COPY refused them, and they were inserted instead.
        public var again = 0
        /// Events told to listeners.
        public var published = 0
    }

    /// From so many reports on COPY is worth its round trips.
    private static let manyReports = 1_000
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
        /// Payload, and place in it, of each report.
        var places: [(payload: Int, row: Int)] = []
        /// Rows of each payload; nil: unreadable.
        var counts: [Int?] = []
        var rows = 0

        init(_ payloads: [[UInt8]]) {
            var all: [(report: BatteryReport, payload: Int, row: Int)] = []
            for (i, payload) in payloads.enumerated() {
                let reports = ReportBatch.read(payload)
                counts.append(reports?.count)
                for (row, report) in (reports ?? []).enumerated() { all.append((report, i, row)) }
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
                places.append((all[i].payload, all[i].row))
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
            var isNew = group.counts.map { [Bool](repeating: false, count: $0 ?? 0) }
            for (place, new) in zip(group.places, done.isNew) where new { isNew[place.payload][place.row] = true }
            counters.groups += 1
            counters.rows += group.rows
            counters.inserted += done.isNew.count { $0 }
            counters.published += done.publications.count
            for publication in done.publications { client.publish(publication.topic, publication.payload, isState: false, on: loop) }
            return payloads.indices.map { i in
                group.counts[i] != nil ? .success(Self.answer(isNew[i])) : .failure(Refusal(.malformed, "batch of reports unreadable"))
            }
        } catch {
            let refusal = Self.refusal(error)
            Log.warning("battery reports not committed", ["rows": String(group.rows), "error": String(describing: error)])
            return payloads.map { _ in .failure(refusal) }
        }
    }

    /// See `BatteryNames.reports`.
    private static func answer(_ isNew: [Bool]) -> [UInt8] {
        let inserted = isNew.count { $0 }
        var w = JSONWriter(capacity: 32)
        w.object { w in
            w.member("inserted", inserted)
            guard inserted > 0, inserted < isNew.count, isNew.count <= BatteryNames.namedRows else { return }
            w.key("known")
            w.array { w in for (row, new) in isNew.enumerated() where !new { w.value(row) } }
        }
        return w.bytes
    }

    private func write(_ group: Group) async throws -> Done {
        var isCopied = group.reports.count > Self.manyReports
        for turn in 1... {
            do {
                let mode = isCopied
                return try await pool.transaction { transaction in try await self.write(group, transaction, isCopied: mode) }
            } catch let error as PostgresError {
                // 23503: a device was deleted between two statements.
                guard error.isContended || error.sqlState == "23503", turn < Self.tries else { throw error }
                if error.isUniqueViolation, isCopied {
                    isCopied = false
                    counters.again += 1
                }
            }
        }
        throw PostgresError(.invalid, "no turn left")
    }

    /// Two round trips: reports and what is needed to judge them, then what follows with COMMIT. A large group's rows go by COPY before.
    private func write(_ group: Group, _ transaction: PostgresTransaction, isCopied: Bool) async throws -> Done {
        let reports = group.reports
        var evaluator = AlertEvaluator(transaction)
        if isCopied { try await transaction.copy(into: "heliograph.battery_report", columns: Self.columns, rows: Self.rows(reports)) }
        let inserted = try await evaluator.read(devicesOf: reports, after: isCopied ? nil : (Self.insert, Self.parameters(reports)))
        let isNew = try Self.found(inserted, among: reports)
        let new = isNew.contains(false) ? zip(reports, isNew).filter(\.1).map(\.0) : reports
        guard !new.isEmpty else { return Done(isNew: isNew, publications: []) }
        return Done(isNew: isNew, publications: try await evaluator.evaluate(new))
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

    /// `parameters` in SQL, to be unnested.
    static let arrays = "$1::bigint[], $2::timestamptz[], $3::double precision[], $4::double precision[], $5::double precision[], $6::boolean[], $7::bigint[]"

    static func parameters(_ reports: [BatteryReport]) -> Parameters {
        Parameters(
            reports.map(\.device), reports.map(\.recordedAt), reports.map { Double($0.level) }, reports.map { $0.temperature.map(Double.init) },
            reports.map { $0.voltage.map(Double.init) }, reports.map(\.isCharging), reports.map { Int64($0.mode.rawValue) })
    }

    /// Which reports the rows name; without rows COPY has taken all.
    private static func found(_ rows: PostgresRows?, among reports: [BatteryReport]) throws -> [Bool] {
        guard let rows, rows.count < reports.count else { return [Bool](repeating: true, count: reports.count) }
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
    /// Reports that are there already stay as they are and are not among the rows. Waits for others that are about to commit the same ones.
    private static let insert = Statement(
        """
        INSERT INTO heliograph.battery_report (device, recorded_at, level, temperature, voltage, is_charging, power_saving)
        SELECT u.device, u.at, u.level, u.temperature, u.voltage, u.charging, u.mode
        FROM unnest(\(arrays)) AS u(device, at, level, temperature, voltage, charging, mode)
        ON CONFLICT (device, recorded_at) DO NOTHING RETURNING device, recorded_at
        """)
}
