import Glibc

/// WGS-84, in which the world measures, and GCJ-02, in which maps of China are drawn: some hundred metres apart. The transform is public
/// (Krasovsky's ellipsoid). The simulated cloud has one of its own, so that each is checked by the other.
enum ChinaCoordinates {
    /// The box that the transform is made for. Outside of it both are the same.
    static func contains(_ latitude: Double, _ longitude: Double) -> Bool {
        longitude >= 72.004 && longitude <= 137.8347 && latitude >= 0.8293 && latitude <= 55.8271
    }

    static func gcj02(_ latitude: Double, _ longitude: Double) -> (latitude: Double, longitude: Double) {
        guard contains(latitude, longitude) else { return (latitude, longitude) }
        let x = longitude - 105
        let y = latitude - 35
        let radians = latitude / 180 * Double.pi
        let magic = 1 - eccentricity * sin(radians) * sin(radians)
        let root = magic.squareRoot()
        let north = northing(x, y) * 180 / (axis * (1 - eccentricity) / (magic * root) * Double.pi)
        let east = easting(x, y) * 180 / (axis / root * cos(radians) * Double.pi)
        return (latitude + north, longitude + east)
    }

    /// Krasovsky's ellipsoid: m, and the square of the eccentricity.
    private static let axis = 6_378_245.0
    private static let eccentricity = 0.00669342162296594323

    private static func northing(_ x: Double, _ y: Double) -> Double {
        var n = -100 + 2 * x + 3 * y + 0.2 * y * y
        n += 0.1 * x * y + 0.2 * abs(x).squareRoot()
        n += ripple(x)
        n += (20 * sin(y * Double.pi) + 40 * sin(y / 3 * Double.pi)) * 2 / 3
        n += (160 * sin(y / 12 * Double.pi) + 320 * sin(y * Double.pi / 30)) * 2 / 3
        return n
    }

    private static func easting(_ x: Double, _ y: Double) -> Double {
        var e = 300 + x + 2 * y + 0.1 * x * x
        e += 0.1 * x * y + 0.1 * abs(x).squareRoot()
        e += ripple(x)
        e += (20 * sin(x * Double.pi) + 40 * sin(x / 3 * Double.pi)) * 2 / 3
        e += (150 * sin(x / 12 * Double.pi) + 300 * sin(x / 30 * Double.pi)) * 2 / 3
        return e
    }

    private static func ripple(_ x: Double) -> Double { (20 * sin(6 * x * Double.pi) + 20 * sin(2 * x * Double.pi)) * 2 / 3 }
}
