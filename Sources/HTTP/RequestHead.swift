import Bytes

/// A request's line and fields: the head's own bytes, and where in them everything is. No string is made until somebody asks for one.
public struct RequestHead: Sendable {
    /// Where one field's name and trimmed value are.
    struct Field {
        var name: Range<Int>
        var value: Range<Int>
    }

    public enum BodyKind: Hashable, Sendable {
        case none
        /// Bytes, more than none.
        case fixed(Int)
        case chunked
    }

    let bytes: [UInt8]
    var fields: [Field]
    var methodRange: Range<Int>
    var targetRange: Range<Int>
    var pathRange: Range<Int>
    var queryRange: Range<Int>?

    public internal(set) var method: HTTPMethod
    /// 0 or 1: HTTP/1.0 or HTTP/1.1.
    public internal(set) var minorVersion: Int
    public internal(set) var body: BodyKind = .none
    /// What the client wants after this exchange (RFC 9112 §9.3).
    public internal(set) var keepAlive: Bool
    public internal(set) var expectsContinue = false
    /// Whether `Connection` names `upgrade`.
    public internal(set) var wantsUpgrade = false
    /// Whether the target is `*`, which only OPTIONS may have.
    public internal(set) var isAsterisk = false

    public var methodName: String { text(methodRange) }
    public var target: String { text(targetRange) }
    /// The path as sent: starts with `/`, escapes well formed but not undone.
    public var rawPath: String { text(pathRange) }
    public var rawQuery: String? { queryRange.map(text) }
    public var fieldCount: Int { fields.count }

    public func withPath<R>(_ body: (UnsafeBufferPointer<UInt8>) throws -> R) rethrows -> R {
        try bytes.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[pathRange])) }
    }

    /// The query's bytes as sent, without the `?`; empty when there is none.
    public func withQuery<R>(_ body: (UnsafeBufferPointer<UInt8>) throws -> R) rethrows -> R {
        try bytes.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[queryRange ?? 0..<0])) }
    }

    /// The first field of that name (any case), or nil.
    public func value(_ name: StaticString) -> String? {
        guard let range = find(name, from: 0).map({ fields[$0].value }) else { return nil }
        return text(range)
    }

    /// All fields of that name joined with `, `, as RFC 9110 §5.3 allows for list fields.
    public func list(_ name: StaticString) -> String? {
        guard var index = find(name, from: 0) else { return nil }
        var joined = text(fields[index].value)
        while let next = find(name, from: index + 1) {
            joined += ", " + text(fields[next].value)
            index = next
        }
        return joined
    }

    public func has(_ name: StaticString) -> Bool { find(name, from: 0) != nil }

    public func count(_ name: StaticString) -> Int {
        var count = 0
        var from = 0
        while let index = find(name, from: from) {
            count += 1
            from = index + 1
        }
        return count
    }

    /// The bytes of the first field of that name.
    public func withValue<R>(_ name: StaticString, _ body: (UnsafeBufferPointer<UInt8>) throws -> R) rethrows -> R? {
        guard let index = find(name, from: 0) else { return nil }
        return try bytes.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[fields[index].value])) }
    }

    /// All fields in order, for logs and proxies.
    public var allFields: [(name: String, value: String)] { fields.map { (text($0.name), text($0.value)) } }

    func find(_ name: StaticString, from start: Int) -> Int? {
        let count = name.utf8CodeUnitCount
        return bytes.withUnsafeBufferPointer { bytes in
            var index = start
            while index < fields.count {
                let range = fields[index].name
                if range.count == count {
                    var i = 0
                    while i < count, ASCII.lower(bytes[range.lowerBound + i]) == ASCII.lower(name.utf8Start[i]) { i += 1 }
                    if i == count { return index }
                }
                index += 1
            }
            return nil
        }
    }

    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
}
