import Bytes
public import Postgres
import Protocol
public import Reactor
public import ZeroMQ

/// The anomaly predictor: a job per shard of meters judges what has arrived since the meter's watermark and renews forecasts.
///
/// A run holds its shard's advisory lock and ends in one transaction: states, episodes, forecasts and the job's completion
/// are committed together, so a reading is judged exactly once, whatever dies and however many workers there are.
public final class ChargingPredictor {
    /// Readings judged in one run; a longer backlog is done in several.
    static let readingsPerRun = 50_000
    /// Meters looked at in one run.
    static let metersPerRun = 500
    /// Between two looks for meters that nobody was woken for, ns.
    static let sweepNs: Int64 = 15_000_000_000

    private let pool: PostgresPool
    private let client: BusClient
    private let settings: PredictionSettings
    private var isClosed = false
    public private(set) var judged = 0

    public init(_ pool: PostgresPool, client: BusClient, settings: PredictionSettings = PredictionSettings()) {
        self.pool = pool
        self.client = client
        self.settings = settings
    }

    public func register(_ runtime: WorkerRuntime, on loop: isolated EventLoop) {
        runtime.onJob(JobKind.chargingPredict) { [self] context in try await run(context, on: loop) }
        loop.every(ns: Self.sweepNs) { [weak self] in
            guard let self, !self.isClosed else { return false }
            loop.spawn { await self.sweep(on: loop) }
            return true
        }
    }

    public func close() { isClosed = true }

    // MARK: The job

    /// One meter in a run.
    struct Meter {
        var id: String
        var state: MeterState
        var level: WarningLevel?
        var forecastAt: Timestamp?
        var verdict: Verdict?
        var episodes: [Verdict] = []
    }

    private func run(_ context: JobContext, on loop: isolated EventLoop) async throws {
        guard let shard = try context.json()["shard"]?.int, (0..<ChargingShards.count).contains(shard) else {
            throw JobFailure("args.shard must be 0 to \(ChargingShards.count - 1)", isRetryable: false)
        }
        var meters: [Meter] = []
        var hasMore = false
        try await context.finish(in: pool) { transaction in
            _ = try await transaction.query(Self.lock, Parameters(Int64(shard)))
            meters = try await load(shard, transaction)
            hasMore = meters.count == Self.metersPerRun
            guard !meters.isEmpty else { return }
            if try await judge(&meters, transaction) { hasMore = true }
            try await store(meters, transaction)
        }
        for meter in meters { publish(meter, on: loop) }
        if hasMore { await wake(shard, on: loop) }
    }

    private func load(_ shard: Int, _ transaction: PostgresTransaction) async throws -> [Meter] {
        let rows = try await transaction.query(Self.behind, Parameters(Int64(shard), Int64(Self.metersPerRun)))
        var meters: [Meter] = []
        for row in 0..<rows.count {
            let id = try rows.string(row, 0)
            let limits = MeterLimits(
                ratedPowerKw: try rows.doubleIfPresent(row, 1), maxInputCurrentA: try rows.doubleIfPresent(row, 2),
                maxOutputCurrentA: try rows.doubleIfPresent(row, 3))
            var state = MeterState(limits: limits, settings: settings)
            if let bytes = try rows.bytesIfPresent(row, 4) {
                do throws(MeterStateError) {
                    state = try MeterState(decoding: bytes, limits: limits, settings: settings)
                } catch {
                    Log.warning("meter state unreadable; the meter starts afresh", ["meter": id, "error": error.description])
                }
            }
            meters.append(
                Meter(
                    id: id, state: state, level: try rows.stringIfPresent(row, 5).flatMap(WarningLevel.init),
                    forecastAt: try rows.timestampIfPresent(row, 6)))
        }
        return meters
    }

    /// Judges new readings; true when there are more than one run takes.
    private func judge(_ meters: inout [Meter], _ transaction: PostgresTransaction) async throws -> Bool {
        let perMeter = max(200, Self.readingsPerRun / meters.count)
        let rows = try await transaction.query(
            Self.newReadings, Parameters(meters.map(\.id), meters.map { $0.state.watermark ?? Timestamp(seconds: -1_000_000_000) }, Int64(perMeter)))
        var counts = [Int](repeating: 0, count: meters.count)
        for row in 0..<rows.count {
            let index = try rows.int(row, 0) - 1
            counts[index] += 1
            let reading = Reading(timestamp: try rows.timestamp(row, 1), currentA: try rows.double(row, 2))
            guard let verdict = meters[index].state.on(reading).verdict else { continue }
            meters[index].verdict = verdict
            if verdict.isNewEpisode, verdict.anomaly != .none { meters[index].episodes.append(verdict) }
        }
        judged += rows.count
        return counts.contains { $0 >= perMeter }
    }

