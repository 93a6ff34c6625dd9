import Glibc
import Postgres

/// A place with a name, and what a charge costs there.
struct Fence: Hashable {
    var number: Int64
    var name: String
    var latitude: Double
    var longitude: Double
    /// m.
    var radius: Double
    var tariff = Tariff()

    struct Tariff: Hashable {
        var billing: Billing?
        /// For each kWh or minute; may be negative.
        var price: Double?
        /// For each session.
        var fee: Double?
    }

    enum Billing: String {
        case perKwh = "per_kwh"
        case perMinute = "per_minute"
    }
}

/// All fences. A point is in a fence when its great-circle distance from the centre is less than the radius; of several fences the one with the
/// nearest centre counts (reference §1.10).
struct Fences {
    private(set) var all: [Fence] = []

    init(_ all: [Fence] = []) { self.all = all }

    func at(_ latitude: Double?, _ longitude: Double?) -> Fence? {
        guard let latitude, let longitude, !all.isEmpty else { return nil }
        var best: (fence: Fence, distance: Double)?
        for fence in all {
            let distance = Self.distance(latitude, longitude, fence.latitude, fence.longitude)
            // Of equally near ones the older.
            if distance < fence.radius, distance < best?.distance ?? .infinity { best = (fence, distance) }
        }
        return best?.fence
    }

    /// m on a sphere of the earth's mean radius, by haversines: exact for the short distances that count here.
    static func distance(_ latitude1: Double, _ longitude1: Double, _ latitude2: Double, _ longitude2: Double) -> Double {
        let radians = Double.pi / 180
        let a = sin((latitude2 - latitude1) * radians / 2)
        let b = sin((longitude2 - longitude1) * radians / 2)
        let h = a * a + cos(latitude1 * radians) * cos(latitude2 * radians) * b * b
        return 2 * 6_371_008.8 * asin(min(1, h.squareRoot()))
    }

    // MARK: From the database

    init(_ rows: PostgresRows) throws(PostgresError) {
        for row in 0..<rows.count {
            all.append(
                Fence(
                    number: try rows.int64(row, 0), name: try rows.string(row, 1), latitude: try rows.double(row, 2), longitude: try rows.double(row, 3),
                    radius: try rows.double(row, 4),
                    tariff: Fence.Tariff(
                        billing: try rows.stringIfPresent(row, 5).flatMap(Fence.Billing.init), price: try rows.doubleIfPresent(row, 6),
                        fee: try rows.doubleIfPresent(row, 7))))
        }
    }

    static let select: Statement = """
        SELECT number, name, latitude, longitude, radius_m, billing, price, session_fee FROM heliograph.geofence ORDER BY number
        """
}
