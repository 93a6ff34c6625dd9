import Bytes

/// The five fields of a cron expression.
public enum CronField: String, Sendable, CaseIterable {
    case minute, hour
    case dayOfMonth = "day-of-month"
    case month
    case dayOfWeek = "day-of-week"

    /// The numbers that may be written. 0 and 7 are both Sunday.
    public var range: ClosedRange<Int> {
        switch self {
        case .minute: 0...59
        case .hour: 0...23
        case .dayOfMonth: 1...31
        case .month: 1...12
        case .dayOfWeek: 0...7
        }
    }

    /// In the order of their numbers, from the lower bound of the range on.
    var names: [String] {
        switch self {
        case .month: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
        case .dayOfWeek: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
        case .minute, .hour, .dayOfMonth: []
        }
    }

    /// Where a `*` and a step from a single number end.
    private var last: Int { self == .dayOfWeek ? 6 : range.upperBound }

    /// The numbers that a field's text chooses, as bits.
    func parse(_ text: ArraySlice<UInt8>) throws(CronError) -> UInt64 {
        var bits: UInt64 = 0
        for item in text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            if item.isEmpty { throw CronError(self, "an empty item in the list \(Self.shown(text))") }
            bits |= try parse(item: item)
        }
        // Sunday, again.
        return self == .dayOfWeek ? (bits | bits >> 7 & 1) & 0x7F : bits
    }

    /// `*`, `n` or `n-m`, each also with `/step`.
    private func parse(item: ArraySlice<UInt8>) throws(CronError) -> UInt64 {
        let parts = item.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        if parts.count > 2 { throw CronError(self, "\(Self.shown(item)) has more than one step") }
        let step = parts.count == 2 ? try parse(step: parts[1]) : nil
        let bounds = parts[0].split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        let chosen: ClosedRange<Int>
        if parts[0].elementsEqual("*".utf8) {
            chosen = range.lowerBound...last
        } else if bounds.count == 1 {
            let value = try parse(value: bounds[0])
            if step == nil { return 1 << UInt64(value) }
            chosen = value > last ? range.lowerBound...last : value...last
        } else if bounds.count == 2 {
            let low = try parse(value: bounds[0])
            var high = try parse(value: bounds[1])
            // FRI-SUN is meant to reach the end of the week.
            if self == .dayOfWeek, low > 0, high == 0, bounds[1].first.map(ASCII.isDigit) == false { high = 7 }
            if low > high {
                throw CronError(
                    self, "the range \(Self.shown(item)) runs backwards; write \(low)-\(range.upperBound),\(range.lowerBound)-\(high)")
            }
            chosen = low...high
        } else {
            throw CronError(self, "\(Self.shown(item)) is not a number, a range or *")
        }
        return stride(from: chosen.lowerBound, through: chosen.upperBound, by: step ?? 1).reduce(0) { $0 | 1 << UInt64($1) }
    }

    /// A step beyond the range would leave one number where many seem to be meant: `*/60` in the minutes.
    private func parse(step: ArraySlice<UInt8>) throws(CronError) -> Int {
        guard let number = Self.number(step), (1...range.upperBound).contains(number) else {
            throw CronError(self, "the step \(Self.shown(step)) is not in 1-\(range.upperBound)")
        }
        return number
    }

    private func parse(value: ArraySlice<UInt8>) throws(CronError) -> Int {
        if let number = Self.number(value) {
            if range.contains(number) { return number }
            throw CronError(self, "\(Self.shown(value)) is not in \(range.lowerBound)-\(range.upperBound)")
        }
        if let index = names.firstIndex(where: { $0.utf8.elementsEqual(value.lazy.map { $0 &- 0x61 < 26 ? $0 & 0xDF : $0 }) }) {
            return range.lowerBound + index
        }
        let orName = names.isEmpty ? "" : " or \(names[0])-\(names[names.count - 1])"
        throw CronError(self, "\(Self.shown(value)) is not in \(range.lowerBound)-\(range.upperBound)\(orName)")
    }

    /// Digits as a number; one too large for any field stays too large.
    private static func number(_ text: ArraySlice<UInt8>) -> Int? {
        guard !text.isEmpty, text.allSatisfy(ASCII.isDigit) else { return nil }
        return text.reduce(0) { min($0 * 10 + Int($1 - 0x30), 1000) }
    }

    /// A piece of the expression as an error may show it: quoted, printable, short.
    static func shown(_ text: ArraySlice<UInt8>) -> String {
        let clean = text.prefix(24).map { $0 &- 0x20 < 0x5F ? $0 : UInt8(ascii: "?") }
        return "\"" + String(decoding: clean, as: UTF8.self) + (text.count > 24 ? "…\"" : "\"")
    }
}

/// Why a text is not a cron expression.
public struct CronError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The field at fault; nil when it is the expression as a whole.
    public var field: CronField?
    public var reason: String

    public init(_ field: CronField?, _ reason: String) {
        self.field = field
        self.reason = reason
    }

    public var description: String { field.map { "\($0.rawValue): \(reason)" } ?? reason }
}
