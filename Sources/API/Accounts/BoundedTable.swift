/// A table of so many keys at the most: a new key that finds it full pushes out the entries that have expired, or, where none has, all.
struct BoundedTable<Key: Hashable, Value> {
    let bound: Int
    private var entries: [Key: Value] = [:]

    init(_ bound: Int) { self.bound = bound }

    var count: Int { entries.count }

    subscript(_ key: Key) -> Value? { entries[key] }

    mutating func set(_ key: Key, _ value: Value, isExpired: (Value) -> Bool) {
        if entries.count >= bound, entries[key] == nil {
            entries = entries.filter { !isExpired($0.value) }
            if entries.count >= bound { entries.removeAll() }
        }
        entries[key] = value
    }

    mutating func remove(_ key: Key) { entries[key] = nil }
}
