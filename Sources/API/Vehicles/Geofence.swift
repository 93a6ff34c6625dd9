import Bytes
import HTTP
import Postgres

/// A circle with a name, and what a charge costs in it.
struct Geofence {
    static let radii = 1...4_999
    static let maxMoney = 1_000_000.0
    static let billings = ["per_kwh", "per_minute"]

    var name: String
    var latitude: Double
    var longitude: Double
    var radius: Int
    var billing: String?
    var price: Double?
    var sessionFee: Double?

    /// From a request's body; refusals are 400 and name the member.
    init(_ request: Request) throws(APIError) {
        let body = try RequestBody(request, knows: ["name", "latitude", "longitude", "radius_m", "billing", "price", "session_fee"])
        name = try body.required("name")
        guard (1...100).contains(name.unicodeScalars.count) else { throw .invalid("name", "name must have 1 to 100 characters") }
        latitude = try Self.degrees("latitude", 90, body)
        longitude = try Self.degrees("longitude", 180, body)
        guard let radius = try body.int("radius_m", in: Self.radii) else { throw .missing("radius_m") }
        self.radius = radius
        billing = try body.string("billing")
        if let billing, !Self.billings.contains(billing) { throw .invalid("billing", "billing must be per_kwh or per_minute") }
        price = try Self.money("price", -Self.maxMoney, body)
        sessionFee = try Self.money("session_fee", 0, body)
        if (billing == nil) != (price == nil) { throw .invalid("price", "billing and price come together") }
    }

    private static func degrees(_ name: String, _ most: Double, _ body: RequestBody) throws(APIError) -> Double {
        guard let value = try body.double(name) else { throw .missing(name) }
        guard abs(value) <= most else { throw .invalid(name, "\(name) must be a number from -\(Int(most)) to \(Int(most))") }
        return value
    }

    private static func money(_ name: String, _ least: Double, _ body: RequestBody) throws(APIError) -> Double? {
        guard let value = try body.double(name) else { return nil }
        guard (least...maxMoney).contains(value) else { throw .invalid(name, "\(name) must be a number from \(Int(least)) to \(Int(maxMoney))") }
        return value
    }

    /// Degrees that hold the circle; all around the world where that is simpler to say.
    struct Box {
        var south: Double
        var north: Double
        var west: Double
        var east: Double

        init(latitude: Double, longitude: Double, radius: Int) {
            // 111 km a degree, and a little more.
            let tall = Double(radius) / 110_000
            (south, north) = (latitude - tall, latitude + tall)
            // A degree of longitude at 85° is 9.7 km: wider than any circle's radius.
            let wide = abs(latitude) < 85 ? tall * 12 : 360
            (west, east) = (longitude - wide, longitude + wide)
            if west < -180 || east > 180 { (west, east) = (-180, 180) }
        }
    }

    var box: Box { Box(latitude: latitude, longitude: longitude, radius: radius) }
}
