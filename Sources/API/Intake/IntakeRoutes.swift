import Bytes
import HTTP
import Protocol

/// Telemetry intake: rows go over the bus to a worker, and the client gets its answer when they are committed.
final class IntakeRoutes {
    private let bus: BusPort
    private let timeoutMs: Int64
    private let offset: UTCOffset

    init(_ bus: BusPort, timeoutMs: Int64, offset: UTCOffset) {
        self.bus = bus
        self.timeoutMs = timeoutMs
        self.offset = offset
    }

    func add(to routes: GuardedRoutes) {
        routes.on(.post, "/api/ingest/charging") { [self] in try await readings($0) }
        routes.on(.post, "/api/ingest/sites") { [self] in try await sites($0) }
    }

    private func readings(_ request: Request) async throws -> Reply {
        var intake = ReadingIntake(offset: offset, now: request.receivedAt)
        try Self.read(request, into: &intake)
        return try await hand(intake.report, ChargingNames.readings, intake.batch.bytes)
    }

    private func sites(_ request: Request) async throws -> Reply {
        var intake = SiteIntake()
        try Self.read(request, into: &intake)
        return try await hand(intake.report, ChargingNames.sites, intake.payload)
    }

    private static func read(_ request: Request, into rows: inout some IntakeRows) throws(APIError) {
        do throws(JSONError) {
            try IntakeDocuments.read(request.body, into: &rows)
        } catch {
            throw .badRequest(error.description)
        }
    }

    private func hand(_ report: IntakeReport, _ stream: String, _ rows: [UInt8]) async throws -> Reply {
        if report.accepted == 0 { return report.reply(inserted: report.rows == 0 ? 0 : nil) }
        do throws(Refusal) {
            let answer = try await bus.ingest(stream, rows, timeoutMs: timeoutMs)
            return report.reply(inserted: Self.inserted(answer))
        } catch {
            throw Self.failure(error)
        }
    }

    /// The worker's `{"inserted":k}`; fewer than were accepted when some were there already.
    static func inserted(_ answer: [UInt8]) -> Int? {
        do throws(JSONError) {
            return try JSONValue.parse(answer)["inserted"]?.int
        } catch {
            // The rows are committed whatever the worker's answer looks like.
            return nil
        }
    }

    static func failure(_ refusal: Refusal) -> APIError {
        switch refusal.code {
        case .deadline: APIError(504, .timeout, "no worker has committed the rows in time; send them again")
        case .malformed, .failed: APIError(500, .internal, "the worker refused the rows: \(refusal.message)")
        case .noWorker, .busy, .stranger, .stopping, .disconnected, .workerLost:
            .unavailable("not committed, send again: \(refusal.message)", retryAfterSeconds: 1)
        case .storage: .unavailable("not committed, send again: \(refusal.message)", retryAfterSeconds: 5)
        }
    }
}
