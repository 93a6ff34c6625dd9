public import Bytes
public import Reactor

/// Sends a charging simulation through the public intake. A batch that was not acknowledged is sent again until it is:
/// the intake is idempotent, so nothing is lost or doubled.
public final class IntakeFeeder {
    /// Rows in one request while catching up.
    static let rowsPerRequest = 5_000
    /// Between two tries of a batch, ns: doubled each time up to the second value.
    static let retryNs: (first: Int64, last: Int64) = (100_000_000, 3_000_000_000)

    private let client: HTTPClient
    private let headers: [(String, String)]
    private var isStopped = false
    /// Rows that the intake has acknowledged.
    public private(set) var accepted = 0
    /// Rows that the intake has refused.
    public private(set) var rejected = 0

    /// - Parameter token: an ingest token.
    public init(_ client: HTTPClient, token: String) {
        self.client = client
        headers = [("Authorization", "Bearer \(token)"), ("Content-Type", "application/x-ndjson")]
    }

    public func stop() { isStopped = true }

    /// Sends the sites, then batches: as fast as they are taken until `liveFrom`, from then on at the simulation's speed.
    /// Returns after `stop()`, or once the simulated time `until` is reached.
    public func run(
        _ simulation: ChargingSimulation, sites: SiteCatalogue, liveFrom: Timestamp, until: Timestamp? = nil, on loop: isolated EventLoop,
        progress: (Timestamp, Int) -> Void = { _, _ in }
    ) async throws(IntakeRefused) {
        var simulation = simulation
        try await send("/api/ingest/sites", sites.ndjson, on: loop)
        var dueNs = loop.nowNs
        while !isStopped {
            var rows: [UInt8] = []
            var count = 0
            var newest = simulation.next
            repeat {
                let batch = simulation.tick()
                rows += batch.ndjson
                count += batch.rows
                newest = batch.time
            } while newest < liveFrom && count < Self.rowsPerRequest
            if !rows.isEmpty { try await send("/api/ingest/charging", rows, on: loop) }
            progress(newest, accepted)
            if let until, newest >= until { return }
            if newest < liveFrom {
                dueNs = Clock.monotonicNs
                continue
            }
            dueNs += Int64(simulation.waitSeconds * 1e9)
            // In short steps, so that a stop is heeded soon.
            while !isStopped, Clock.monotonicNs < dueNs { await loop.sleep(ns: min(200_000_000, dueNs - Clock.monotonicNs)) }
        }
    }

    private func send(_ path: String, _ body: [UInt8], on loop: isolated EventLoop) async throws(IntakeRefused) {
        var wait = Self.retryNs.first
        while !isStopped {
            let answer: HTTPClient.Answer?
            do throws(HTTPClientError) {
                answer = try await client.post(path, headers: headers, body: body)
            } catch {
                Log.warning("intake not reached; tried again", ["path": path, "error": error.description])
                answer = nil
            }
            switch answer?.status {
            case 200:
                count(answer?.body ?? [])
                return
            case 400, 401, 403, 404, 413:
                throw IntakeRefused(path: path, status: answer?.status ?? 0, body: String(decoding: (answer?.body ?? []).prefix(300), as: UTF8.self))
            case .some(let status): Log.warning("intake busy; tried again", ["path": path, "status": String(status)])
            case nil: break
            }
            await loop.sleep(ns: wait)
            wait = min(wait * 2, Self.retryNs.last)
        }
    }

    private func count(_ body: [UInt8]) {
        guard let json = try? JSONValue.parse(body) else { return }  // ok: counts are for display only
        accepted += json["accepted"]?.int ?? 0
        rejected += json["rejected_count"]?.int ?? json["rejected"]?.array?.count ?? 0
    }
}

/// The intake will never take this: a wrong token, or rows that are all bad.
public struct IntakeRefused: Error, Hashable, Sendable, CustomStringConvertible {
    public var path: String
    public var status: Int
    public var body: String

    public var description: String { "\(path) answered \(status): \(body)" }
}
