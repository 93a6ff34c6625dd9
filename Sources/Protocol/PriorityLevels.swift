/// What waits by priority: the most urgent first, among equals as they came. Priorities are 0 to 9, the lowest number first; others count as the nearest.
public struct PriorityLevels<Element> {
    @usableFromInline static var levelCount: Int { 10 }
    /// Taken places at the front of a level that are worth moving the others up.
    @usableFromInline static var mostTaken: Int { 4_096 }

    @usableFromInline var levels: [[Element]] = Array(repeating: [], count: Self.levelCount)
    /// Where each level begins: before that its elements are taken.
    @usableFromInline var heads = [Int](repeating: 0, count: Self.levelCount)
    @usableFromInline var total = 0

    public init() {}

    @inlinable public var count: Int { total }
    @inlinable public var isEmpty: Bool { total == 0 }

    /// All of them, in their order.
    public var elements: [Element] { levels.indices.flatMap { levels[$0][heads[$0]...] } }

    /// The first one, and its priority.
    @inlinable public var first: (priority: Int, element: Element)? { firstPriority.map { ($0, levels[$0][heads[$0]]) } }

    @inlinable public var firstPriority: Int? {
        guard total > 0 else { return nil }
        return levels.indices.first { heads[$0] < levels[$0].count }
    }

    @inlinable public var lastPriority: Int? {
        guard total > 0 else { return nil }
        return levels.indices.last { heads[$0] < levels[$0].count }
    }

    @inlinable public mutating func append(_ element: Element, priority: Int) {
        levels[min(max(priority, 0), Self.levelCount - 1)].append(element)
        total += 1
    }

    @inlinable public mutating func popFirst() -> Element? {
        guard let level = firstPriority else { return nil }
        let element = levels[level][heads[level]]
        heads[level] += 1
        total -= 1
        if heads[level] == levels[level].count {
            levels[level].removeAll(keepingCapacity: true)
            heads[level] = 0
        } else if heads[level] > Self.mostTaken {
            levels[level].removeFirst(heads[level])
            heads[level] = 0
        }
        return element
    }

    /// Takes out those for which `isUnwanted` holds, asked once of each; returns them in their order.
    public mutating func removeAll(where isUnwanted: (Element) -> Bool) -> [Element] {
        var removed: [Element] = []
        for level in levels.indices where heads[level] < levels[level].count {
            let before = removed.count
            let kept = levels[level][heads[level]...].filter { element in
                guard isUnwanted(element) else { return true }
                removed.append(element)
                return false
            }
            guard removed.count > before else { continue }
            levels[level] = kept
            heads[level] = 0
        }
        total -= removed.count
        return removed
    }

    /// Changes elements where they stand.
    public mutating func updateAll(_ body: (inout Element) -> Void) {
        for level in levels.indices {
            for index in heads[level]..<levels[level].count { body(&levels[level][index]) }
        }
    }
}

extension PriorityLevels: Sendable where Element: Sendable {}
