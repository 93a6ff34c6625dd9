import Bytes
import Postgres

/// The rows that effects make, gathered over many cars and written by a few statements, however many they are.
struct LogRows {
    private var drives = DriveRows()
    private var charges = ChargeRows()
    private var parkings = ParkingRows()
    private var updates = UpdateRows()
    private var states = StateRows()
    private var positions = PositionRows()
    private var points = PointRows()
    private var events: [(id: Int64, parking: Int64, type: ParkingEventType, at: Timestamp)] = []
    private var efficiencies: [Int64: Double] = [:]
    private var identities: [Int64: CarIdentity] = [:]
    private var places: [(latitude: Double, longitude: Double)] = []
    /// Effects on a row that is not open: a machine and a database that disagree.
    private(set) var lost = 0

    /// What must be known of the database before effects are taken.
    struct Surroundings {
        var fences = Fences()
        /// Where charges from before began.
        var charges: [Int64: ChargeRows.Place] = [:]
    }

    /// Takes a car's next effect. `open` goes along with it.
    mutating func take(_ effect: VehicleEffect, car: Int64, open: inout OpenRows, ids: RowIDs, _ around: Surroundings) {
        switch effect {
        case .state(let state, let at): states.add(ids.take(.state, at: at), car, state, at: at)
        case .openDrive(let start):
            let id = ids.take(.drive, at: start.start.at)
            open.drive = id
            drives.open(id, car, start, around.fences)
        case .position(let position): positions.add(ids.take(.position, at: position.at), car, drive: open.drive, position)
        case .closeDrive(let end):
            guard let id = taken(&open.drive) else { return }
            drives.close(id, car, end, around.fences)
        case .discardDrive:
            guard let id = taken(&open.drive) else { return }
            drives.discard(id)
            positions.release(drive: id)
        case .openCharge(let start):
            let id = ids.take(.charge, at: start.start.at)
            open.charge = id
            charges.open(id, car, start, around.fences)
        case .chargePoint(let point):
            guard let charge = open.charge else {
                lost += 1
                return
            }
            points.add(ids.take(.chargePoint, at: point.at), charge: charge, point)
        case .closeCharge(let end):
            guard let id = taken(&open.charge) else { return }
            charges.close(id, car, end, at: around.charges[id], around.fences)
        case .openParking(let start):
            let id = ids.take(.parking, at: start.start.at)
            open.parking = id
            parkings.open(id, car, start, around.fences)
        case .parkingEvent(let type, let at):
            guard let parking = open.parking else {
                lost += 1
                return
            }
            events.append((ids.take(.parkingEvent, at: at), parking, type, at))
        case .closeParking(let end):
            guard let id = taken(&open.parking) else { return }
            parkings.close(id, car, end)
        case .openUpdate(let version, let at):
            let id = ids.take(.update, at: at)
            open.updating = id
            updates.open(id, car, version, at: at)
        case .closeUpdate(let version, let at):
            guard let id = taken(&open.updating) else { return }
            updates.close(id, car, version, at: at)
        case .cancelUpdate:
            guard let id = taken(&open.updating) else { return }
            updates.cancel(id)
        case .foundVersion(let version, let at): updates.found(ids.take(.update, at: at), car, version, at: at)
        case .efficiency(let value): efficiencies[car] = value
        case .identity(let identity): identities[car] = (identities[car] ?? CarIdentity()).updated(with: identity)
        case .place(let latitude, let longitude): places.append((latitude, longitude))
        }
    }

    private mutating func taken(_ id: inout Int64?) -> Int64? {
        defer { id = nil }
        if id == nil { lost += 1 }
        return id
    }

    /// Rows that others refer to come before those that refer to them.
    func write(_ transaction: PostgresTransaction) async throws(PostgresError) {
        drives.write(transaction)
        charges.write(transaction)
        parkings.write(transaction)
        updates.write(transaction)
        states.write(transaction)
        if !events.isEmpty {
            transaction.enqueue(Self.insertEvents, Parameters(events.map(\.id), events.map(\.parking), events.map(\.type.rawValue), events.map(\.at)))
        }
        if !efficiencies.isEmpty { transaction.enqueue(Self.setEfficiency, Parameters(Array(efficiencies.keys), Array(efficiencies.values))) }
        if !identities.isEmpty {
            let cars = Array(identities.keys)
            let all = Array(identities.values)
            transaction.enqueue(
                Self.setIdentity,
                Parameters(cars, all.map(\.name), all.map(\.model), all.map(\.exteriorColor), all.map(\.trimBadging), all.map(\.wheelType)))
        }
        if !places.isEmpty { transaction.enqueue(Self.askForPlaces, Parameters(places.map(\.latitude), places.map(\.longitude))) }
        try await positions.write(transaction)
        try await points.write(transaction)
    }

    private static let insertEvents: Statement = """
        INSERT INTO heliograph.parking_event (id, parking, event_type, event_time)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[])
        """
    private static let setEfficiency: Statement = """
        UPDATE heliograph.car AS c SET efficiency = u.efficiency, updated_at = now()
        FROM unnest($1::bigint[], $2::double precision[]) AS u(car, efficiency) WHERE c.number = u.car AND c.efficiency IS DISTINCT FROM u.efficiency
        """
    private static let setIdentity: Statement = """
        UPDATE heliograph.car AS c SET name = coalesce(u.name, c.name), model = coalesce(u.model, c.model),
            exterior_color = coalesce(u.color, c.exterior_color), trim_badging = coalesce(u.trim, c.trim_badging),
            wheel_type = coalesce(u.wheels, c.wheel_type), updated_at = now()
        FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) AS u(car, name, model, color, trim, wheels)
        WHERE c.number = u.car AND (coalesce(u.name, c.name), coalesce(u.model, c.model), coalesce(u.color, c.exterior_color),
            coalesce(u.trim, c.trim_badging), coalesce(u.wheels, c.wheel_type))
            IS DISTINCT FROM (c.name, c.model, c.exterior_color, c.trim_badging, c.wheel_type)
        """
    /// In the order of the keys, so that two groups never wait for each other in a circle.
    private static let askForPlaces: Statement = """
        SELECT heliograph.enqueue('vehicles.geocode', jsonb_build_object('latitude', p.latitude, 'longitude', p.longitude),
            unique_key => 'place:' || p.key, timeout_ms => 60000)
        FROM (
            SELECT DISTINCT ON (key) key, u.latitude, u.longitude
            FROM unnest($1::double precision[], $2::double precision[]) AS u(latitude, longitude),
                heliograph.place_key(u.latitude, u.longitude) AS key
            ORDER BY key
        ) AS p
        WHERE NOT EXISTS (SELECT FROM heliograph.place AS o WHERE o.key = p.key)
        """
}

extension CarIdentity {
    /// What the later one says, and what only the former one says.
    func updated(with later: CarIdentity) -> CarIdentity {
        CarIdentity(
            name: later.name ?? name, model: later.model ?? model, exteriorColor: later.exteriorColor ?? exteriorColor,
            trimBadging: later.trimBadging ?? trimBadging, wheelType: later.wheelType ?? wheelType)
    }
}
