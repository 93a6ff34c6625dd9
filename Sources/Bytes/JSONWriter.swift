/// Writes JSON straight into bytes: no intermediate dictionaries, commas placed by itself.
///
/// Field order is call order. Numbers that JSON cannot hold (NaN, infinite) are written as `null`.
public struct JSONWriter {
    public var bytes: [UInt8]
    private var needsComma = false

    public init(capacity: Int = 256) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    public var string: String { String(decoding: bytes, as: UTF8.self) }

    // MARK: Structure

    public mutating func beginObject() { open(UInt8(ascii: "{")) }
    public mutating func endObject() { close(UInt8(ascii: "}")) }
    public mutating func beginArray() { open(UInt8(ascii: "[")) }
    public mutating func endArray() { close(UInt8(ascii: "]")) }

    public mutating func object(_ body: (inout JSONWriter) throws -> Void) rethrows {
        beginObject()
        try body(&self)
        endObject()
    }

    public mutating func array(_ body: (inout JSONWriter) throws -> Void) rethrows {
        beginArray()
        try body(&self)
        endArray()
    }

    /// Writes a key; the next write is its value. The name must not need escaping.
    public mutating func key(_ name: StaticString) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    public mutating func key(_ name: String) {
        value(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    // MARK: Values

    public mutating func null() { literal("null") }
    public mutating func value(_ v: Bool) { literal(v ? "true" : "false") }

    public mutating func value(_ v: Int) {
        separate()
        Self.append(v, to: &bytes)
        needsComma = true
    }

    public mutating func value(_ v: Int64) { value(Int(v)) }

    /// The shortest text that reads back as the same number, with a decimal point (`60.0`) as the specs show.
    public mutating func value(_ v: Double) {
        guard v.isFinite else { return null() }
        separate()
        Self.append(v, to: &bytes)
        needsComma = true
    }

    public mutating func value(_ v: String) {
        separate()
        var v = v
        v.withUTF8 { Self.appendQuoted($0, to: &bytes) }
        needsComma = true
    }

    /// A string given as UTF-8 bytes that are known to be valid (PostgreSQL checks its text).
    public mutating func value(utf8 v: UnsafeBufferPointer<UInt8>) {
        separate()
        Self.appendQuoted(v, to: &bytes)
        needsComma = true
    }

    public mutating func value(_ v: Timestamp, _ style: RFC3339.Style) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        RFC3339.append(v, style, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
        needsComma = true
    }

    /// Bytes that are already one JSON value.
    public mutating func raw(_ json: some Collection<UInt8>) {
        separate()
        bytes.append(contentsOf: json)
        needsComma = true
    }

    public mutating func value(_ v: JSONValue) {
        switch v {
        case .null: null()
        case .bool(let b): value(b)
        case .int(let i): value(i)
        case .double(let d): value(d)
        case .string(let s): value(s)
        case .array(let items): array { w in for item in items { w.value(item) } }
        case .object(let members):
            object { w in
                for (name, item) in members {
                    w.key(name)
                    w.value(item)
                }
            }
        }
    }

    // MARK: Members

    public mutating func member(_ name: StaticString, _ v: String?) {
        key(name)
        if let v { value(v) } else { null() }
    }
    public mutating func member(_ name: StaticString, _ v: Int?) {
        key(name)
        if let v { value(v) } else { null() }
    }
    public mutating func member(_ name: StaticString, _ v: Double?) {
        key(name)
        if let v { value(v) } else { null() }
    }
    public mutating func member(_ name: StaticString, _ v: Bool?) {
        key(name)
        if let v { value(v) } else { null() }
    }
    public mutating func member(_ name: StaticString, _ v: Timestamp?, _ style: RFC3339.Style) {
        key(name)
        if let v { value(v, style) } else { null() }
    }
    public mutating func member(_ name: StaticString, _ v: JSONValue) {
        key(name)
        value(v)
    }

    // MARK: Inside

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    private mutating func open(_ b: UInt8) {
        separate()
        bytes.append(b)
        needsComma = false
    }

    private mutating func close(_ b: UInt8) {
        bytes.append(b)
        needsComma = true
    }

    private mutating func literal(_ s: StaticString) {
        separate()
        bytes.append(contentsOf: UnsafeBufferPointer(start: s.utf8Start, count: s.utf8CodeUnitCount))
        needsComma = true
    }

    public static func append(_ v: Int, to out: inout [UInt8]) {
        if v < 0 { out.append(UInt8(ascii: "-")) }
        append(magnitude: v.magnitude, to: &out)
    }

    private static func append(magnitude: UInt, to out: inout [UInt8]) {
        var n = magnitude
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var i = 20
            repeat {
                i -= 1
                digits[i] = UInt8(0x30 + n % 10)
                n /= 10
            } while n > 0
            out.append(contentsOf: UnsafeBufferPointer(rebasing: digits[i...]))
        }
    }

    /// Readings have few decimals: those are written by integer arithmetic, the rest by the standard library's shortest form.
    public static func append(_ v: Double, to out: inout [UInt8]) {
        let scaled = (v * 1000).rounded()
        if abs(scaled) < 1e14, scaled / 1000 == v, !(v == 0 && v.sign == .minus) {
            if v < 0 { out.append(UInt8(ascii: "-")) }
            let n = UInt(abs(scaled))
            append(magnitude: n / 1000, to: &out)
            out.append(UInt8(ascii: "."))
            let f = n % 1000
            out.append(UInt8(0x30 + f / 100))
            if f % 100 != 0 { out.append(UInt8(0x30 + f / 10 % 10)) }
            if f % 10 != 0 { out.append(UInt8(0x30 + f % 10)) }
        } else {
            out.append(contentsOf: v.description.utf8)
        }
    }

    static func appendQuoted(_ text: UnsafeBufferPointer<UInt8>, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        var start = 0
        for i in 0..<text.count {
            let b = text[i]
            guard b < 0x20 || b == 0x22 || b == 0x5C else { continue }
            out.append(contentsOf: UnsafeBufferPointer(rebasing: text[start..<i]))
            start = i + 1
            out.append(UInt8(ascii: "\\"))
            switch b {
            case 0x22, 0x5C: out.append(b)
            case 0x0A: out.append(UInt8(ascii: "n"))
            case 0x0D: out.append(UInt8(ascii: "r"))
            case 0x09: out.append(UInt8(ascii: "t"))
            default:
                out.append(contentsOf: [0x75, 0x30, 0x30])
                out.append(hexDigits[Int(b >> 4)])
                out.append(hexDigits[Int(b & 15)])
            }
        }
        out.append(contentsOf: UnsafeBufferPointer(rebasing: text[start...]))
        out.append(UInt8(ascii: "\""))
    }

    static let hexDigits = Array("0123456789abcdef".utf8)
}
