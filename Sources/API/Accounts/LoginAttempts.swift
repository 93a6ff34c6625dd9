/// Failed log-ins by user and address. Bounded; the time is a parameter.
struct LoginAttempts {
    /// Failures after which a user cannot log in from an address for a while.
    static let limit = 10
    /// How long, ns; also how long failures are remembered after the last one.
    static let lockNs: Int64 = 60_000_000_000
    /// Pairs remembered; past it the ones that have expired go, then all.
    static let bound = 10_000

    struct Key: Hashable {
        let user: String
        let address: String

        init(user: String, address: String) {
            self.user = user.lowercased()
            self.address = address
        }
    }

    private var failures: [Key: (count: Int, lastNs: Int64)] = [:]

    /// Seconds until this pair may try again; nil when it may now.
    func lockedSeconds(_ key: Key, nowNs: Int64) -> Int? {
        guard let known = failures[key], known.count >= Self.limit else { return nil }
        let left = known.lastNs + Self.lockNs - nowNs
        return left > 0 ? Int((left + 999_999_999) / 1_000_000_000) : nil
    }

    mutating func failed(_ key: Key, nowNs: Int64) {
        if failures.count >= Self.bound, failures[key] == nil {
            failures = failures.filter { $0.value.lastNs + Self.lockNs > nowNs }
            if failures.count >= Self.bound { failures.removeAll() }
        }
        let known = failures[key].flatMap { $0.lastNs + Self.lockNs > nowNs ? $0.count : nil } ?? 0
        failures[key] = (known + 1, nowNs)
    }

    mutating func succeeded(_ key: Key) { failures[key] = nil }

    var count: Int { failures.count }
}
