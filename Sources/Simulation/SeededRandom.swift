/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers for the same seed on every machine.
public struct SeededRandom: Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    /// A generator of its own for one named thing, so that adding a meter does not change the others.
    public init(seed: UInt64, name: String, salt: UInt64 = 0) {
        var hash: UInt64 = 14_695_981_039_346_656_037
        for b in name.utf8 { hash = (hash ^ UInt64(b)) &* 1_099_511_628_211 }
        state = Self.mix(seed &+ Self.mix(hash ^ Self.mix(salt)))
    }

    /// A generator for one instant or number under a seed that is already particular.
    public init(seed: UInt64, salt: UInt64) { state = Self.mix(seed ^ Self.mix(salt)) }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mix(state)
    }

    /// 0 ≤ x < 1.
    public mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    public mutating func between(_ low: Double, _ high: Double) -> Double { low + (high - low) * unit() }

    /// 0 ≤ x < bound; the bound must be positive.
    public mutating func below(_ bound: Int) -> Int { min(Int(unit() * Double(bound)), bound - 1) }

    /// An index drawn by weight; weights must be non-negative, with a positive sum.
    public mutating func index(weights: [Double]) -> Int {
        var left = unit() * weights.reduce(0, +)
        for (i, w) in weights.enumerated() {
            left -= w
            if left < 0 { return i }
        }
        return weights.count - 1
    }

    static func mix(_ x: UInt64) -> UInt64 {
        var z = x
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
