public import Bytes
public import Reactor

/// Sends a charging simulation through the public intake. A batch that was not acknowledged is sent again until it is:
/// the intake is idempotent, so nothing is lost or doubled.
public final class IntakeFeeder: Feeder {
    /// Rows in one request while catching up.
    static let rowsPerRequest = 5_000

    private let sender: IntakeSender
    private let headers: [(String, String)]
    /// Rows that the intake has acknowledged.
    public private(set) var accepted = 0
    /// Rows that the intake has refused.
    public private(set) var rejected = 0

    /// - Parameter token: an ingest token.
    public init(_ client: HTTPClient, token: String) {
        sender = IntakeSender(client)
        headers = [("Authorization", "Bearer \(token)"), ("Content-Type", "application/x-ndjson")]
    }

    public func stop() { sender.stop() }

    /// Sends the sites, then batches: as fast as they are taken until `liveFrom`, from then on at the simulation's speed.
    /// Returns after `stop()`, or once the simulated time `until` is reached.
    public func run(
        _ simulation: ChargingSimulation, sites: SiteCatalogue, liveFrom: Timestamp, until: Timestamp? = nil, on loop: isolated EventLoop,
        progress: (Timestamp, Int) -> Void = { _, _ in }
    ) async throws(IntakeRefused) {
        var simulation = simulation
        try await send("/api/ingest/sites", sites.ndjson, on: loop)
        var dueNs = loop.nowNs
        while !sender.isStopped {
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
            while !sender.isStopped, Clock.monotonicNs < dueNs { await loop.sleep(ns: min(200_000_000, dueNs - Clock.monotonicNs)) }
        }
    }

    private func send(_ path: String, _ body: [UInt8], on loop: isolated EventLoop) async throws(IntakeRefused) {
        if let answer = try await sender.send(path, body, headers: headers, on: loop) { count(answer) }
    }

    private func count(_ body: [UInt8]) {
        guard let json = try? JSONValue.parse(body) else { return }  // ok: counts are for display only
        accepted += json["accepted"]?.int ?? 0
        rejected += json["rejected_count"]?.int ?? json["rejected"]?.array?.count ?? 0
    }
}
