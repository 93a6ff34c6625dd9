import Glibc

/// A place on the earth, WGS-84, degrees.
public struct GeoPoint: Hashable, Sendable {
    public var latitude: Double
    public var longitude: Double

    static let earthKm = 6371.0088

    public init(_ latitude: Double, _ longitude: Double) {
        self.latitude = latitude
        self.longitude = longitude
    }

    /// Great-circle distance in km (haversine).
    public func km(to other: GeoPoint) -> Double {
        let radians = Double.pi / 180
        let a = sin((other.latitude - latitude) * radians / 2)
        let b = sin((other.longitude - longitude) * radians / 2)
        let h = a * a + cos(latitude * radians) * cos(other.latitude * radians) * b * b
        return 2 * Self.earthKm * asin(min(1, h.squareRoot()))
    }

    /// 0 ≤ degrees < 360, clockwise from north, for points a few km apart.
    func heading(to other: GeoPoint) -> Double {
        let north = other.latitude - latitude
        let east = (other.longitude - longitude) * cos(latitude * .pi / 180)
        guard north != 0 || east != 0 else { return 0 }
        let degrees = atan2(east, north) * 180 / .pi
        return degrees < 0 ? degrees + 360 : degrees
    }

    /// The point at a share of the way, for points a few km apart.
    func toward(_ other: GeoPoint, _ share: Double) -> GeoPoint {
        GeoPoint(latitude + (other.latitude - latitude) * share, longitude + (other.longitude - longitude) * share)
    }

    /// Metres above the sea: gentle hills, the same wherever one comes from.
    var elevationM: Double {
        let hills = sin(latitude * 190) * cos(longitude * 170) * 14 + sin((latitude + longitude) * 61) * 22
        return 30 + hills
    }
}
