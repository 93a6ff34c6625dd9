import Bytes
import HTTP
import Postgres

/// The routes of `spec/zinnia-devices.md` for devices, their configuration, keys, tokens and shares, on one loop.
final class DeviceRoutes {
    let pool: PostgresPool

    static let statuses = ["online", "offline", "maintenance", "disabled"]
    static let nameLengths = 1...100
    static let typeLengths = 1...50

    init(_ pool: PostgresPool) { self.pool = pool }

    func add(to routes: AccountRoutes) {
        let devices = "/api/v1/devices"
        routes.on(.post, devices) { [self] in try await create($0, $1) }
        routes.on(.get, devices) { [self] in try await list($0, $1) }
        routes.on(.get, devices + "/:id") { [self] in try await show($0, $1) }
        routes.on(.put, devices + "/:id") { [self] in try await update($0, $1) }
        routes.on(.delete, devices + "/:id") { [self] in try await delete($0, $1) }
        routes.on(.get, devices + "/:id/config") { [self] in try await showConfig($0, $1) }
        routes.on(.put, devices + "/:id/config") { [self] in try await updateConfig($0, $1) }
        routes.on(.post, devices + "/:id/rotate-key") { [self] in try await rotateKey($0, $1) }
        routes.on(.post, devices + "/:id/tokens") { [self] in try await createToken($0, $1) }
        routes.on(.get, devices + "/:id/tokens") { [self] in try await listTokens($0, $1) }
        routes.on(.delete, devices + "/:id/tokens/:token") { [self] in try await revokeToken($0, $1) }
        routes.on(.delete, devices + "/:id/tokens") { [self] in try await revokeTokens($0, $1) }
        let shares = "/api/v1/users/devices/:id"
        routes.on(.post, shares + "/share") { [self] in try await share($0, $1) }
        routes.on(.get, shares + "/shares") { [self] in try await listShares($0, $1) }
        routes.on(.delete, shares + "/share/:user") { [self] in try await unshare($0, $1) }
    }

    /// 201 `{device, api_key, config}`: nobody sees the key again.
    private func create(_ request: Request, _ who: Principal) async throws -> Reply {
        let body = try BodyFields(request)
        let name = try body.required("name", in: Self.nameLengths)
        let type = try body.required("device_type", in: Self.typeLengths)
        let metadata = try body.object("metadata") ?? [:]
        let key = DeviceSecret.key()
        let rows = try await pool.query(DeviceSQL.create, Parameters(who.number, name, type, metadata, key.hash, key.prefix))
        return try request.success(status: 201) { w in
            try w.object { w in
                w.key("device")
                try DeviceSQL.device.write(rows, 0, to: &w)
                w.member("api_key", key.text)
                w.key("config")
                try DeviceSQL.configOfMade.write(rows, 0, to: &w)
            }
        }.unstored
    }

    /// Own and shared ones, the newest first.
    private func list(_ request: Request, _ who: Principal) async throws -> Reply {
        let page = try Page(request)
        let status = try request.choice("status", of: Self.statuses)
        let type = try request.filter("device_type", Self.typeLengths)
        let rows = try await pool.query(DeviceSQL.list, Parameters(who.number, status, type, page.size, page.offset), retryOnLoss: true)
        let total = try rows.int(0, 0)
        return try request.success { w in
            try page.write(total: total, &w) { w in
                for row in 0..<rows.count where try !rows.isNull(row, 1) { try DeviceSQL.device.write(rows, row, to: &w) }
            }
        }
    }

    private func show(_ request: Request, _ who: Principal) async throws -> Reply {
        let rows = try await pool.query(DeviceSQL.show, Parameters(try request.device(), who.number), retryOnLoss: true)
        try rows.permit(.read)
        return try request.success { try DeviceSQL.device.write(rows, 0, to: &$0) }
    }

    private func update(_ request: Request, _ who: Principal) async throws -> Reply {
        let id = try request.device()
        let body = try BodyFields(request)
        let name = try body.text("name", in: Self.nameLengths)
        let status = try body.choice("status", of: Self.statuses)
        let rows = try await pool.query(DeviceSQL.update, Parameters(id, who.number, name, status, try body.object("metadata")), retryOnLoss: true)
        try rows.permit(.write)
        // Deleted in between.
        if try rows.isNull(0, 1) { throw APIError.unknownDevice }
        return try request.success { try DeviceSQL.device.write(rows, 0, to: &$0) }
    }

    /// For its owner only, with its reports and alerts.
    private func delete(_ request: Request, _ who: Principal) async throws -> Reply {
        try await pool.query(DeviceSQL.delete, Parameters(try request.device(), who.number)).permit(.owner)
        return .empty()
    }

    // MARK: Configuration and key

    private func showConfig(_ request: Request, _ who: Principal) async throws -> Reply {
        let rows = try await pool.query(DeviceSQL.showConfig, Parameters(try request.device(), who.number), retryOnLoss: true)
        try rows.permit(.read)
        return try request.success { try DeviceSQL.config.write(rows, 0, to: &$0) }
    }

    private func updateConfig(_ request: Request, _ who: Principal) async throws -> Reply {
        let id = try request.device()
        let body = try BodyFields(request)
        let low = try body.number("low_battery_threshold", in: 0...100)
        let critical = try body.number("critical_battery_threshold", in: 0...100)
        let interval = try body.int("report_interval_seconds", in: 1...86_400)
        let temperature = try body.number("high_temperature_threshold", in: -40...85)
        let drainPercent = try body.number("rapid_drain_percent", in: 1...100)
        let drainMinutes = try body.int("rapid_drain_minutes", in: 1...1440)
        let parameters = Parameters(
            id, who.number, low, critical, interval.map(Int32.init), temperature, drainPercent, drainMinutes.map(Int32.init))
        let rows = try await pool.query(DeviceSQL.updateConfig, parameters, retryOnLoss: true)
        try rows.permit(.write)
        if try rows.isNull(0, 1) { throw APIError.said(invalid: "critical_battery_threshold", "不能高于 low_battery_threshold") }
        return try request.success { try DeviceSQL.config.write(rows, 0, to: &$0) }
    }

    /// The old key is good for nothing from then on.
    private func rotateKey(_ request: Request, _ who: Principal) async throws -> Reply {
        let key = DeviceSecret.key()
        let rows = try await pool.query(DeviceSQL.rotateKey, Parameters(try request.device(), who.number, key.hash, key.prefix))
        try rows.permit(.admin)
        if try rows.isNull(0, 1) { throw APIError.unknownDevice }
        return request.success { w in
            w.object { w in
                w.member("api_key", key.text)
                w.member("api_key_prefix", key.prefix)
            }
        }.unstored
    }
}

extension Request {
    /// The UUID of the device in `:id`.
    func device() throws(APIError) -> String { try uuid("id", else: .unknownDevice) }
}
