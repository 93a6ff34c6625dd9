import Bytes
public import Postgres
import Protocol
public import Reactor
public import ZeroMQ

/// Writes charging readings and sites: group commits by COPY, the newest reading per meter, events after the commit.
///
/// A batch that was committed before (its answer was lost) changes nothing when it comes again: the natural key
/// (meter, timestamp) is unique and the first value stays.
public final class ChargingTelemetry {
    /// Between two wake-ups of the same shard's prediction, ns: readings that arrive meanwhile share one job.
    static let wakeNs: Int64 = 500_000_000

    private let pool: PostgresPool
    private let client: BusClient
    private var dirtyShards: Set<Int> = []
    private var isClosed = false
    public private(set) var counters = Counters()

    public struct Counters: Sendable {
        public var rows = 0
        public var inserted = 0
        public var groups = 0
        /// Groups that held rows committed before and went through the staging table.
        public var staged = 0
    }

    public init(_ pool: PostgresPool, client: BusClient) {
        self.pool = pool
        self.client = client
    }

    /// Registers the two streams.
    public func register(_ runtime: WorkerRuntime, on loop: isolated EventLoop) {
        runtime.onBatches(ChargingNames.readings) { [self] payloads in await commitReadings(payloads, on: loop) }
        runtime.onBatches(ChargingNames.sites) { [self] payloads in await commitSites(payloads) }
        loop.every(ns: Self.wakeNs) { [weak self] in
            guard let self, !self.isClosed else { return false }
            self.wakePrediction(on: loop)
            return true
        }
    }

    public func close() { isClosed = true }

    // MARK: Readings

    private func commitReadings(_ payloads: [[UInt8]], on loop: isolated EventLoop) async -> [Result<[UInt8], Refusal>] {
        var copy = CopyBuffer(capacity: payloads.reduce(0) { $0 + $1.count } * 2)
        var newest = NewestReadings()
        var counts: [Int?] = []
        for payload in payloads {
            let before = copy.count
            let isWhole = payload.withUnsafeBufferPointer { bytes in
                // Checked whole before the first row is taken: half a batch must not be committed.
                guard ReadingBatch.read(bytes, { _ in }) else { return false }
                return ReadingBatch.read(bytes) { row in
                    copy.beginRow(fields: 4)
                    copy.append(utf8: row.meter)
                    copy.append(row.timestamp)
                    copy.append(row.current)
                    if let facility = row.facility { copy.append(utf8: facility) } else { copy.appendNull() }
                    newest.add(row)
                }
            }
            counts.append(isWhole ? copy.count - before : nil)
        }
        do {
            var inserted = copy.count
            if copy.count > 0 {
                do {
                    try await write(copy, newest.entries, staged: false)
                } catch let error as PostgresError where error.isUniqueViolation {
                    counters.staged += 1
                    inserted = try await write(copy, newest.entries, staged: true)
                }
            }
            counters.groups += 1
            counters.rows += copy.count
            counters.inserted += inserted
            publish(newest.entries, on: loop)
            // With several batches in a staged group, which rows were new is known of the group only.
            var left = inserted
            return counts.map { count in
                guard let count else { return .failure(Refusal(.malformed, "batch of readings unreadable")) }
                let own = min(count, left)
                left -= own
                return .success(Array("{\"inserted\":\(own)}".utf8))
            }
        } catch {
            let refusal = Self.refusal(error)
            Log.warning("readings not committed", ["rows": String(copy.count), "error": String(describing: error)])
            return payloads.map { _ in .failure(refusal) }
        }
    }

    @discardableResult
    private func write(_ copy: CopyBuffer, _ newest: [NewestReadings.Entry], staged: Bool) async throws -> Int {
        try await pool.transaction { transaction in
            var inserted = copy.count
            if staged {
                _ = try await transaction.query(Self.makeStage)
                _ = try await transaction.copy(into: "charging_stage", columns: Self.columns, rows: copy)
                inserted = try await transaction.execute(Self.moveStage)
            } else {
                _ = try await transaction.copy(into: "public.time_i_data", columns: Self.columns, rows: copy)
            }
            // In the order of the ids, so that two groups never wait for each other in a circle.
            let entries = newest.sorted { $0.meter < $1.meter }
            _ = try await transaction.query(
                Self.keepNewest,
                Parameters(
                    entries.map(\.meter), entries.map(\.timestamp), entries.map(\.current), entries.map { Int64($0.shard) }))
            return inserted
        }
    }

