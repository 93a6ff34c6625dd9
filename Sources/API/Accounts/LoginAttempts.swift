/// Failed log-ins by user and address, and by each of the two alone. Bounded; the time is a parameter.
struct LoginAttempts {
    /// Failures after which a user cannot log in from an address for a while.
    static let limit = 10
    /// The same for a user from anywhere (many machines at one name), and for an address with any name (one machine at many names).
    static let wideLimit = 100
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

    private typealias Table = BoundedTable<Key, (count: Int, lastNs: Int64)>
    private var failures = Table(bound)
    /// By a user alone, with no address, and by an address alone, with no user.
    private var wide = Table(bound)

    /// Seconds until this pair may try again; nil when it may now.
    func lockedSeconds(_ key: Key, nowNs: Int64) -> Int? {
        let waits =
            [Self.locked(failures[key], Self.limit, nowNs)] + Self.alone(key).map { Self.locked(wide[$0], Self.wideLimit, nowNs) }
        return waits.compactMap { $0 }.max()
    }

    private static func locked(_ known: (count: Int, lastNs: Int64)?, _ limit: Int, _ nowNs: Int64) -> Int? {
        guard let known, known.count >= limit else { return nil }
        let left = known.lastNs + lockNs - nowNs
        return left > 0 ? Int((left + 999_999_999) / 1_000_000_000) : nil
    }

    private static func alone(_ key: Key) -> [Key] { [Key(user: key.user, address: ""), Key(user: "", address: key.address)] }

    mutating func failed(_ key: Key, nowNs: Int64) {
        Self.count(key, &failures, nowNs)
        for key in Self.alone(key) { Self.count(key, &wide, nowNs) }
    }

    private static func count(_ key: Key, _ failures: inout Table, _ nowNs: Int64) {
        let known = failures[key].flatMap { $0.lastNs + lockNs > nowNs ? $0.count : nil } ?? 0
        failures.set(key, (known + 1, nowNs)) { $0.lastNs + lockNs <= nowNs }
    }

    /// Says nothing of the others that tried this name, or that this address tried.
    mutating func succeeded(_ key: Key) { failures.remove(key) }

    var count: Int { failures.count }
}
