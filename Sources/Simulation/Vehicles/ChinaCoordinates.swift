import Glibc

/// GCJ-02, the coordinates of Chinese maps, from WGS-84: the published transform on the Krasovsky ellipsoid.
enum ChinaCoordinates {
    private static let axis = 6_378_245.0
    private static let eccentricity = 0.00669342162296594323

    /// Outside China's bounding box a point stays what it is.
    static func gcj(_ p: GeoPoint) -> GeoPoint {
        guard (72.004...137.8347).contains(p.longitude), (0.8293...55.8271).contains(p.latitude) else { return p }
        let x = p.longitude - 105
        let y = p.latitude - 35
        let radians = p.latitude / 180 * .pi
        let magic = 1 - eccentricity * sin(radians) * sin(radians)
        let root = magic.squareRoot()
        let north = latitudeShift(x, y) * 180 / (axis * (1 - eccentricity) / (magic * root) * .pi)
        let east = longitudeShift(x, y) * 180 / (axis / root * cos(radians) * .pi)
        return GeoPoint(p.latitude + north, p.longitude + east)
    }

    private static func wave(_ x: Double, _ parts: [(Double, Double)]) -> Double {
        parts.reduce(0) { $0 + $1.0 * sin(x * $1.1 * .pi) } * 2 / 3
    }

    private static func latitudeShift(_ x: Double, _ y: Double) -> Double {
        let plane = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * abs(x).squareRoot()
        return plane + wave(x, [(20, 6), (20, 2)]) + wave(y, [(20, 1), (40, 1.0 / 3)]) + wave(y, [(160, 1.0 / 12), (320, 1.0 / 30)])
    }

    private static func longitudeShift(_ x: Double, _ y: Double) -> Double {
        let plane = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * abs(x).squareRoot()
        return plane + wave(x, [(20, 6), (20, 2)]) + wave(x, [(20, 1), (40, 1.0 / 3)]) + wave(x, [(150, 1.0 / 12), (300, 1.0 / 30)])
    }
}