    private func publish(_ newest: [NewestReadings.Entry], on loop: isolated EventLoop) {
        for entry in newest {
            dirtyShards.insert(entry.shard)
            var w = JSONWriter(capacity: 160)
            w.object { w in
                w.member("type", "reading")
                w.key("data")
                w.object { w in
                    w.member("meter_id", entry.meter)
                    w.member("timestamp", entry.timestamp, .utc)
                    w.member("current_value", entry.current)
                    w.member("dev_fac_id", entry.facility)
                }
            }
            client.publish(Topic.charging(entry.meter), w.bytes, isState: true, on: loop)
        }
    }

    /// Readings are committed before their shard's job is asked for, so that the job sees them. A wake-up that is lost with
    /// this process is made up for by the prediction worker's sweep.
    private func wakePrediction(on loop: isolated EventLoop) {
        let shards = dirtyShards
        dirtyShards = []
        for shard in shards {
            let draft = ChargingShards.job(shard)
            client.call(.enqueue, draft.kind, draft.payload, timeoutMs: 5_000, on: loop) { [weak self] result in
                if case .failure = result { self?.dirtyShards.insert(shard) }
            }
        }
    }

    // MARK: Sites

    private func commitSites(_ payloads: [[UInt8]]) async -> [Result<[UInt8], Refusal>] {
        var results: [Result<[UInt8], Refusal>] = []
        for payload in payloads {
            do {
                let rows = try await pool.query(Self.keepSites, Parameters { $0.appendJSON(payload) })
                results.append(.success(Array("{\"inserted\":\(rows.affected)}".utf8)))
            } catch {
                results.append(.failure(Self.refusal(error)))
            }
        }
        return results
    }

    private static func refusal(_ error: any Error) -> Refusal {
        guard let error = error as? PostgresError else { return Refusal(.storage, String(describing: error)) }
        // Idempotent by the natural key: even after a lost connection sending again is safe.
        return Refusal(.storage, error.description, retry: error.isRetryable || error.isConnectionLost)
    }

    private static let columns = ["meter_id", "timestamp", "i", "dev_fac_id"]
    private static let makeStage = Statement(
        """
        CREATE TEMPORARY TABLE charging_stage (meter_id text, "timestamp" timestamptz, i double precision, dev_fac_id text) ON COMMIT DROP
        """)
    private static let moveStage = Statement(
        """
        INSERT INTO public.time_i_data (meter_id, "timestamp", i, dev_fac_id)
        SELECT meter_id, "timestamp", i, dev_fac_id FROM charging_stage ORDER BY meter_id, "timestamp"
        ON CONFLICT (meter_id, "timestamp") DO NOTHING
        """)
    private static let keepNewest = Statement(
        """
        INSERT INTO heliograph.charging_latest AS l (meter_id, "timestamp", i, shard)
        SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::double precision[], $4::bigint[])
        ON CONFLICT (meter_id) DO UPDATE SET "timestamp" = excluded."timestamp", i = excluded.i
        WHERE excluded."timestamp" > l."timestamp"
        """)
    private static let keepSites = Statement(
        """
        INSERT INTO public.site_data
            (meter_id, longitude, latitude, dev_fac_id, rated_power, max_input_current, max_output_current, updated_at)
        SELECT DISTINCT ON (s.meter_id) s.meter_id, s.longitude, s.latitude, s.dev_fac_id, s.rated_power, s.max_input_current,
            s.max_output_current, now()
        FROM ROWS FROM (jsonb_to_recordset($1) AS (meter_id text, longitude double precision, latitude double precision, dev_fac_id text,
            rated_power double precision, max_input_current double precision, max_output_current double precision))
            WITH ORDINALITY AS s(meter_id, longitude, latitude, dev_fac_id, rated_power, max_input_current, max_output_current, n)
        ORDER BY s.meter_id, s.n DESC
        ON CONFLICT (meter_id) DO UPDATE SET longitude = excluded.longitude, latitude = excluded.latitude, dev_fac_id = excluded.dev_fac_id,
            rated_power = excluded.rated_power, max_input_current = excluded.max_input_current,
            max_output_current = excluded.max_output_current, updated_at = now()
        """)
}
