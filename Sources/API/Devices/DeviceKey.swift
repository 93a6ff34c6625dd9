import Bytes

/// What a device's key or token opens.
struct DeviceKey {
    /// The device's number and UUID.
    let device: Int64
    let id: String
    let isDisabled: Bool
    /// UUID of the token; nil for the device's own key.
    let token: String?
    let mayRead: Bool
    let mayWrite: Bool
    /// nil: does not expire.
    let expiresAt: Timestamp?
    /// nil: from anywhere. An entry that cannot be read lets nobody in.
    let ranges: [AddressRange]?
    /// nil: as often as it likes.
    let perMinute: Int?
}

/// Keys as the database had them a short while ago. Bounded; the time is a parameter.
struct DeviceKeyCache {
    /// How long a known key is believed while the database would tell of a change, ns: devices report once a minute.
    static let goodNs: Int64 = 600_000_000_000
    /// How long it is believed while nobody listens to the database, ns.
    static let unheardNs: Int64 = 30_000_000_000
    /// How long an unknown one stays so, ns.
    static let badNs: Int64 = 5_000_000_000
    /// Keys remembered of each sort; guesses do not push out good ones. Past it a sort is forgotten, which costs a query each.
    static let bound = 100_000
    static let badBound = 10_000

    private var good: [String: (key: DeviceKey, sinceNs: Int64)] = [:]
    private var bad: [String: Int64] = [:]
    /// Changes when everything is forgotten: what was asked before is not kept then.
    private(set) var generation = 0

    enum Finding {
        case known(DeviceKey)
        case unknown
        case ask
    }

    /// - Parameter isHeard: whether changes are heard of now. Whoever begins to hear of them again forgets everything first.
    func find(_ text: String, nowNs: Int64, isHeard: Bool) -> Finding {
        if let entry = good[text], nowNs - entry.sinceNs < (isHeard ? Self.goodNs : Self.unheardNs) { return .known(entry.key) }
        if let until = bad[text], until > nowNs { return .unknown }
        return .ask
    }

    mutating func put(_ text: String, _ key: DeviceKey?, askedIn generation: Int, nowNs: Int64) {
        guard generation == self.generation else { return }
        if let key {
            if good.count >= Self.bound, good[text] == nil { good.removeAll(keepingCapacity: true) }
            good[text] = (key, nowNs)
            bad[text] = nil
        } else {
            if bad.count >= Self.badBound { bad.removeAll(keepingCapacity: true) }
            good[text] = nil
            bad[text] = nowNs + Self.badNs
        }
    }

    mutating func forget() {
        good.removeAll(keepingCapacity: true)
        bad.removeAll(keepingCapacity: true)
        generation += 1
    }
}
