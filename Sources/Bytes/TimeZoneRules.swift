/// The offsets from UTC that the clocks of a place have had and will have, as a TZif file states them.
///
/// Seconds are those of `Timestamp.seconds`. Before the first change the file's first type holds, after the last one its footer
/// (RFC 8536 §3.2, §3.3).
public struct TimeZoneRules: Hashable, Sendable {
    public static let utc = TimeZoneRules(fixed: .utc)

    /// What RFC 8536 §3.2 allows for an offset, in seconds: more than -25 h, less than 26 h.
    static let offsetRange: ClosedRange<Int64> = -89_999...93_599

    /// A time in which the offset stays the same.
    public struct Period: Hashable, Sendable {
        /// East of UTC, in seconds.
        public var offsetSeconds: Int64
        /// Seconds since 1970; `Int64.min` when there is no earlier period.
        public var start: Int64
        /// The first second of the next period; `Int64.max` when there is none.
        public var end: Int64
    }

    /// The offset before the first change.
    let firstOffset: Int64
    /// When the offset changes, and what it is from then on; ascending.
    let changes: [Int64]
    let offsets: [Int64]
    /// What holds from `tailStart` on.
    let tail: PosixTimeZone?
    let tailStart: Int64

    init(firstOffset: Int64, changes: [Int64], offsets: [Int64], tail: PosixTimeZone?, tailStart: Int64) {
        self.firstOffset = firstOffset
        self.changes = changes
        self.offsets = offsets
        self.tail = tail
        self.tailStart = tailStart
    }

    /// The same offset at all times.
    public init(fixed offset: UTCOffset) {
        self.init(firstOffset: offset.seconds, changes: [], offsets: [], tail: nil, tailStart: .max)
    }

    /// The same rule in all years, as a POSIX `TZ` variable states it: `CET-1CEST,M3.5.0,M10.5.0/3`.
    public init(posix text: String) throws(TimeZoneFault) {
        self.init(firstOffset: 0, changes: [], offsets: [], tail: try PosixTimeZone(Array(text.utf8)), tailStart: .min)
    }

    /// Seconds to add to UTC to get what the clocks there show.
    public func offsetSeconds(at time: Timestamp) -> Int64 { period(at: time.seconds).offsetSeconds }

    /// The period that a second since 1970 is in. Two that follow each other may have the same offset.
    public func period(at second: Int64) -> Period {
        if let tail, second >= tailStart {
            var period = tail.period(at: second)
            period.start = max(period.start, tailStart)
            return period
        }
        var low = 0
        var high = changes.count
        while low < high {
            let middle = (low + high) / 2
            if changes[middle] <= second { low = middle + 1 } else { high = middle }
        }
        return Period(
            offsetSeconds: low == 0 ? firstOffset : offsets[low - 1],
            start: low == 0 ? .min : changes[low - 1],
            end: low < changes.count ? changes[low] : tailStart)
    }

    /// Whether a text is a zone's name by its form (`Europe/Berlin`): words of letters, digits, `_`, `+` and `-` with single `/` between
    /// them, at most 64 bytes. So it can be put behind a directory's path. Whether there is such a zone only the files know.
    public static func isName(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count <= 64 else { return false }
        return bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { word in
            !word.isEmpty
                && word.allSatisfy { b in
                    ASCII.isDigit(b) || ASCII.lower(b) &- 0x61 < 26 || b == UInt8(ascii: "_") || b == UInt8(ascii: "+") || b == UInt8(ascii: "-")
                }
        }
    }
}

/// Why bytes are not a time zone that this program can use.
public enum TimeZoneFault: Error, Hashable, Sendable, CustomStringConvertible {
    case notTZif
    /// Version 1 has neither 64-bit times nor a footer.
    case tooOld
    case truncated
    /// The counts of a header contradict the format.
    case badCounts
    /// The files below `right/` count leap seconds, which POSIX time does not.
    case countsLeapSeconds
    /// A change is out of order, out of range or of a type that the file does not have. The index counts from 0.
    case badChange(Int)
    case badOffset
    /// The POSIX rule, cut to 64 characters.
    case badRule(String)

    public var description: String {
        switch self {
        case .notTZif: "not a TZif file"
        case .tooOld: "a TZif file of version 1; version 2 or later is needed"
        case .truncated: "a TZif file that ends too early"
        case .badCounts: "a TZif file whose header contradicts itself"
        case .countsLeapSeconds: "a TZif file that counts leap seconds"
        case .badChange(let index): "a TZif file whose change \(index) is out of order or out of range"
        case .badOffset: "a TZif file with an offset that is not between -25 h and 26 h"
        case .badRule(let rule): "\"\(rule)\" is not a POSIX time zone rule"
        }
    }
}
