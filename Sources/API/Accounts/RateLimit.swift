/// So many of something within a time, by key. Bounded; the time is a parameter.
struct RateLimit {
    /// Keys remembered; past it the ones whose time is over go, then all.
    static let bound = 10_000

    let limit: Int
    let windowNs: Int64
    private var windows = BoundedTable<String, (count: Int, startNs: Int64)>(bound)

    init(_ limit: Int, perNs: Int64) {
        self.limit = limit
        windowNs = perNs
    }

    /// Counts one; returns nil, or the seconds until the next one is let through.
    mutating func take(_ key: String, nowNs: Int64) -> Int? {
        var window = (count: 0, startNs: nowNs)
        if let known = windows[key], nowNs - known.startNs < windowNs { window = known }
        guard window.count == 0 || window.count < limit else { return Int((window.startNs + windowNs - nowNs + 999_999_999) / 1_000_000_000) }
        window.count += 1
        windows.set(key, window) { nowNs - $0.startNs >= windowNs }
        return nil
    }

    var count: Int { windows.count }
}
