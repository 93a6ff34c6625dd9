/// An instant: microseconds since 1970-01-01T00:00:00Z, leap seconds not counted (as POSIX and PostgreSQL do).
public struct Timestamp: Hashable, Comparable, Sendable {
    public var microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }
    public init(seconds: Int64) { microseconds = seconds &* 1_000_000 }

    public static func < (a: Timestamp, b: Timestamp) -> Bool { a.microseconds < b.microseconds }

    /// Whole seconds since 1970, rounded down.
    public var seconds: Int64 { Civil.floorDivide(microseconds, 1_000_000) }

    public func adding(seconds: Int64) -> Timestamp { Timestamp(microseconds: microseconds &+ seconds &* 1_000_000) }
    public func adding(microseconds delta: Int64) -> Timestamp { Timestamp(microseconds: microseconds &+ delta) }

    /// Seconds from `other` to this instant, with fraction.
    public func seconds(since other: Timestamp) -> Double { Double(microseconds &- other.microseconds) / 1_000_000 }
}

/// A fixed offset from UTC. The specs' local rules use one (Beijing, UTC+8, has had no daylight saving time since 1991).
public struct UTCOffset: Hashable, Sendable {
    public var seconds: Int64
    public init(seconds: Int64) { self.seconds = seconds }

    public static let utc = UTCOffset(seconds: 0)
    public static let beijing = UTCOffset(seconds: 8 * 3600)

    /// Reads `Z`, `+08:00`, `-0330` or `+8`; nil for anything else or beyond ±18:00.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        if bytes == [UInt8(ascii: "Z")] || bytes == [UInt8(ascii: "z")] {
            self = .utc
            return
        }
        guard bytes.count >= 2, bytes[0] == UInt8(ascii: "+") || bytes[0] == UInt8(ascii: "-") else { return nil }
        var digits = Array(bytes.dropFirst())
        if digits.count == 5, digits[2] == UInt8(ascii: ":") { digits.remove(at: 2) }
        guard digits.allSatisfy(ASCII.isDigit), [1, 2, 4].contains(digits.count) else { return nil }
        let number = digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
        let hours = digits.count == 4 ? number / 100 : number
        let minutes = digits.count == 4 ? number % 100 : 0
        let total = hours * 3600 + minutes * 60
        guard total <= 18 * 3600, minutes < 60 else { return nil }
        seconds = bytes[0] == UInt8(ascii: "-") ? -total : total
    }

    /// `+08:00`, as PostgreSQL and ISO 8601 write it.
    public var description: String {
        let minutes = abs(seconds) / 60
        let pad = { (n: Int64) in n < 10 ? "0\(n)" : "\(n)" }
        return (seconds < 0 ? "-" : "+") + pad(minutes / 60) + ":" + pad(minutes % 60)
    }
}
