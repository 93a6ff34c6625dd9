import Bytes
import HTTP
import Postgres
import Protocol

/// The routes of `spec/tesgazer-vehicles.md` on one loop, and those beside it (docs/vehicles.md). Live states come from memory, rows from PostgreSQL.
final class VehicleRoutes {
    let pool: PostgresPool
    let bus: BusPort
    let states: LiveStates
    let dialect = VehicleDialect()

    init(_ pool: PostgresPool, _ bus: BusPort, _ states: LiveStates) {
        self.pool = pool
        self.bus = bus
        self.states = states
    }

    /// All of them are open, or need the same token.
    func add(to routes: GuardedRoutes) {
        routes.on(.get, "/api/cars") { [self] in try await cars($0) }
        routes.on(.get, "/api/cars/:id") { [self] in try await car($0) }
        routes.on(.get, "/api/cars/:id/state") { [self] in try await state($0) }
        routes.on(.post, "/api/cars/:id/suspend") { [self] in try await command("suspend", "Logging suspended", $0) }
        routes.on(.post, "/api/cars/:id/resume") { [self] in try await command("resume", "Logging resumed", $0) }
        routes.on(.get, "/api/cars/:id/stats") { [self] in try await statistics($0) }
        routes.on(.get, "/api/cars/:id/drives") { [self] in try await list(DriveSQL.list, DriveSQL.drive, $0) }
        routes.on(.get, "/api/cars/:id/footprint") { [self] in try await footprint($0) }
        routes.on(.get, "/api/cars/:id/charges") { [self] in try await list(ChargeSQL.list, ChargeSQL.charge, $0) }
        routes.on(.get, "/api/cars/:id/parkings") { [self] in try await list(ParkingSQL.list, ParkingSQL.parking, $0) }
        routes.on(.get, "/api/drives/:id") { [self] in try await one("drive", DriveSQL.show, DriveSQL.drive, $0) }
        routes.on(.get, "/api/drives/:id/positions") { [self] in try await positions($0) }
        routes.on(.get, "/api/drives/:id/export") { [self] in try await export($0) }
        routes.on(.get, "/api/charges/:id") { [self] in try await one("charge", ChargeSQL.show, ChargeSQL.charge, $0) }
        routes.on(.get, "/api/charges/:id/details") { [self] in try await curve($0) }
        routes.on(.get, "/api/parkings/:id") { [self] in try await one("parking", ParkingSQL.show, ParkingSQL.parking, $0) }
        routes.on(.get, "/api/parkings/:id/events") { [self] in try await events($0) }
    }

    static let unknownCar = APIError.notFound("car not found")

    // MARK: Cars

    private func cars(_ request: Request) async throws -> Reply {
        let rows = try await pool.query(VehicleSQL.cars, retryOnLoss: true)
        return try dialect.success(request.context) { try VehicleSQL.car.array(rows, to: &$0) }
    }

    private func car(_ request: Request) async throws -> Reply {
        try await one("car", VehicleSQL.oneCar, VehicleSQL.car, request)
    }

    private func state(_ request: Request) async throws -> Reply {
        let number = try request.number(of: "car")
        if let live = states[number] { return .json(live.reply) }
        // Not in memory: not known, or known and never heard of, or this process has just begun.
        let rows = try await pool.query(VehicleSQL.oneCar, Parameters(number), retryOnLoss: true)
        guard !rows.isEmpty else { throw Self.unknownCar }
        guard let view = try rows.jsonIfPresent(0, VehicleSQL.view), let live = LiveState(view, of: number) else {
            throw APIError.notFound("nothing is known of this car's state yet")
        }
        return .json(live.reply)
    }

    // MARK: Rows

    private func list(_ statement: Statement, _ object: RowObject, _ request: Request) async throws -> Reply {
        let number = try request.number(of: "car")
        let page = try VehiclePage(request)
        let window = try request.window()
        let rows = try await pool.query(statement, Parameters(number, page.size, page.offset, window.from, window.to), retryOnLoss: true)
        guard !rows.isEmpty else { throw Self.unknownCar }
        let total = try rows.int(0, 0)
        return try dialect.success(status: 200, request.context, extra: { page.write(total: total, to: &$0) }, data: { try object.array(rows, to: &$0) })
    }

    private func one(_ what: String, _ statement: Statement, _ object: RowObject, _ request: Request) async throws -> Reply {
        let rows = try await pool.query(statement, Parameters(try request.number(of: what)), retryOnLoss: true)
        guard !rows.isEmpty else { throw APIError.notFound("\(what) not found") }
        return try dialect.success(request.context) { try object.write(rows, 0, to: &$0) }
    }

    private func curve(_ request: Request) async throws -> Reply {
        let charge = try request.number(of: "charge")
        guard try await !pool.query(ChargeSQL.isThere, Parameters(charge), retryOnLoss: true).isEmpty else { throw APIError.notFound("charge not found") }
        let pages = PagedRows { [pool] time, id in
            try await pool.query(ChargeSQL.points, Parameters(charge, time, id, PagedRows.size), retryOnLoss: true)
        }
        return try await RowDocument.reply(ChargePointText(), pages)
    }

    private func events(_ request: Request) async throws -> Reply {
        let rows = try await pool.query(ParkingSQL.events, Parameters(try request.number(of: "parking")), retryOnLoss: true)
        guard !rows.isEmpty else { throw APIError.notFound("parking not found") }
        return try dialect.success(request.context) { try ParkingSQL.event.array(rows, to: &$0) }
    }
}
