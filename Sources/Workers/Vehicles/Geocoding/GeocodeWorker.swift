public import Bytes
public import Postgres
public import Protocol
public import Reactor

/// Looks up the addresses of places.
///
/// `vehicles.geocode`: args `{"latitude":…,"longitude":…}`, WGS-84. The address becomes the place's row in `heliograph.place`; a place that has none gets a
/// row without one and is never asked for again. The kind's limit in `heliograph.job_limit` keeps the fleet at a request a second.
public struct GeocodeWorker {
    /// GETs an URL, with these headers; throws where no answer came.
    public typealias Get = (_ url: String, _ headers: [(String, String)]) async throws -> (status: Int, body: [UInt8])

    /// 30 s, 2 min, 8 min, … a day: an outage of days is survived.
    public static let retry = RetryPolicy.exponential(firstMs: 30_000, factor: 4, capMs: 86_400_000, maxAttempts: 12)
    static let userAgent = "Heliograph/1 (vehicle logbook)"

    let pool: PostgresPool
    let settings: GeocodingSettings
    let get: Get
    let now: () -> Timestamp

    /// - Parameter now: the wall clock; a test gives its own.
    public init(_ pool: PostgresPool, _ settings: GeocodingSettings, get: @escaping Get, now: @escaping () -> Timestamp = { Clock.wall }) {
        self.pool = pool
        self.settings = settings
        self.get = get
        self.now = now
    }

    public func register(_ runtime: WorkerRuntime, on loop: isolated EventLoop) {
        guard settings.isUsable else {
            // Its jobs wait for one that has somebody to ask.
            return Log.info("geocoding is off: neither AMAP_API_KEY nor NOMINATIM_URL is set")
        }
        runtime.onJob(VehicleNames.geocode, retry: Self.retry) { context in try await run(context) }
    }

    private func run(_ context: JobContext) async throws {
        let args = try context.json()
        guard let latitude = args["latitude"]?.double, let longitude = args["longitude"]?.double, abs(latitude) <= 90, abs(longitude) <= 180 else {
            throw JobFailure(#"args must be {"latitude": -90 to 90, "longitude": -180 to 180}"#, isRetryable: false)
        }
        let known = try await pool.query(Self.select, Parameters(latitude, longitude), retryOnLoss: true)
        guard known.isEmpty else { return try context.setOutput(["skipped": "the place is known"]) }
        let (answer, provider) = try await ask(latitude, longitude)
        switch answer {
        case .address(let address): try await keep(address, provider, latitude, longitude, context)
        case .nothing: try await keep(nil, provider, latitude, longitude, context)
        case .elsewhere: throw JobFailure("amap knows nothing of this place, and NOMINATIM_URL is not set", isRetryable: false)
        case .later(let pause, let reason):
            Log.info("geocoding pauses", ["reason": reason])
            throw JobSnooze(milliseconds: Self.milliseconds(pause, from: now()))
        case .failed(let reason): throw JobFailure(reason)
        case .refused(let reason): throw JobFailure(reason, isRetryable: false)
        }
    }

    /// What amap does not know nominatim is asked for.
    private func ask(_ latitude: Double, _ longitude: Double) async throws -> (PlaceAnswer, GeocodingSettings.Provider) {
        if settings.provider == .amap, !settings.amapKey.isEmpty, ChinaCoordinates.contains(latitude, longitude) {
            let (status, body) = try await get(AmapAnswer.url(settings.amapURL, key: settings.amapKey, latitude: latitude, longitude: longitude), headers())
            let answer = AmapAnswer.read(status: status, body)
            if answer != .elsewhere { return (answer, .amap) }
        }
        guard let base = settings.nominatim else { return (.elsewhere, .amap) }
        let (status, body) = try await get(
            NominatimAnswer.url(base, latitude: latitude, longitude: longitude), headers() + [("Accept-Language", settings.languages)])
        return (NominatimAnswer.read(status: status, body), .nominatim)
    }

    private func headers() -> [(String, String)] { [("User-Agent", Self.userAgent), ("Accept", "application/json")] }

    private func keep(
        _ address: PlaceAddress?, _ provider: GeocodingSettings.Provider, _ latitude: Double, _ longitude: Double, _ context: JobContext
    ) async throws {
        try context.setOutput(["address": address?.formatted.map { .string($0) } ?? .null])
        try await context.finish(in: pool) { transaction in
            _ = try await transaction.query(
                Self.insert,
                Parameters { p in
                    p.append(latitude)
                    p.append(longitude)
                    p.appendJSON(address?.json)
                    p.append(provider.rawValue)
                })
        }
    }

    /// A little later than the moment itself: clocks differ.
    static func milliseconds(_ pause: PlacePause, from now: Timestamp) -> Int64 {
        func left(of seconds: Int64, _ offset: Int64) -> Int64 { seconds - ((now.seconds + offset) % seconds + seconds) % seconds }
        return switch pause {
        case .nextSecond: 1_500
        case .nextMinute: left(of: 60, 0) * 1_000 + 500
        case .nextDay: left(of: 86_400, UTCOffset.beijing.seconds) * 1_000 + 60_000
        }
    }

    private static let select: Statement = "SELECT FROM heliograph.place WHERE key = heliograph.place_key($1, $2)"
    private static let insert: Statement = """
        INSERT INTO heliograph.place (key, address, provider) VALUES (heliograph.place_key($1, $2), $3, $4) ON CONFLICT (key) DO NOTHING
        """
}
