import Bytes
import Postgres

/// Events of the devices that the account may see; who may change the device may answer its alerts.
extension AlertRoutes {
    /// What people make of an event. Resolved is the end; nobody makes one active again.
    enum Answer: String {
        case acknowledged, resolved

        var statement: Statement { self == .acknowledged ? AlertSQL.acknowledge : AlertSQL.resolve }
    }

    private static let unknownEvent = APIError.said(404, "预警事件不存在")

    /// The newest first.
    func listEvents(_ request: Request, _ who: Principal) async throws -> Reply {
        let page = try Page(request)
        let parameters = Parameters(
            who.number, try request.uuidFilter("device_id"), try request.choice("level", of: Self.levels),
            try request.choice("status", of: Self.statuses), try request.choice("alert_type", of: Self.types), page.size, page.offset)
        let rows = try await pool.query(AlertSQL.events, parameters, retryOnLoss: true)
        let total = try rows.int(0, 0)
        return try request.success { w in
            try page.write(total: total, &w) { w in
                for row in 0..<rows.count where try !rows.isNull(row, 1) { try AlertSQL.event.write(rows, row, to: &w) }
            }
        }
    }

    /// Answers with the event; what it is already stays as it is.
    func change(_ request: Request, _ who: Principal, to answer: Answer) async throws -> Reply {
        let id = try request.uuid("id", else: Self.unknownEvent)
        let rows = try await pool.query(answer.statement, Parameters(id, who.number), retryOnLoss: true)
        try rows.permit(.write, else: Self.unknownEvent)
        if try rows.string(0, 6) != answer.rawValue { throw APIError.said(409, "预警已解决") }
        return try request.success { try AlertSQL.event.write(rows, 0, to: &$0) }
    }

    func setStatus(_ request: Request, _ who: Principal) async throws -> Reply {
        let body = try BodyFields(request)
        let word = try body.required("status", try body.choice("status", of: [Answer.acknowledged.rawValue, Answer.resolved.rawValue]))
        guard let answer = Answer(rawValue: word) else { throw APIError.missing("status") }
        return try await change(request, who, to: answer)
    }

    func activeCount(_ request: Request, _ who: Principal) async throws -> Reply {
        let rows = try await pool.query(AlertSQL.activeCount, Parameters(try request.device(), who.number), retryOnLoss: true)
        try rows.permit(.read)
        let count = try rows.int(0, 1)
        return request.success { w in w.object { $0.member("active_count", count) } }
    }
}
