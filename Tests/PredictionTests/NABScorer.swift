import Glibc

/// Scores detectors as NAB does: rules in reference/prediction.md §1.1.
struct NABScorer {
    struct Profile {
        var truePositive = 1.0
        var falseNegative = 1.0
        var falsePositive = 0.11

        static let standard = Profile()
        static let lowFalsePositive = Profile(falsePositive: 0.22)
        static let lowFalseNegative = Profile(falseNegative: 2)
    }

    /// One scored point: its anomaly score, the window it lies in (unique over the corpus) or nil, and what flagging it is worth before weighting.
    private struct Point {
        var score: Double
        var window: Int?
        var worth: Double
    }

    private var points: [Point] = []
    private var windows = 0

    static func sigmoid(_ position: Double) -> Double { position > 3 ? -1 : 2 / (1 + exp(5 * position)) - 1 }

    mutating func add(scores: [Double], windows ranges: [ClosedRange<Int>], probation: Int) {
        var next = 0
        var previous: ClosedRange<Int>?
        for i in probation..<max(scores.count, probation) {
            while next < ranges.count, i > ranges[next].upperBound {
                previous = ranges[next]
                next += 1
            }
            if next < ranges.count, ranges[next].contains(i) {
                let width = Double(ranges[next].count)
                let position = -Double(ranges[next].upperBound - i + 1) / width
                points.append(Point(score: scores[i], window: windows + next, worth: Self.sigmoid(position) / Self.sigmoid(-1)))
            } else if let previous {
                let position = Double(i - previous.upperBound) / Double(previous.count - 1)
                points.append(Point(score: scores[i], window: nil, worth: Self.sigmoid(position)))
            } else {
                points.append(Point(score: scores[i], window: nil, worth: -1))
            }
        }
        windows += ranges.count
    }

    /// 0 for a detector that never flags, 100 for a perfect one.
    func normalised(threshold: Double, _ profile: Profile = .standard) -> Double {
        var best = [Double?](repeating: nil, count: windows)
        var sum = 0.0
        for point in points where point.score >= threshold {
            if let window = point.window {
                best[window] = max(best[window] ?? -1, point.worth)
            } else {
                sum += point.worth * profile.falsePositive
            }
        }
        for found in best { sum += found.map { $0 * profile.truePositive } ?? -profile.falseNegative }
        let null = -profile.falseNegative * Double(windows)
        return 100 * (sum - null) / (Double(windows) * profile.truePositive - null)
    }
}
