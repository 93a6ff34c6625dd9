/// A queue in a circular buffer: constant time at both ends, no allocation once it has its size.
struct Ring<Element> {
    private var storage: [Element?] = []
    private var head = 0
    private(set) var count = 0

    init() {}

    var isEmpty: Bool { count == 0 }
    var first: Element? { count == 0 ? nil : storage[head] }

    mutating func append(_ element: Element) {
        if count == storage.count { grow() }
        storage[(head + count) & (storage.count - 1)] = element
        count += 1
    }

    mutating func prepend(_ element: Element) {
        if count == storage.count { grow() }
        head = (head - 1) & (storage.count - 1)
        storage[head] = element
        count += 1
    }

    mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = storage[head].take()
        head = (head + 1) & (storage.count - 1)
        count -= 1
        return element
    }

    /// Empties the ring and returns what it held, in order.
    mutating func drain() -> [Element] {
        var all: [Element] = []
        all.reserveCapacity(count)
        while let element = popFirst() { all.append(element) }
        return all
    }

    /// Removes and returns the elements for which `isOut` holds; the others keep their order.
    mutating func extract(where isOut: (Element) -> Bool) -> [Element] {
        var out: [Element] = []
        for _ in 0..<count {
            guard let element = popFirst() else { break }
            if isOut(element) { out.append(element) } else { append(element) }
        }
        return out
    }

    private mutating func grow() {
        var larger: [Element?] = []
        larger.reserveCapacity(max(16, storage.count * 2))
        for i in 0..<count { larger.append(storage[(head + i) & (storage.count - 1)]) }
        while larger.count < max(16, storage.count * 2) { larger.append(nil) }
        storage = larger
        head = 0
    }
}
