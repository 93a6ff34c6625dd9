import Bytes

/// A rule for times to the minute, as crontab(5) writes it: minute, hour, day of month, month, day of week.
///
/// A field is a list (`,`) of `*`, numbers and ranges, each also with a step: `*/7`, `8-18/2`; `5/15` is `5-59/15`. Months and weekdays
/// have English names of three letters, in any case; 0 and 7 are Sunday, and so is the end of `FRI-SUN`. Shorthands: `@hourly`, `@daily`,
/// `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`.
///
/// Where day-of-month and day-of-week are both restricted, that is, neither begins with `*`, a day needs to match one of the two; otherwise
/// both (crontab(5), as Vixie cron has it: `*/2` begins with `*`).
public struct CronExpression: Hashable, Sendable, CustomStringConvertible {
    /// Longer than any expression that is not a mistake, in bytes.
    public static let maxBytes = 512

    /// As it was given.
    public let text: String
    /// Bit n stands for the number n; bit 0 of `weekdays` for Sunday.
    let minutes: UInt64
    let hours: UInt64
    let days: UInt64
    let months: UInt64
    let weekdays: UInt64
    /// Whether a field begins with `*`.
    let hasStarHour: Bool
    private let hasStarDay: Bool
    private let hasStarWeekday: Bool

    public var description: String { text }

    /// Reads an expression; the error names the field and what is wrong there. One that no date can match (30 FEB) is refused.
    public init(_ text: String) throws(CronError) {
        let bytes = Array(text.utf8)
        guard bytes.count <= Self.maxBytes else { throw CronError(nil, "\(bytes.count) bytes, at most \(Self.maxBytes)") }
        var fields = Self.words(bytes[...])
        if let first = fields.first, first.first == UInt8(ascii: "@") {
            guard fields.count == 1 else { throw CronError(nil, "nothing may follow \(CronField.shown(first))") }
            fields = Self.words(try Self.shorthand(first))
        }
        guard fields.count == 5 else {
            throw CronError(nil, "\(fields.count) fields instead of 5: minute, hour, day-of-month, month, day-of-week")
        }
        self.text = text
        minutes = try CronField.minute.parse(fields[0])
        hours = try CronField.hour.parse(fields[1])
        days = try CronField.dayOfMonth.parse(fields[2])
        months = try CronField.month.parse(fields[3])
        weekdays = try CronField.dayOfWeek.parse(fields[4])
        let star = UInt8(ascii: "*")
        hasStarHour = fields[1].first == star
        hasStarDay = fields[2].first == star
        hasStarWeekday = fields[4].first == star
        // 2024 is a leap year.
        let longest = (1...12).filter { months >> UInt64($0) & 1 == 1 }.map { Civil.daysIn(month: $0, year: 2024) }.max() ?? 0
        if hasStarDay || hasStarWeekday, days.trailingZeroBitCount > longest {
            throw CronError(.dayOfMonth, "no chosen month has a day \(days.trailingZeroBitCount)")
        }
    }

    private static func words(_ bytes: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        bytes.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    }

    private static func shorthand(_ word: ArraySlice<UInt8>) throws(CronError) -> ArraySlice<UInt8> {
        let known: [(name: StaticString, fields: String)] = [
            ("@hourly", "0 * * * *"), ("@daily", "0 0 * * *"), ("@midnight", "0 0 * * *"), ("@weekly", "0 0 * * 0"),
            ("@monthly", "0 0 1 * *"), ("@yearly", "0 0 1 1 *"), ("@annually", "0 0 1 1 *"),
        ]
        if let found = known.first(where: { ASCII.equalsIgnoringCase(word, $0.name) }) { return Array(found.fields.utf8)[...] }
        throw CronError(nil, "\(CronField.shown(word)) is none of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually")
    }

    func matches(year: Int, month: Int, day: Int, weekday: Int) -> Bool {
        guard months >> UInt64(month) & 1 == 1 else { return false }
        let isDay = days >> UInt64(day) & 1 == 1
        let isWeekday = weekdays >> UInt64(weekday) & 1 == 1
        return hasStarDay || hasStarWeekday ? isDay && isWeekday : isDay || isWeekday
    }
}
