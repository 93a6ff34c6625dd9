/// A binary heap of deadlines. Pure: the clock's value comes in as a parameter.
public struct TimerQueue<Value> {
    struct Entry {
        var deadlineNs: Int64
        var id: UInt64
    }

    private var heap: [Entry] = []
    private var values: [UInt64: Value] = [:]
    private var lastID: UInt64 = 0

    public init() {}

    public var isEmpty: Bool { values.isEmpty }
    public var count: Int { values.count }

    /// Adds a value that becomes due at `deadlineNs`; the returned id cancels it.
    public mutating func insert(_ value: Value, at deadlineNs: Int64) -> UInt64 {
        lastID &+= 1
        values[lastID] = value
        heap.append(Entry(deadlineNs: deadlineNs, id: lastID))
        siftUp(heap.count - 1)
        return lastID
    }

    /// Cancels a timer; a second cancel, or one after it fired, does nothing.
    public mutating func cancel(_ id: UInt64) {
        values[id] = nil
        if heap.count > 64 && heap.count > values.count * 4 { compact() }
    }

    /// The earliest deadline among live timers.
    public mutating func nextDeadlineNs() -> Int64? {
        while let top = heap.first {
            if values[top.id] != nil { return top.deadlineNs }
            removeTop()
        }
        return nil
    }

    /// Removes and returns one value that is due at `nowNs`, earliest first.
    public mutating func popDue(nowNs: Int64) -> Value? {
        while let top = heap.first, top.deadlineNs <= nowNs {
            removeTop()
            if let value = values.removeValue(forKey: top.id) { return value }
        }
        return nil
    }

    private mutating func compact() {
        heap = heap.filter { values[$0.id] != nil }
        heap.sort { $0.deadlineNs < $1.deadlineNs }
    }

    private mutating func removeTop() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            let left = parent * 2 + 1
            guard left < heap.count else { return }
            var least = left
            if left + 1 < heap.count, heap[left + 1].deadlineNs < heap[left].deadlineNs { least = left + 1 }
            guard heap[least].deadlineNs < heap[parent].deadlineNs else { return }
            heap.swapAt(least, parent)
            parent = least
        }
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].deadlineNs < heap[parent].deadlineNs else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }
}
