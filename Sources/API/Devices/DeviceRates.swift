import Synchronization

/// Rates of device tokens, counted once for all loops of the process: a bucket each, as full as a minute's uses, that fills up again evenly.
/// Other processes count for themselves.
final class DeviceRates: Sendable {
    /// Buckets kept; past it the full ones go, then all.
    static let bound = 100_000

    private struct Bucket {
        var uses: Double
        var atNs: Int64
    }

    private let buckets = Mutex(BoundedTable<String, Bucket>(bound))

    /// Takes one use; returns nil, or the seconds until there is one again.
    func take(_ token: String, perMinute: Int, nowNs: Int64) -> Int? {
        let most = Double(perMinute)
        return buckets.withLock { buckets in
            var bucket = buckets[token] ?? Bucket(uses: most, atNs: nowNs)
            bucket.uses = min(most, bucket.uses + Double(max(0, nowNs - bucket.atNs)) / 60e9 * most)
            bucket.atNs = max(bucket.atNs, nowNs)
            let isLeft = bucket.uses >= 1
            if isLeft { bucket.uses -= 1 }
            buckets.set(token, bucket) { nowNs - $0.atNs >= 60_000_000_000 }
            return isLeft ? nil : max(1, Int(((1 - bucket.uses) * 60 / most).rounded(.up)))
        }
    }
}
