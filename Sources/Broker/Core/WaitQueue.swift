/// Call ids that wait for a worker, first come first. Ids of calls that ended meanwhile stay inside until they are met.
struct WaitQueue {
    private var ids: [UInt64] = []
    private var head = 0
    /// How many of the ids still wait.
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }
    /// Ids that nobody waits for any more.
    var stale: Int { ids.count - head - count }

    mutating func append(_ id: UInt64) {
        ids.append(id)
        count += 1
    }

    /// Puts a call in front: it waited longest.
    mutating func putBack(_ id: UInt64) {
        if head > 0 {
            head -= 1
            ids[head] = id
        } else {
            ids.insert(id, at: 0)
        }
        count += 1
    }

    /// The first id for which `waits` holds, taken out.
    mutating func popFirst(_ waits: (UInt64) -> Bool) -> UInt64? {
        while head < ids.count {
            let id = ids[head]
            head += 1
            if head > 4_096 {
                ids.removeFirst(head)
                head = 0
            }
            if waits(id) {
                count -= 1
                return id
            }
        }
        ids.removeAll(keepingCapacity: true)
        head = 0
        return nil
    }

    /// One of the ids does not wait any more. `waits` says which ones do: asked only when most are stale.
    mutating func forget(_ waits: (UInt64) -> Bool) {
        count -= 1
        guard stale > count + 64 else { return }
        ids = ids[head...].filter(waits)
        head = 0
    }
}
