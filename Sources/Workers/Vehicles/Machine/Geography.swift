enum Geography {
    /// Distance of two near places in km, to 0.2 %: on a plane, with Bhaskara's cosine.
    static func km(_ latitude1: Double, _ longitude1: Double, _ latitude2: Double, _ longitude2: Double) -> Double {
        let radians = Double.pi / 180
        let middle = (latitude1 + latitude2) / 2 * radians
        let cosine = max(0, (Double.pi * Double.pi - 4 * middle * middle) / (Double.pi * Double.pi + middle * middle))
        // Across the date line the short way.
        var east = (longitude2 - longitude1).magnitude
        if east > 180 { east = 360 - east }
        let x = east * radians * cosine
        let y = (latitude2 - latitude1) * radians
        return 6371.0088 * (x * x + y * y).squareRoot()
    }
}
