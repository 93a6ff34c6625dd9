/// Why bytes are not the JSON that was asked for, with the byte offset where that showed.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Reason: String, Sendable {
        case unexpectedEnd = "ends in the middle"
        case unexpectedByte = "unexpected character"
        case badNumber = "malformed number"
        case badString = "malformed string"
        case badUTF8 = "invalid UTF-8"
        case tooDeep = "nested too deeply"
        case trailing = "data after the document"
        case wrongType = "wrong type"
        case outOfRange = "number out of range"
    }
    public var reason: Reason
    public var offset: Int

    public init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    public var description: String { "JSON: \(reason.rawValue) at byte \(offset)" }
}

/// A strict RFC 8259 pull parser over bytes: the caller asks for what it expects and no tree is built.
///
/// Duplicate keys are handed on as they come. Strings are checked for UTF-8, escapes and surrogate pairs.
public struct JSONReader {
    public enum Kind: Sendable { case object, array, string, number, bool, null }

    /// The raw inside of a string: valid UTF-8, escapes not yet undone.
    public struct Text {
        public let raw: UnsafeBufferPointer<UInt8>
        public let hasEscapes: Bool

        @inlinable public func equals(_ s: StaticString) -> Bool {
            if hasEscapes { return string == s.description }
            guard raw.count == s.utf8CodeUnitCount else { return false }
            for i in 0..<raw.count where raw[i] != s.utf8Start[i] { return false }
            return true
        }

        public var string: String { hasEscapes ? JSONReader.unescape(raw) : String(decoding: raw, as: UTF8.self) }
    }

    public static let defaultMaxDepth = 64

    public let input: UnsafeBufferPointer<UInt8>
    public private(set) var position = 0
    private var depthLeft: Int

    /// The buffer must outlive the reader.
    public init(_ input: UnsafeBufferPointer<UInt8>, maxDepth: Int = defaultMaxDepth) {
        self.input = input
        depthLeft = maxDepth
    }

