import Bytes

/// What has a place in a car's stored memory: one list of fields serves for writing and for reading, so that neither can forget one.
protocol Remembered {
    init()
    mutating func remember(_ m: inout MachineMemory)
}

/// A machine's memory as JSON, while it is written or read. What is nil is left out; what is missing keeps its default.
struct MachineMemory {
    /// nil while reading.
    private var writer: JSONWriter?
    private var object = JSONValue.null
    /// A member was not what it has to be: the memory is not used.
    private(set) var isBroken = false

    static func write(_ value: some Remembered) -> [UInt8] {
        var memory = MachineMemory()
        memory.writer = JSONWriter(capacity: 4096)
        memory.inside(value)
        return memory.writer?.bytes ?? []
    }

    /// nil: it is no memory of such a value.
    static func read<T: Remembered>(_ json: JSONValue, _: T.Type = T.self) -> T? {
        guard json.object != nil else { return nil }
        var memory = MachineMemory()
        memory.object = json
        var value = T()
        value.remember(&memory)
        return memory.isBroken ? nil : value
    }

    private mutating func inside(_ value: some Remembered) {
        var copy = value
        writer?.beginObject()
        copy.remember(&self)
        writer?.endObject()
    }

    /// The member as the given look finds it; nil where it is missing, and the memory is broken where it is something else.
    private mutating func read<T>(_ key: StaticString, _ look: (JSONValue) -> T?) -> T? {
        guard let member = object[key.description], !member.isNull else { return nil }
        let value = look(member)
        if value == nil { isBroken = true }
        return value
    }

    private var isReading: Bool { writer == nil }

    // MARK: Fields

    mutating func callAsFunction(_ key: StaticString, _ v: inout Int?) {
        if isReading { v = read(key, \.int) } else if let v { writer?.member(key, v) }
    }
    mutating func callAsFunction(_ key: StaticString, _ v: inout Int) {
        if isReading { v = read(key, \.int) ?? v } else { writer?.member(key, v) }
    }
    mutating func callAsFunction(_ key: StaticString, _ v: inout Double?) {
        if isReading { v = read(key, \.double) } else if let v { writer?.member(key, v) }
    }
    mutating func callAsFunction(_ key: StaticString, _ v: inout Double) {
        if isReading { v = read(key, \.double) ?? v } else { writer?.member(key, v) }
    }
    mutating func callAsFunction(_ key: StaticString, _ v: inout Bool?) {
        if isReading { v = read(key, \.bool) } else if let v { writer?.member(key, v) }
    }
    mutating func callAsFunction(_ key: StaticString, _ v: inout Bool) {
        if isReading { v = read(key, \.bool) ?? v } else { writer?.member(key, v) }
    }
    mutating func callAsFunction(_ key: StaticString, _ v: inout String?) {
        if isReading { v = read(key, \.string) } else if let v { writer?.member(key, v) }
    }
    mutating func callAsFunction(_ key: StaticString, _ v: inout String) {
        if isReading { v = read(key, \.string) ?? v } else { writer?.member(key, v) }
    }
    /// µs.
    mutating func callAsFunction(_ key: StaticString, _ v: inout Timestamp?) {
        if isReading { v = read(key) { $0.int.map { Timestamp(microseconds: Int64($0)) } } } else if let v { writer?.member(key, Int(v.microseconds)) }
    }
    mutating func callAsFunction(_ key: StaticString, _ v: inout Timestamp) {
        var optional: Timestamp? = v
        self(key, &optional)
        v = optional ?? v
    }
    mutating func callAsFunction<T: RawRepresentable<String>>(_ key: StaticString, _ v: inout T?) {
        if isReading { v = read(key) { $0.string.flatMap(T.init(rawValue:)) } } else if let v { writer?.member(key, v.rawValue) }
    }
    mutating func callAsFunction<T: RawRepresentable<String>>(_ key: StaticString, _ v: inout T) {
        var optional: T? = v
        self(key, &optional)
        v = optional ?? v
    }

    mutating func callAsFunction<T: Remembered>(_ key: StaticString, _ v: inout T?) {
        if isReading {
            v = nil
            guard let member = object[key.description], !member.isNull else { return }
            guard member.object != nil else {
                isBroken = true
                return
            }
            let around = object
            object = member
            var value = T()
            value.remember(&self)
            v = value
            object = around
        } else if let v {
            writer?.key(key)
            inside(v)
        }
    }
    mutating func callAsFunction<T: Remembered>(_ key: StaticString, _ v: inout T) {
        var optional: T? = v
        self(key, &optional)
        v = optional ?? v
    }

    mutating func callAsFunction(_ key: StaticString, _ v: inout [Double]) {
        if isReading {
            v = read(key) { all($0) { $0.double } } ?? []
        } else if !v.isEmpty {
            writer?.key(key)
            writer?.array { w in for item in v { w.value(item) } }
        }
    }
    /// µs.
    mutating func callAsFunction(_ key: StaticString, _ v: inout [Timestamp]) {
        if isReading {
            v = read(key) { all($0) { $0.int.map { Timestamp(microseconds: Int64($0)) } } } ?? []
        } else if !v.isEmpty {
            writer?.key(key)
            writer?.array { w in for item in v { w.value(item.microseconds) } }
        }
    }
}

/// Every item of an array, or nil.
private func all<T>(_ value: JSONValue, _ item: (JSONValue) -> T?) -> [T]? {
    guard let items = value.array else { return nil }
    let found = items.compactMap(item)
    return found.count == items.count ? found : nil
}
