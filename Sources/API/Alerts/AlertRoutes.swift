import Bytes
import HTTP
import Postgres

/// The routes of `spec/zinnia-devices.md` for alert rules and events, on one loop. The evaluator makes the events.
final class AlertRoutes {
    let pool: PostgresPool

    static let types = ["low_battery", "critical_battery", "high_temperature", "device_offline", "rapid_drain"]
    static let levels = ["info", "warning", "critical"]
    static let statuses = ["active", "acknowledged", "resolved"]

    private static let unknownRule = APIError.said(404, "预警规则不存在")
    private static let taken = APIError.said(409, "该类型已有启用的预警规则")

    init(_ pool: PostgresPool) { self.pool = pool }

    func add(to routes: AccountRoutes) {
        let rules = "/api/v1/alerts/rules"
        routes.on(.post, rules) { [self] in try await createRule($0, $1) }
        routes.on(.get, rules) { [self] in try await listRules($0, $1) }
        routes.on(.put, rules + "/:id") { [self] in try await updateRule($0, $1) }
        routes.on(.delete, rules + "/:id") { [self] in try await deleteRule($0, $1) }
        let events = "/api/v1/alerts/events"
        routes.on(.get, events) { [self] in try await listEvents($0, $1) }
        routes.on(.post, events + "/:id/acknowledge") { [self] in try await change($0, $1, to: .acknowledged) }
        routes.on(.post, events + "/:id/resolve") { [self] in try await change($0, $1, to: .resolved) }
        routes.on(.put, events + "/:id/status") { [self] in try await setStatus($0, $1) }
        routes.on(.get, "/api/v1/alerts/devices/:id/count") { [self] in try await activeCount($0, $1) }
    }

    // MARK: Rules

    /// What a body says of a rule; nil for what it does not.
    private struct RuleFields {
        let name: String?
        let type: String?
        let level: String?
        let cooldown: Int32?
        let isEnabled: Bool?
        let notifies: Bool?

        init(_ body: BodyFields) throws(APIError) {
            name = try body.text("name", in: 1...100)
            type = try body.choice("alert_type", of: AlertRoutes.types)
            level = try body.choice("level", of: AlertRoutes.levels)
            cooldown = try body.int("cooldown_minutes", in: 1...1440).map(Int32.init)
            isEnabled = try body.bool("enabled")
            notifies = try body.bool("notify_email")
        }
    }

    /// 201 with the rule; 409 where the account has an enabled one of the type.
    private func createRule(_ request: Request, _ who: Principal) async throws -> Reply {
        let body = try BodyFields(request)
        let fields = try RuleFields(body)
        let parameters = Parameters(
            who.number, try body.required("name", fields.name), try body.required("alert_type", fields.type), try body.required("level", fields.level),
            fields.cooldown ?? 30, fields.isEnabled ?? true, fields.notifies ?? false)
        let rows = try await pool.query(AlertSQL.createRule, parameters)
        if rows.isEmpty { throw Self.taken }
        return try request.success(status: 201) { try AlertSQL.rule.write(rows, 0, to: &$0) }
    }

    private func listRules(_ request: Request, _ who: Principal) async throws -> Reply {
        let rows = try await pool.query(AlertSQL.rules, Parameters(who.number), retryOnLoss: true)
        return try request.success { try AlertSQL.rule.array(rows, to: &$0) }
    }

    private func updateRule(_ request: Request, _ who: Principal) async throws -> Reply {
        let id = try request.uuid("id", else: Self.unknownRule)
        let fields = try RuleFields(try BodyFields(request))
        let parameters = Parameters(
            who.number, id, fields.name, fields.type, fields.level, fields.cooldown, fields.isEnabled, fields.notifies)
        let rows: PostgresRows
        do {
            rows = try await pool.query(AlertSQL.updateRule, parameters, retryOnLoss: true)
        } catch {
            if error.isUniqueViolation { throw Self.taken }
            throw error
        }
        if rows.isEmpty { throw Self.unknownRule }
        return try request.success { try AlertSQL.rule.write(rows, 0, to: &$0) }
    }

    private func deleteRule(_ request: Request, _ who: Principal) async throws -> Reply {
        let parameters = Parameters(who.number, try request.uuid("id", else: Self.unknownRule))
        if try await pool.query(AlertSQL.deleteRule, parameters).affected == 0 { throw Self.unknownRule }
        return .empty()
    }
}
