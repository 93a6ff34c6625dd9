import Glibc

/// A way between two places: a line that bends as roads do. The same two places always have the same way.
public struct VehicleRoute: Sendable {
    private let points: [GeoPoint]
    /// km from the start to each point.
    private let marks: [Double]

    public var km: Double { marks.last ?? 0 }
    public var start: GeoPoint { points[0] }
    public var end: GeoPoint { points[points.count - 1] }

    /// About one bend in so many km, and how far off the straight line it may lie as a share of the whole.
    private static let bendKm = 1.4
    private static let sway = 0.07

    public init(from a: GeoPoint, to b: GeoPoint) {
        let straight = a.km(to: b)
        let bends = max(2, Int(straight / Self.bendKm))
        // From either end the same: the seed knows no direction.
        let key = UInt64(bitPattern: Int64((a.latitude + b.latitude) * 1e6)) &* 31 &+ UInt64(bitPattern: Int64((a.longitude + b.longitude) * 1e6))
        var random = SeededRandom(seed: key)
        var offsets = (0..<bends).map { _ in random.between(-Self.sway, Self.sway) }
        let isBack = (a.latitude, a.longitude) > (b.latitude, b.longitude)
        if isBack { offsets = offsets.reversed().map { -$0 } }
        let north = b.latitude - a.latitude
        let east = b.longitude - a.longitude
        let narrow = cos((a.latitude + b.latitude) / 2 * .pi / 180)
        var points = [a]
        for (i, offset) in offsets.enumerated() {
            let on = a.toward(b, Double(i + 1) / Double(bends + 1))
            points.append(GeoPoint(on.latitude + offset * east * narrow, on.longitude - offset * north / narrow))
        }
        points.append(b)
        var marks = [0.0]
        for i in 1..<points.count { marks.append(marks[i - 1] + points[i - 1].km(to: points[i])) }
        self.points = points
        self.marks = marks
    }

    /// Where one is after so many km, and which way one looks.
    public func at(km: Double) -> (point: GeoPoint, heading: Double) {
        var i = 1
        while i < marks.count - 1, marks[i] < km { i += 1 }
        let length = marks[i] - marks[i - 1]
        let share = length > 0 ? min(max((km - marks[i - 1]) / length, 0), 1) : 0
        return (points[i - 1].toward(points[i], share), points[i - 1].heading(to: points[i]))
    }
}
