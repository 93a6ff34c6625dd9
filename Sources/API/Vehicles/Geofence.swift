import Bytes
import HTTP
import Postgres

/// A circle with a name, and what a charge costs in it.
struct Geofence {
    static let radii = 1...4_999
    static let maxMoney = 1_000_000
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
        let body = try BodyFields(request, knows: ["name", "latitude", "longitude", "radius_m", "billing", "price", "session_fee"])
        name = try body.required("name", in: 1...100)
        latitude = try body.required("latitude", try body.number("latitude", in: -90...90))
        longitude = try body.required("longitude", try body.number("longitude", in: -180...180))
        radius = try body.required("radius_m", try body.int("radius_m", in: Self.radii))
        billing = try body.choice("billing", of: Self.billings)
        price = try body.number("price", in: -Self.maxMoney...Self.maxMoney)
        sessionFee = try body.number("session_fee", in: 0...Self.maxMoney)
        if (billing == nil) != (price == nil) { throw .invalid("price", "billing and price come together") }
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
