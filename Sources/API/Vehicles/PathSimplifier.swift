import Glibc

/// Leaves out points of a path without moving it by more than so many metres (Ramer 1972, Douglas and Peucker 1973).
enum PathSimplifier {
    /// Beyond it no path has a shape.
    static let maxMetres = 100_000.0
    /// The rule costs up to the square of the number of points: longer paths are cut into pieces, whose ends stay.
    static let piece = 2_048

    struct Point {
        var latitude: Double
        var longitude: Double
    }

    private static let metresPerDegree = 111_194.93

    /// Which points stay: the first and the last always, and every point that lies farther than `metres` from the path without it.
    static func kept(_ points: [Point], metres: Double) -> [Bool] {
        var kept = [Bool](repeating: false, count: points.count)
        guard let last = points.indices.last else { return [] }
        let flat = project(points)
        var start = 0
        kept[0] = true
        while start < last {
            let end = min(start + piece, last)
            kept[end] = true
            reduce(flat, start, end, metres * metres, &kept)
            start = end
        }
        return kept
    }

    /// Metres east and north of the first point; near enough within the length of a drive. Paths may cross the date line.
    private static func project(_ points: [Point]) -> [(x: Double, y: Double)] {
        let middle = points.reduce(0) { $0 + $1.latitude } / Double(points.count)
        let scale = cos(middle * .pi / 180)
        let origin = points[0]
        return points.map { point in
            var east = point.longitude - origin.longitude
            if east > 180 { east -= 360 } else if east < -180 { east += 360 }
            return (east * metresPerDegree * scale, (point.latitude - origin.latitude) * metresPerDegree)
        }
    }

    private static func reduce(_ flat: [(x: Double, y: Double)], _ start: Int, _ end: Int, _ limit: Double, _ kept: inout [Bool]) {
        var open = [(start, end)]
        while let (from, to) = open.popLast() {
            var farthest = from
            var distance = limit
            for i in (from + 1)..<max(to, from + 1) {
                let d = squaredDistance(flat[i], flat[from], flat[to])
                if d > distance {
                    distance = d
                    farthest = i
                }
            }
            if farthest == from { continue }
            kept[farthest] = true
            open.append((from, farthest))
            open.append((farthest, to))
        }
    }

    /// From a point to the stretch between two others, squared.
    private static func squaredDistance(_ p: (x: Double, y: Double), _ a: (x: Double, y: Double), _ b: (x: Double, y: Double)) -> Double {
        let (dx, dy) = (b.x - a.x, b.y - a.y)
        let length = dx * dx + dy * dy
        let along = length == 0 ? 0 : min(max(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0), 1)
        let (ex, ey) = (p.x - a.x - along * dx, p.y - a.y - along * dy)
        return ex * ex + ey * ey
    }
}
