import Bytes
import HTTP
import Postgres

/// `/api/geofences`, beside the spec. A change links past drives, charges and parkings anew in its own transaction, and with `apply_cost=true` gives
/// charges that have no cost the one of the fence.
final class GeofenceRoutes {
    private let pool: PostgresPool
    private let dialect = VehicleDialect()

    /// Rows that a change has linked to another fence, or to none.
    private struct Linked {
        var drives = 0
        var charges = 0
        var parkings = 0
        var costs = 0

        func write(to w: inout JSONWriter) {
            w.key("relinked")
            w.object { w in
                w.member("drives", drives)
                w.member("charges", charges)
                w.member("parkings", parkings)
                w.member("costs", costs)
            }
        }
    }

    init(_ pool: PostgresPool) { self.pool = pool }

    func add(reading: GuardedRoutes, writing: GuardedRoutes) {
        reading.on(.get, "/api/geofences") { [self] in try await list($0) }
        reading.on(.get, "/api/geofences/:id") { [self] in try await show($0) }
        writing.on(.post, "/api/geofences") { [self] in try await create($0) }
        writing.on(.put, "/api/geofences/:id") { [self] in try await replace($0) }
        writing.on(.delete, "/api/geofences/:id") { [self] in try await remove($0) }
    }

    private static let unknown = APIError.notFound("geofence not found")

    private func list(_ request: Request) async throws -> Reply {
        let rows = try await pool.query(GeofenceSQL.list, retryOnLoss: true)
        return try dialect.success(request.context) { try GeofenceSQL.fence.array(rows, to: &$0) }
    }

    private func show(_ request: Request) async throws -> Reply {
        let rows = try await pool.query(GeofenceSQL.show, Parameters(try request.number(of: "geofence")), retryOnLoss: true)
        guard !rows.isEmpty else { throw Self.unknown }
        return try dialect.success(request.context) { try GeofenceSQL.fence.write(rows, 0, to: &$0) }
    }

    private func create(_ request: Request) async throws -> Reply {
        let fence = try Geofence(request)
        let applies = try request.flag(vehicle: "apply_cost")
        let (rows, linked) = try await named { try await insert(fence, applies) }
        return try reply(201, rows, linked, request)
    }

    private func insert(_ fence: Geofence, _ applies: Bool) async throws -> (PostgresRows, Linked) {
        try await pool.transaction { transaction in
            transaction.enqueue(GeofenceSQL.lock)
            let rows = try await transaction.query(
                GeofenceSQL.insert,
                Parameters(fence.name, fence.latitude, fence.longitude, Int32(fence.radius), fence.billing, fence.price, fence.sessionFee))
            let linked = try await link(fence.box, fence.box, applies ? try rows.int64(0, 1) : nil, transaction)
            return (rows, linked)
        }
    }

    /// All members anew: what is left out is gone.
    private func replace(_ request: Request) async throws -> Reply {
        let number = try request.number(of: "geofence")
        let fence = try Geofence(request)
        let applies = try request.flag(vehicle: "apply_cost")
        let (rows, linked) = try await named { try await update(number, fence, applies) }
        return try reply(200, rows, linked, request)
    }

    private func update(_ number: Int64, _ fence: Geofence, _ applies: Bool) async throws -> (PostgresRows, Linked) {
        try await pool.transaction { transaction in
            let before = try await oldBox(number, transaction)
            let rows = try await transaction.query(
                GeofenceSQL.update,
                Parameters(number, fence.name, fence.latitude, fence.longitude, Int32(fence.radius), fence.billing, fence.price, fence.sessionFee))
            let linked = try await link(before, fence.box, applies ? number : nil, transaction)
            return (rows, linked)
        }
    }

    private func remove(_ request: Request) async throws -> Reply {
        let number = try request.number(of: "geofence")
        try await delete(number)
        return .empty()
    }

    private func delete(_ number: Int64) async throws {
        try await pool.transaction { transaction in
            let before = try await oldBox(number, transaction)
            try await transaction.execute(GeofenceSQL.delete, Parameters(number))
            _ = try await link(before, before, nil, transaction)
        }
    }

    // MARK: Parts

    private func oldBox(_ number: Int64, _ transaction: PostgresTransaction) async throws -> Geofence.Box {
        transaction.enqueue(GeofenceSQL.lock)
        let rows = try await transaction.query(GeofenceSQL.show, Parameters(number))
        guard !rows.isEmpty else { throw Self.unknown }
        return Geofence.Box(latitude: try rows.double(0, 3), longitude: try rows.double(0, 4), radius: try rows.int(0, 5))
    }

    private func link(_ a: Geofence.Box, _ b: Geofence.Box, _ cost: Int64?, _ transaction: PostgresTransaction) async throws -> Linked {
        func boxes() -> Parameters { Parameters(a.south, a.north, a.west, a.east, b.south, b.north, b.west, b.east) }
        var statements = [
            (GeofenceSQL.linkStarts, boxes()), (GeofenceSQL.linkEnds, boxes()), (GeofenceSQL.linkCharges, boxes()), (GeofenceSQL.linkParkings, boxes()),
        ]
        if let cost { statements.append((GeofenceSQL.applyCost, Parameters(cost))) }
        let counts = try await transaction.batch(statements).map(\.affected)
        return Linked(drives: counts[0] + counts[1], charges: counts[2], parkings: counts[3], costs: cost == nil ? 0 : counts[4])
    }

    private func named<T>(_ body: () async throws -> T) async throws -> T {
        do {
            return try await body()
        } catch let error as PostgresError where error.sqlState == "23505" {
            throw APIError(409, .conflict, "a geofence of this name exists")
        }
    }

    private func reply(_ status: Int, _ rows: PostgresRows, _ linked: Linked, _ request: Request) throws -> Reply {
        try dialect.success(
            status: status, request.context, extra: { linked.write(to: &$0) }, data: { try GeofenceSQL.fence.write(rows, 0, to: &$0) })
    }
}
