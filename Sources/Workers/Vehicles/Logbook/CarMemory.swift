import Bytes
import Postgres

/// `heliograph.car_memory`: where a car's machine stands, and who may write it.
enum CarMemory {
    /// A car's row, locked.
    struct Locked {
        var epoch: Int64
        var holder: String?
        var version: Int64
        var open: OpenRows
    }

    /// Locks the rows of these cars in their order, so that two groups never wait for each other in a circle. Cars that are gone are missing.
    static func lock(_ cars: [Int64], _ transaction: PostgresTransaction) async throws(PostgresError) -> [Int64: Locked] {
        let rows = try await transaction.query(select, Parameters(cars))
        var locked: [Int64: Locked] = [:]
        locked.reserveCapacity(rows.count)
        for row in 0..<rows.count {
            locked[try rows.int64(row, 0)] = Locked(
                epoch: try rows.int64(row, 1), holder: try rows.stringIfPresent(row, 2), version: try rows.int64(row, 3),
                open: OpenRows(
                    drive: try rows.int64IfPresent(row, 4), charge: try rows.int64IfPresent(row, 5), parking: try rows.int64IfPresent(row, 6),
                    updating: try rows.int64IfPresent(row, 7)))
        }
        return locked
    }

    /// What is written of a car.
    struct Written {
        var car: Int64
        var memory: [UInt8]
        var view: [UInt8]
        var notBefore: Timestamp
        var version: Int64
        /// More of them, of the UTC day.
        var requests: Int
        var open: OpenRows
    }

    static func write(_ cars: [Written], at now: Timestamp, _ transaction: PostgresTransaction) {
        transaction.enqueue(
            update,
            Parameters { p in
                p.append(cars.map(\.car))
                p.appendJSONArray(cars.map(\.memory))
                p.appendJSONArray(cars.map(\.view))
                // Rounded up: never asked too early.
                p.append(cars.map { 0 &- Civil.floorDivide(0 &- $0.notBefore.microseconds, 1_000) })
                p.append(cars.map(\.version))
                p.append(cars.map { Int64(Int32(clamping: $0.requests)) })
                p.append(cars.map(\.open.drive))
                p.append(cars.map(\.open.charge))
                p.append(cars.map(\.open.parking))
                p.append(cars.map(\.open.updating))
                p.append(now)
            })
    }

    private static let select: Statement = """
        SELECT car, epoch, poller, version, drive, charge, parking, updating FROM heliograph.car_memory WHERE car = ANY($1::bigint[])
        ORDER BY car FOR NO KEY UPDATE
        """
    private static let update: Statement = """
        UPDATE heliograph.car_memory AS m SET memory = u.memory, view = u.view, not_before = u.not_before, version = u.version,
            requests = CASE WHEN m.requests_on = ($11 AT TIME ZONE 'UTC')::date THEN m.requests ELSE 0 END + u.requests::integer,
            requests_on = ($11 AT TIME ZONE 'UTC')::date,
            drive = u.drive, charge = u.charge, parking = u.parking, updating = u.updating
        FROM unnest($1::bigint[], $2::jsonb[], $3::jsonb[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
            AS u(car, memory, view, not_before, version, requests, drive, charge, parking, updating)
        WHERE m.car = u.car
        """
}
