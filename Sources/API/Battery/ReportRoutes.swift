import Bytes
import HTTP
import Postgres
import Protocol
import Reactor

/// What battery devices send: reports go over the bus to a worker, and the device gets its answer when they are committed.
final class ReportRoutes {
    private let devices: DeviceGuard
    private let bus: BusPort
    private let single: ReportGather
    let pool: PostgresPool
    private let timeoutMs: Int64

    init(_ devices: DeviceGuard, _ bus: BusPort, _ pool: PostgresPool, timeoutMs: Int64, on loop: isolated EventLoop) {
        single = ReportGather(bus, timeoutMs: timeoutMs, on: loop)
        self.devices = devices
        self.bus = bus
        self.pool = pool
        self.timeoutMs = timeoutMs
    }

    func add(to group: RouteGroup) {
        group.onAsync(.post, "/api/v1/battery/report") { [self] in try await one($0) }
        group.onAsync(.post, "/api/v1/battery/batch-report") { [self] in try await many($0) }
        group.onAsync(.get, "/api/v1/compat/battery/report") { [self] in try await query($0, .full) }
        group.onAsync(.post, "/api/v1/compat/battery/report") { [self] in try await query($0, .full) }
        group.onAsync(.get, "/api/v1/compat/battery/simple") { [self] in try await query($0, .short) }
        group.onAsync(.get, "/api/v1/compat/battery/latest") { [self] in try await latest($0) }
        group.on(.get, "/api/v1/compat/ping") { request in
            request.dialect.success(request.context) { w in w.object { w in w.member("pong", true) } }
        }
    }

    private func one(_ request: Request) async throws -> Reply {
        let key = try await devices.device(DeviceGuard.text(request), .write, request)
        var intake = ReportIntake(device: key.device, now: request.receivedAt)
        try intake.readOne(request.body)
        return try await handOne(intake, key, request)
    }

    private func query(_ request: Request, _ form: CompatReport.Form) async throws -> Reply {
        let fields = try CompatReport.Fields(request)
        let key = try await devices.device(fields.token, .write, request)
        var intake = ReportIntake(device: key.device, now: request.receivedAt)
        intake.take(try CompatReport.report(fields, form, device: key.device, now: request.receivedAt))
        return try await handOne(intake, key, request)
    }

    private func handOne(_ intake: ReportIntake, _ key: DeviceKey, _ request: Request) async throws -> Reply {
        let isNew: Bool?
        do throws(Refusal) {
            isNew = try await single.hand(intake.batch.bytes)
        } catch {
            throw IntakeRoutes.failure(error)
        }
        return request.dialect.success(request.context) { w in
            w.object { w in
                w.member("device_id", key.id)
                w.member("recorded_at", intake.recordedAt, .utc)
                w.member("accepted", 1)
                if let isNew { w.member("inserted", isNew ? 1 : 0) }
            }
        }
    }

    private func many(_ request: Request) async throws -> Reply {
        let key = try await devices.device(DeviceGuard.text(request), .write, request)
        var intake = ReportIntake(device: key.device, now: request.receivedAt)
        try intake.readMany(request.body)
        let report = intake.report
        let inserted = report.accepted == 0 ? 0 : try await hand(intake.batch.bytes)
        let isBad = report.rows > 0 && report.accepted == 0
        return .json(status: isBad ? 400 : 200, capacity: 256 + report.rejected.count * 96) { w in
            w.object { w in
                w.member("code", isBad ? 400 : 200)
                w.member("message", isBad ? "没有一条数据有效" : "success")
                w.key("data")
                w.object { w in report.write(inserted: inserted, &w) }
                w.member("timestamp", request.context.now, .utc)
                w.member("request_id", request.context.requestID)
            }
        }
    }

    /// Returns how many of the rows were not there before, once they are committed.
    private func hand(_ rows: [UInt8]) async throws -> Int? {
        do throws(Refusal) {
            return IntakeRoutes.inserted(try await bus.ingest(BatteryNames.reports, rows, timeoutMs: timeoutMs))
        } catch {
            throw IntakeRoutes.failure(error)
        }
    }

    // MARK: Latest

    private static let newest = Statement(
        """
        SELECT l.level, l.is_charging, l.power_saving, l.recorded_at, l.level < d.low_battery, l.level < d.critical_battery, l.temperature, l.voltage
        FROM heliograph.battery_latest AS l JOIN heliograph.device AS d ON d.number = l.device WHERE l.device = $1
        """)

    private func latest(_ request: Request) async throws -> Reply {
        let key = try await devices.device(try request.text("token"), .read, request)
        let rows = try await pool.query(Self.newest, Parameters(key.device), retryOnLoss: true)
        guard !rows.isEmpty else { throw APIError.said(404, "设备还没有上报数据") }
        return try request.dialect.success(request.context) { w in
            try w.object { w in
                w.member("device_id", key.id)
                w.member("battery_level", Self.short(try rows.double(0, 0)))
                w.member("is_charging", try rows.bool(0, 1))
                w.member("power_saving_mode", PowerSavingMode(rawValue: UInt8(clamping: try rows.int(0, 2)))?.name)
                w.member("recorded_at", try rows.timestamp(0, 3), .utc)
                w.member("is_low_battery", try rows.bool(0, 4))
                w.member("is_critical", try rows.bool(0, 5))
                w.member("temperature", try rows.doubleIfPresent(0, 6).map(Self.short))
                w.member("voltage", try rows.doubleIfPresent(0, 7).map(Self.short))
            }
        }
    }

    /// What a column of 32 bits was given, as the shortest number that it stands for.
    private static func short(_ value: Double) -> Double { Double(Float(value).description) ?? value }
}
