/// So many of something within a time, by key. Bounded; the time is a parameter.
struct RateLimit {
    /// Keys remembered; past it the ones whose time is over go, then all.
    static let bound = 10_000

    let limit: Int
    let windowNs: Int64
    private var windows: [String: (count: Int, startNs: Int64)] = [:]

    init(_ limit: Int, perNs: Int64) {
        self.limit = limit
        windowNs = perNs
    }

    /// Counts one; returns nil, or the seconds until the next one is let through.
    mutating func take(_ key: String, nowNs: Int64) -> Int? {
        if let window = windows[key], nowNs - window.startNs < windowNs {
            guard window.count < limit else { return Int((window.startNs + windowNs - nowNs + 999_999_999) / 1_000_000_000) }
            windows[key]?.count += 1
            return nil
        }
        if windows.count >= Self.bound, windows[key] == nil {
            windows = windows.filter { nowNs - $0.value.startNs < windowNs }
            if windows.count >= Self.bound { windows.removeAll() }
        }
        windows[key] = (1, nowNs)
        return nil
    }

    var count: Int { windows.count }
}
