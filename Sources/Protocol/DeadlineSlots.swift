/// Ids by the moment their time is up, in slots of 2^27 ns (134 ms). Ids that ended earlier stay until their slot is met: the owner skips them.
public struct DeadlineSlots: Sendable {
    private var slots: [Int64: [UInt64]] = [:]
    /// Most ids share the slot of the one before them: no look-up for those.
    private var recent: [UInt64] = []
    private var recentSlot = Int64.min
    /// Slots before this one are taken.
    private var next: Int64

    public init(nowNs: Int64) { next = nowNs >> 27 }

    public mutating func add(_ id: UInt64, atNs: Int64) {
        let slot = max(atNs >> 27, next)
        if slot != recentSlot {
            putRecentAway()
            recentSlot = slot
        }
        recent.append(id)
    }

    /// The ids whose slot is over.
    public mutating func takeDue(nowNs: Int64) -> [UInt64] {
        let now = nowNs >> 27
        guard next < now else { return [] }
        putRecentAway()
        var due: [UInt64] = []
        while next < now {
            if let ids = slots.removeValue(forKey: next) { due += ids }
            next += 1
        }
        return due
    }

    private mutating func putRecentAway() {
        guard !recent.isEmpty else { return }
        slots[recentSlot, default: []] += recent
        recent.removeAll(keepingCapacity: true)
        recentSlot = .min
    }
}
