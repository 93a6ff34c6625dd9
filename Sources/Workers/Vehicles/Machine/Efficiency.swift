import Bytes

/// kWh per km of range, learnt from charges: the value that comes most often among those of `added / range gained`, rounded. Many charges allow
/// many decimals: 5 where eight agree, 4 where five do, 3 where three do, 2 where two do.
struct Efficiency: Equatable, Remembered {
    private(set) var kwhPerKm: Double?
    /// Of the last charges.
    private var ratios: [Double] = []

    static let ladder: [(scale: Double, agreeing: Int)] = [(1e5, 8), (1e4, 5), (1e3, 3), (1e2, 2)]
    static let ratiosKept = 100
    static let minutesMin = 10.0
    /// Above it charging slows down, and the figures waver.
    static let endLevelMax = 95
    /// What no car is: a fault of the readings.
    static let believable = 0.03...1.0

    /// The new value, where it has changed.
    mutating func learn(_ charge: ChargeLog) -> Double? {
        guard charge.minutes > Self.minutesMin, let level = charge.last.batteryLevel, level <= Self.endLevelMax, let added = charge.energyAdded, added > 0,
            let from = charge.start.rangeKm, let to = charge.last.rangeKm, to > from, Self.believable.contains(added / (to - from))
        else { return nil }
        ratios.append(added / (to - from))
        if ratios.count > Self.ratiosKept { ratios.removeFirst() }
        guard let found = mostFrequent, found != kwhPerKm else { return nil }
        kwhPerKm = found
        return found
    }

    private var mostFrequent: Double? {
        for (scale, agreeing) in Self.ladder {
            var counts: [Double: Int] = [:]
            for ratio in ratios { counts[CarUnits.round(ratio, scale), default: 0] += 1 }
            // Of equals the one that is there last.
            let best = counts.max { a, b in a.value != b.value ? a.value < b.value : lastIndex(a.key, scale) < lastIndex(b.key, scale) }
            if let best, best.value >= agreeing { return best.key }
        }
        return nil
    }

    private func lastIndex(_ value: Double, _ scale: Double) -> Int { ratios.lastIndex { CarUnits.round($0, scale) == value } ?? -1 }

    mutating func remember(_ m: inout MachineMemory) {
        m("value", &kwhPerKm)
        m("ratios", &ratios)
    }
}
