import Bytes
import HTTP
import Postgres
import Protocol

extension VehicleRoutes {
    /// How long a poller may take, ms: it may have to ask the car first.
    private static let timeoutMs: Int64 = 15_000

    /// Asks the poller that has the car; 400 with its words when it refuses, 503 when there is none.
    func command(_ command: String, _ message: String, _ request: Request) async throws -> Reply {
        let number = try request.number(of: "car")
        let rows = try await pool.query(VehicleSQL.poller, Parameters(number), retryOnLoss: true)
        guard !rows.isEmpty else { throw Self.unknownCar }
        guard let poller = try rows.stringIfPresent(0, 0) else { throw Self.noPoller }
        var w = JSONWriter(capacity: 64)
        w.object { w in
            w.member("car", Int(number))
            w.member("command", command)
        }
        do throws(Refusal) {
            _ = try await bus.request(VehicleNames.command(poller), w.bytes, timeoutMs: Self.timeoutMs)
        } catch {
            throw Self.error(error)
        }
        return .json(capacity: 64) { w in
            w.object { w in
                w.member("message", message)
                w.member("car_id", Int(number))
            }
        }
    }

    private static let noPoller = APIError.unavailable("no poller has this car now", retryAfterSeconds: 1)

    private static func error(_ refusal: Refusal) -> APIError {
        switch refusal.code {
        case .failed, .malformed: .badRequest(refusal.message)
        case .noWorker: noPoller
        case .deadline: .unavailable("the car's poller did not answer in time", retryAfterSeconds: 1)
        default: .unavailable("the car's poller cannot be reached now", retryAfterSeconds: 1)
        }
    }

    /// Totals of all time, and a row a day for the last days.
    func statistics(_ request: Request) async throws -> Reply {
        let number = try request.number(of: "car")
        let days = try request.days(usual: 30, most: 3_650)
        let zone = try request.zone()
        let today = Civil.floorDivide(request.receivedAt.seconds + zone.seconds, 86_400)
        let from = Timestamp(seconds: (today - Int64(days) + 1) * 86_400 - zone.seconds)
        let results = try await pool.batch(
            [(VehicleStatisticsSQL.all, Parameters(number)), (VehicleStatisticsSQL.byDay, Parameters(number, zone.seconds, from))], retryOnLoss: true)
        guard !results[0].isEmpty else { throw Self.unknownCar }
        return try dialect.success(request.context) { w in
            try w.object { w in
                w.member("car_id", Int(number))
                w.key("totals")
                try VehicleStatisticsSQL.totals.write(results[0], 0, to: &w)
                w.key("days")
                try VehicleStatisticsSQL.day.array(results[1], to: &w)
            }
        }
    }
}