    private func store(_ meters: [Meter], _ transaction: PostgresTransaction) async throws {
        let judged = meters.filter { $0.verdict != nil }.sorted { $0.id < $1.id }
        guard !judged.isEmpty else { return }
        let renewed = judged.filter(isForecastDue)
        var items: [(Statement, Parameters)] = [(Self.keepStates, parameters(judged, renewed: Set(renewed.map(\.id))))]
        let episodes = judged.flatMap { meter in meter.episodes.map { (meter.id, $0) } }
        if !episodes.isEmpty {
            items.append(
                (
                    Self.keepEpisodes,
                    Parameters(
                        episodes.map(\.0), episodes.map(\.1.timestamp), episodes.map(\.1.anomaly.rawValue), episodes.map(\.1.confidence),
                        episodes.map(\.1.currentA))
                ))
        }
        if !renewed.isEmpty {
            items.append((Self.dropForecasts, Parameters(renewed.map(\.id))))
            items.append((Self.keepForecasts, forecasts(renewed)))
        }
        _ = try await transaction.batch(items)
    }

    /// A forecast is renewed once its first step is over.
    private func isForecastDue(_ meter: Meter) -> Bool {
        guard let now = meter.verdict?.timestamp else { return false }
        guard let at = meter.forecastAt else { return true }
        return now >= at.adding(seconds: Int64(settings.stepMinutes) * 60)
    }

    private func parameters(_ meters: [Meter], renewed: Set<String>) -> Parameters {
        let verdicts = meters.compactMap(\.verdict)
        return Parameters { p in
            p.append(meters.map(\.id))
            p.append(verdicts.map(\.timestamp))
            p.append(meters.map { renewed.contains($0.id) ? $0.verdict?.timestamp : $0.forecastAt })
            p.appendByteArrays(meters.map { $0.state.encoded() })
            p.append(verdicts.map(\.level.rawValue))
            p.append(verdicts.map(\.isCharging))
            p.append(verdicts.map(\.pattern.rawValue))
            p.append(verdicts.map { $0.anomaly == .none ? nil : $0.anomaly.rawValue })
            p.append(verdicts.map(\.confidence))
        }
    }

    private func forecasts(_ meters: [Meter]) -> Parameters {
        var ids: [String] = []
        var points: [ForecastPoint] = []
        var infos: [[UInt8]] = []
        for meter in meters {
            guard let verdict = meter.verdict else { continue }
            // The anomaly at the time of the forecast: a forecast point has none of its own.
            var w = JSONWriter(capacity: 64)
            w.object { w in
                w.member("type", verdict.anomaly == .none ? "none" : verdict.anomaly.rawValue)
                w.member("confidence", (verdict.confidence * 1000).rounded() / 1000)
            }
            let forecast = meter.state.forecaster.forecast(from: verdict.timestamp)
            points += forecast
            ids += Array(repeating: meter.id, count: forecast.count)
            infos += Array(repeating: w.bytes, count: forecast.count)
        }
        return Parameters { p in
            p.append(ids)
            p.append(points.map(\.timestamp))
            p.append(points.map { ($0.predictedA * 1000).rounded() / 1000 })
            p.append(points.map { $0.level == .green ? "normal" : $0.level.rawValue })
            p.append(points.map(\.isCharging))
            p.append(points.map(\.pattern.rawValue))
            p.appendJSONArray(infos)
        }
    }

    /// Tells listeners of a new episode or another level, after the commit.
    private func publish(_ meter: Meter, on loop: isolated EventLoop) {
        guard let verdict = meter.verdict, !meter.episodes.isEmpty || verdict.level != meter.level else { return }
        let anomaly = meter.episodes.last?.anomaly ?? verdict.anomaly
        var w = JSONWriter(capacity: 256)
        w.object { w in
            w.member("type", "warning")
            w.key("data")
            w.object { w in
                w.member("meter_id", meter.id)
                w.member("timestamp", verdict.timestamp, .utc)
                w.member("warning_level", verdict.level.rawValue)
                w.member("is_charging", verdict.isCharging)
                w.member("pattern_label", verdict.pattern.rawValue)
                w.member("anomaly_type", anomaly == .none ? nil : anomaly.rawValue)
                w.member("is_anomaly", anomaly != .none)
                w.member("confidence", (verdict.confidence * 1000).rounded() / 1000)
                w.member("current_value", verdict.currentA)
            }
        }
        client.publish(Topic.charging(meter.id) + ".warning", w.bytes, isState: true, on: loop)
    }