    /// Reads one whole document from an array; trailing bytes other than white space are an error.
    public static func read<T>(_ bytes: [UInt8], maxDepth: Int = defaultMaxDepth, _ body: (inout JSONReader) throws(JSONError) -> T) throws(JSONError) -> T {
        let result: Result<T, JSONError> = bytes.withUnsafeBufferPointer { buffer in
            var reader = JSONReader(buffer, maxDepth: maxDepth)
            do throws(JSONError) {
                let value = try body(&reader)
                try reader.end()
                return .success(value)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    // MARK: What comes next

    public mutating func kind() throws(JSONError) -> Kind {
        switch try peek() {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "-"), 0x30...0x39: return .number
        default: throw JSONError(.unexpectedByte, at: position)
        }
    }

    /// Whether only white space is left.
    public mutating func isAtEnd() -> Bool {
        skipSpace()
        return position >= input.count
    }

    public mutating func end() throws(JSONError) {
        if !isAtEnd() { throw JSONError(.trailing, at: position) }
    }

    // MARK: Containers

    /// Reads an object; `member` must consume each value (`skip()` at least).
    @inlinable
    public mutating func object(_ member: (inout JSONReader, Text) throws(JSONError) -> Void) throws(JSONError) {
        try enter(UInt8(ascii: "{"))
        if try take(UInt8(ascii: "}")) { return leave() }
        while true {
            let key = try text()
            guard try take(UInt8(ascii: ":")) else { throw JSONError(.unexpectedByte, at: position) }
            try member(&self, key)
            if try take(UInt8(ascii: "}")) { return leave() }
            guard try take(UInt8(ascii: ",")) else { throw JSONError(.unexpectedByte, at: position) }
        }
    }

    /// Reads an array; `element` must consume each value.
    @inlinable
    public mutating func array(_ element: (inout JSONReader) throws(JSONError) -> Void) throws(JSONError) {
        try enter(UInt8(ascii: "["))
        if try take(UInt8(ascii: "]")) { return leave() }
        while true {
            try element(&self)
            if try take(UInt8(ascii: "]")) { return leave() }
            guard try take(UInt8(ascii: ",")) else { throw JSONError(.unexpectedByte, at: position) }
        }
    }

    @usableFromInline mutating func enter(_ b: UInt8) throws(JSONError) {
        guard try take(b) else { throw JSONError(.wrongType, at: position) }
        depthLeft -= 1
        if depthLeft < 0 { throw JSONError(.tooDeep, at: position) }
    }

    @usableFromInline mutating func leave() { depthLeft += 1 }

    // MARK: Scalars

    public mutating func bool() throws(JSONError) -> Bool {
        switch try peek() {
        case UInt8(ascii: "t"):
            try literal("true")
            return true
        case UInt8(ascii: "f"):
            try literal("false")
            return false
        default: throw JSONError(.wrongType, at: position)
        }
    }

    /// Consumes `null` and says so, or consumes nothing.
    public mutating func null() throws(JSONError) -> Bool {
        guard try peek() == UInt8(ascii: "n") else { return false }
        try literal("null")
        return true
    }

    public mutating func string() throws(JSONError) -> String { try text().string }

    /// A number without fraction or exponent that fits.
    public mutating func int() throws(JSONError) -> Int {
        let start = position
        switch try number() {
        case .int(let n): return n
        // `-0` is kept as a double for its sign.
        case .double(let d) where d == 0 && d.sign == .minus: return 0
        case .double: throw JSONError(.outOfRange, at: start)
        }
    }

    public mutating func double() throws(JSONError) -> Double {
        switch try number() {
        case .int(let n): Double(n)
        case .double(let d): d
        }
    }

    /// Reads any value into a tree.
    public mutating func value() throws(JSONError) -> JSONValue {
        switch try kind() {
        case .null:
            try literal("null")
            return .null
        case .bool: return .bool(try bool())
        case .string: return .string(try string())
        case .number:
            switch try number() {
            case .int(let n): return .int(n)
            case .double(let d): return .double(d)
            }
        case .array:
            var items: [JSONValue] = []
            try array { (r) throws(JSONError) in items.append(try r.value()) }
            return .array(items)
        case .object:
            var members: [(key: String, value: JSONValue)] = []
            try object { (r, key) throws(JSONError) in members.append((key: key.string, value: try r.value())) }
            return .object(members)
        }
    }

    /// Reads past any value, checking it.
    public mutating func skip() throws(JSONError) {
        switch try kind() {
        case .null: try literal("null")
        case .bool: _ = try bool()
        case .string: _ = try text()
        case .number: _ = try number()
        case .array: try array { (r) throws(JSONError) in try r.skip() }
        case .object: try object { (r, _) throws(JSONError) in try r.skip() }
        }
    }

    // MARK: Inside

    private mutating func skipSpace() {
        while position < input.count {
            let b = input[position]
            guard b == 0x20 || b == 0x0A || b == 0x0D || b == 0x09 else { return }
            position += 1
        }
    }

    private mutating func peek() throws(JSONError) -> UInt8 {
        skipSpace()
        guard position < input.count else { throw JSONError(.unexpectedEnd, at: position) }
        return input[position]
    }

    @usableFromInline mutating func take(_ b: UInt8) throws(JSONError) -> Bool {
        guard try peek() == b else { return false }
        position += 1
        return true
    }

    private mutating func literal(_ s: StaticString) throws(JSONError) {
        for i in 0..<s.utf8CodeUnitCount {
            guard position < input.count else { throw JSONError(.unexpectedEnd, at: position) }
            guard input[position] == s.utf8Start[i] else { throw JSONError(.unexpectedByte, at: position) }
            position += 1
        }
    }

    enum Number {
        case int(Int)
        case double(Double)
    }

    mutating func number() throws(JSONError) -> Number {
        let first = try peek()
        guard first == UInt8(ascii: "-") || ASCII.isDigit(first) else { throw JSONError(.wrongType, at: position) }
        let start = position
        var p = position
        let negative = first == UInt8(ascii: "-")
        if negative { p += 1 }
        guard p < input.count, ASCII.isDigit(input[p]) else { throw JSONError(.badNumber, at: p) }
        if input[p] == 0x30, p + 1 < input.count, ASCII.isDigit(input[p + 1]) { throw JSONError(.badNumber, at: p) }
        var mantissa: UInt64 = 0
        var exact = true
        var fractionDigits = 0
        func digits(_ isFraction: Bool) {
            while p < input.count, ASCII.isDigit(input[p]) {
                if mantissa > (UInt64.max - 9) / 10 { exact = false } else { mantissa = mantissa * 10 + UInt64(input[p] - 0x30) }
                if isFraction { fractionDigits += 1 }
                p += 1
            }
        }
        digits(false)
        var isInteger = true
        if p < input.count, input[p] == UInt8(ascii: ".") {
            isInteger = false
            p += 1
            guard p < input.count, ASCII.isDigit(input[p]) else { throw JSONError(.badNumber, at: p) }
            digits(true)
        }
        if p < input.count, input[p] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            exact = false
            p += 1
            if p < input.count, input[p] == UInt8(ascii: "+") || input[p] == UInt8(ascii: "-") { p += 1 }
            guard p < input.count, ASCII.isDigit(input[p]) else { throw JSONError(.badNumber, at: p) }
            while p < input.count, ASCII.isDigit(input[p]) { p += 1 }
        }
        position = p
        if isInteger, exact, mantissa <= (negative ? Int.min : Int.max).magnitude {
            if negative && mantissa == 0 { return .double(-0.0) }
            return .int(negative ? Int(truncatingIfNeeded: 0 &- mantissa) : Int(mantissa))
        }
        // Up to 2^53 with up to 22 decimals, one division of two exact doubles is correctly rounded.
        if exact, mantissa < 1 << 53, fractionDigits <= 22 {
            let d = Double(mantissa) / Self.powersOfTen[fractionDigits]
            return .double(negative ? -d : d)
        }
        guard let d = Double(String(decoding: UnsafeBufferPointer(rebasing: input[start..<p]), as: UTF8.self)), d.isFinite else {
            throw JSONError(.outOfRange, at: start)
        }
        return .double(d)
    }

    private static let powersOfTen: [Double] = (0...22).map { n in (0..<n).reduce(1.0) { p, _ in p * 10 } }

    /// Reads a string's raw inside.
    public mutating func text() throws(JSONError) -> Text {
        guard try peek() == UInt8(ascii: "\"") else { throw JSONError(.wrongType, at: position) }
        position += 1
        let start = position
        var escapes = false
        var ascii = true
        while true {
            skipPlain()
            guard position < input.count else { throw JSONError(.unexpectedEnd, at: position) }
            let b = input[position]
            if b == UInt8(ascii: "\"") { break }
            if b < 0x20 { throw JSONError(.badString, at: position) }
            if b == UInt8(ascii: "\\") {
                escapes = true
                try checkEscape()
            } else {
                if b >= 0x80 { ascii = false }
                position += 1
            }
        }
        let raw = UnsafeBufferPointer(rebasing: input[start..<position])
        if !ascii, !UTF8Check.isValid(raw) { throw JSONError(.badUTF8, at: start) }
        position += 1
        return Text(raw: raw, hasEscapes: escapes)
    }

    /// Moves past ASCII that needs no look, eight bytes at a time: intake spends a quarter of its time in texts.
    private mutating func skipPlain() {
        guard let base = input.baseAddress else { return }
        let raw = UnsafeRawPointer(base)
        let ones: UInt64 = 0x0101_0101_0101_0101
        while position + 8 <= input.count {
            let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            // A high bit for each byte that is not ASCII, a control character, a quote or a backslash; the lowest one is exact.
            let marks = word | (word &- (ones &* 0x20)) | ((word ^ (ones &* 0x22)) &- ones) | ((word ^ (ones &* 0x5C)) &- ones)
            let found = marks & (ones &* 0x80)
            guard found == 0 else {
                position += found.trailingZeroBitCount >> 3
                return
            }
            position += 8
        }
    }

    private mutating func checkEscape() throws(JSONError) {
        guard position + 1 < input.count else { throw JSONError(.unexpectedEnd, at: position) }
        switch input[position + 1] {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: position += 2
        case UInt8(ascii: "u"):
            let unit = try hex4(position + 2)
            position += 6
            if unit & 0xFC00 == 0xDC00 { throw JSONError(.badString, at: position - 6) }
            if unit & 0xFC00 == 0xD800 {
                guard position + 1 < input.count, input[position] == 0x5C, input[position + 1] == UInt8(ascii: "u"),
                    try hex4(position + 2) & 0xFC00 == 0xDC00
                else { throw JSONError(.badString, at: position) }
                position += 6
            }
        default: throw JSONError(.badString, at: position)
        }
    }

    private func hex4(_ at: Int) throws(JSONError) -> UInt32 {
        guard at + 4 <= input.count else { throw JSONError(.unexpectedEnd, at: at) }
        var n: UInt32 = 0
        for i in at..<(at + 4) {
            guard let h = ASCII.hexValue(input[i]) else { throw JSONError(.badString, at: i) }
            n = n << 4 | UInt32(h)
        }
        return n
    }

    /// Undoes escapes that `text()` has checked.
    static func unescape(_ raw: UnsafeBufferPointer<UInt8>) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(raw.count)
        var i = 0
        func unit(_ at: Int) -> UInt32 { (at..<(at + 4)).reduce(0) { $0 << 4 | UInt32(ASCII.hexValue(raw[$1]) ?? 0) } }
        while i < raw.count {
            guard raw[i] == 0x5C else {
                out.append(raw[i])
                i += 1
                continue
            }
            i += 2
            switch raw[i - 1] {
            case UInt8(ascii: "b"): out.append(0x08)
            case UInt8(ascii: "f"): out.append(0x0C)
            case UInt8(ascii: "n"): out.append(0x0A)
            case UInt8(ascii: "r"): out.append(0x0D)
            case UInt8(ascii: "t"): out.append(0x09)
            case UInt8(ascii: "u"):
                var scalar = unit(i)
                i += 4
                if scalar & 0xFC00 == 0xD800 {
                    scalar = 0x10000 + (scalar & 0x3FF) << 10 + (unit(i + 2) & 0x3FF)
                    i += 6
                }
                out.append(contentsOf: String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8)
            default: out.append(raw[i - 1])
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
