/// The usual size of an error: a root of an exponentially weighted mean of squares, robust because each error is clipped first.
struct RunningScale: Hashable, Sendable {
    /// Errors seen before `ratio` says anything.
    static let warmUp: UInt32 = 20
    /// Clip, in usual sizes: one outlier must not hide the next.
    static let clip = 5.0

    private var meanSquare = 0.0
    private var count: UInt32 = 0

    /// How many usual sizes an error is, given the smallest size that matters; 0 while warming up.
    func ratio(_ error: Double, floor: Double) -> Double {
        guard count > Self.warmUp else { return 0 }
        return error.magnitude / (meanSquare.squareRoot() + floor + 1e-9)
    }

    mutating func learn(_ error: Double, floor: Double, rate: Double) {
        var e = error
        if count > Self.warmUp {
            let bound = Self.clip * meanSquare.squareRoot() + floor
            e = min(max(e, -bound), bound)
        }
        if count < .max { count += 1 }
        meanSquare += max(rate, 1 / Double(count)) * (e * e - meanSquare)
    }

    mutating func fields(_ io: inout StateIO) {
        io.field(&meanSquare)
        io.field(&count)
        io.require(meanSquare >= 0)
    }
}