    // MARK: Sweep

    /// Finds shards with meters behind that nobody was woken for.
    private func sweep(on loop: isolated EventLoop) async {
        do throws(PostgresError) {
            let rows = try await pool.query(Self.shardsBehind)
            for row in 0..<rows.count { await wake(try rows.int(row, 0), on: loop) }
        } catch {
            Log.warning("prediction sweep failed; tried again", ["error": error.description])
        }
    }

    private func wake(_ shard: Int, on loop: isolated EventLoop) async {
        do throws(Refusal) {
            _ = try await client.enqueue(ChargingShards.job(shard), on: loop)
        } catch {
            Log.warning("prediction not enqueued; the sweep will", ["shard": String(shard), "error": error.description])
        }
    }

    // MARK: Statements

    private static let lock = Statement("SELECT pg_advisory_xact_lock(7238911, $1::integer)")
    /// Meters of a shard with readings after their watermark, longest behind first.
    private static let behind = Statement(
        """
        SELECT l.meter_id, d.rated_power, d.max_input_current, d.max_output_current, s.state, s.warning_level, s.forecast_at
        FROM heliograph.charging_latest AS l
        LEFT JOIN heliograph.meter_state AS s USING (meter_id)
        LEFT JOIN public.site_data AS d USING (meter_id)
        WHERE l.shard = $1::smallint AND (s.watermark IS NULL OR l."timestamp" > s.watermark)
        ORDER BY s.watermark NULLS FIRST LIMIT $2
        """)
    private static let newReadings = Statement(
        """
        SELECT m.n, r."timestamp", r.i
        FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS m(id, since, n),
        LATERAL (
            SELECT "timestamp", i FROM public.time_i_data
            WHERE meter_id = m.id AND "timestamp" > m.since ORDER BY "timestamp" LIMIT $3
        ) AS r
        ORDER BY m.n, r."timestamp"
        """)
    private static let keepStates = Statement(
        """
        INSERT INTO heliograph.meter_state
            (meter_id, watermark, forecast_at, state, warning_level, warning_at, is_charging, pattern_label, is_anomaly, anomaly_type, confidence)
        SELECT id, at, forecast_at, state, level, at, charging, pattern, anomaly IS NOT NULL, anomaly, confidence
        FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::bytea[], $5::text[], $6::bool[], $7::text[], $8::text[],
            $9::double precision[]) AS v(id, at, forecast_at, state, level, charging, pattern, anomaly, confidence)
        ON CONFLICT (meter_id) DO UPDATE SET watermark = excluded.watermark, forecast_at = excluded.forecast_at, state = excluded.state,
            warning_level = excluded.warning_level, warning_at = excluded.warning_at, is_charging = excluded.is_charging,
            pattern_label = excluded.pattern_label, is_anomaly = excluded.is_anomaly, anomaly_type = excluded.anomaly_type,
            confidence = excluded.confidence
        """)
    private static let keepEpisodes = Statement(
        """
        INSERT INTO public.current_data (meter_id, "timestamp", anomaly_type, confidence, i)
        SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::double precision[], $5::double precision[])
        ON CONFLICT DO NOTHING
        """)
    private static let dropForecasts = Statement("DELETE FROM public.prediction_results WHERE meter_id = ANY($1::text[])")
    private static let keepForecasts = Statement(
        """
        INSERT INTO public.prediction_results (meter_id, "timestamp", predicted_value, warning_level, is_charging, pattern_label, anomaly_info)
        SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::double precision[], $4::text[], $5::bool[], $6::text[], $7::jsonb[])
        """)
    private static let shardsBehind = Statement(
        """
        SELECT DISTINCT l.shard::bigint FROM heliograph.charging_latest AS l LEFT JOIN heliograph.meter_state AS s USING (meter_id)
        WHERE s.watermark IS NULL OR l."timestamp" > s.watermark
        """)
}
