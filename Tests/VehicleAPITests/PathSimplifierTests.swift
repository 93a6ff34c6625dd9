import Glibc
import Testing

@testable import API

@Suite struct PathSimplifierTests {
    private typealias Point = PathSimplifier.Point

    @Test func `short paths stay, straight ones keep their ends`() {
        let none = PathSimplifier.kept([], metres: 10)
        let one = PathSimplifier.kept([Point(latitude: 30, longitude: 120)], metres: 10)
        #expect(none == [] && one == [true])
        let straight = (0..<10).map { Point(latitude: 30 + Double($0) * 0.001, longitude: 120) }
        let kept = PathSimplifier.kept(straight, metres: 1)
        #expect(kept == [true] + Array(repeating: false, count: 8) + [true])
    }

    @Test func `a corner stays when it lies farther off than allowed`() {
        // 0.001° of latitude is 111 m: the corner lies 111 m off the straight way, more or less.
        let path = [Point(latitude: 0, longitude: 0), Point(latitude: 0.001, longitude: 0.01), Point(latitude: 0, longitude: 0.02)]
        let near = PathSimplifier.kept(path, metres: 112)
        let far = PathSimplifier.kept(path, metres: 110)
        #expect(near == [true, false, true] && far == [true, true, true])
        // There and back: the turn is off the stretch between the ends, which is a point.
        let back = [Point(latitude: 0, longitude: 0), Point(latitude: 0.01, longitude: 0), Point(latitude: 0, longitude: 0)]
        let turn = PathSimplifier.kept(back, metres: 100)
        #expect(turn == [true, true, true])
    }

    @Test func `degrees of longitude count for what they are`() {
        // At 60° a degree of longitude is half as long.
        let path = [Point(latitude: 60, longitude: 0), Point(latitude: 60.01, longitude: 0.001), Point(latitude: 60.02, longitude: 0)]
        let near = PathSimplifier.kept(path, metres: 60)
        let far = PathSimplifier.kept(path, metres: 50)
        #expect(near == [true, false, true] && far == [true, true, true])
        let dateline = (0..<5).map { i in Point(latitude: 10, longitude: i < 2 ? 179.998 + Double(i) * 0.001 : -180 + Double(i - 2) * 0.001) }
        let straight = PathSimplifier.kept(dateline, metres: 1)
        #expect(straight == [true, false, false, false, true])
    }

    @Test func `no point that is left out lies farther off than allowed, in long paths too`() {
        var seed: UInt64 = 7
        func random() -> Double {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(seed >> 40) / Double(1 << 24)
        }
        var path: [Point] = []
        var (latitude, longitude) = (31.0, 121.0)
        for _ in 0..<5_000 {
            latitude += (random() - 0.5) * 0.0005
            longitude += (random() - 0.4) * 0.0005
            path.append(Point(latitude: latitude, longitude: longitude))
        }
        for metres in [5.0, 50, 500] {
            let kept = PathSimplifier.kept(path, metres: metres)
            let corners = kept.indices.filter { kept[$0] }
            #expect(corners.first == 0 && corners.last == 4_999 && corners.count < 4_500)
            var worst = 0.0
            for (a, b) in zip(corners, corners.dropFirst()) {
                for i in a...b { worst = max(worst, Self.metres(path[i], path[a], path[b])) }
            }
            #expect(worst <= metres * 1.01, "\(metres): \(worst)")
        }
    }

    /// Written anew, about the point itself.
    private static func metres(_ p: Point, _ a: Point, _ b: Point) -> Double {
        let (k, scale) = (111_194.93, cos(p.latitude * .pi / 180))
        let (ax, ay) = ((a.longitude - p.longitude) * k * scale, (a.latitude - p.latitude) * k)
        let (bx, by) = ((b.longitude - p.longitude) * k * scale, (b.latitude - p.latitude) * k)
        let (dx, dy) = (bx - ax, by - ay)
        let square = dx * dx + dy * dy
        let t = square == 0 ? 0 : min(1, max(0, -(ax * dx + ay * dy) / square))
        let (x, y) = (ax + t * dx, ay + t * dy)
        return (x * x + y * y).squareRoot()
    }
}
