public import Bytes

/// HTTP dates (RFC 9110 §5.6.7). Written as IMF-fixdate; only that form is read, since nothing has sent the others for decades.
public enum HTTPDate {
    static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    /// Bytes of `Sun, 06 Nov 1994 08:49:37 GMT`.
    public static let length = 29

    public static func append(_ time: Timestamp, to out: inout [UInt8]) {
        let seconds = min(max(time.seconds, -62_167_219_200), 253_402_300_799)
        let day = Civil.floorDivide(seconds, 86_400)
        let rest = Int(seconds - day * 86_400)
        let (year, month, dayOfMonth) = Civil.date(days: day)
        func two(_ n: Int) {
            out.append(UInt8(0x30 + n / 10 % 10))
            out.append(UInt8(0x30 + n % 10))
        }
        out.append(contentsOf: days[Civil.weekday(days: day)].utf8)
        out.append(contentsOf: ", ".utf8)
        two(dayOfMonth)
        out.append(0x20)
        out.append(contentsOf: months[month - 1].utf8)
        out.append(0x20)
        two(year / 100)
        two(year % 100)
        out.append(0x20)
        two(rest / 3600)
        out.append(UInt8(ascii: ":"))
        two(rest / 60 % 60)
        out.append(UInt8(ascii: ":"))
        two(rest % 60)
        out.append(contentsOf: " GMT".utf8)
    }

    public static func string(_ time: Timestamp) -> String {
        var out: [UInt8] = []
        append(time, to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    /// Reads `Sun, 06 Nov 1994 08:49:37 GMT`; nil for anything else, a wrong weekday included.
    public static func parse(_ text: String) -> Timestamp? {
        let b = Array(text.utf8)
        guard b.count == length, b[3...4].elementsEqual(", ".utf8), b[7] == 0x20, b[11] == 0x20, b[16] == 0x20, b[25...].elementsEqual(" GMT".utf8),
            b[19] == UInt8(ascii: ":"), b[22] == UInt8(ascii: ":"),
            let day = number(b, 5..<7), let year = number(b, 12..<16), let hour = number(b, 17..<19), let minute = number(b, 20..<22),
            let second = number(b, 23..<25), hour < 24, minute < 60, second <= 60,
            let month = months.firstIndex(where: { $0.utf8.elementsEqual(b[8..<11]) }), day >= 1, day <= Civil.daysIn(month: month + 1, year: year)
        else { return nil }
        let dayNumber = Civil.days(year: year, month: month + 1, day: day)
        guard days[Civil.weekday(days: dayNumber)].utf8.elementsEqual(b[0..<3]) else { return nil }
        return Timestamp(seconds: dayNumber * 86_400 + Int64(hour * 3600 + minute * 60 + second))
    }

    private static func number(_ b: [UInt8], _ range: Range<Int>) -> Int? {
        var n = 0
        for i in range {
            guard ASCII.isDigit(b[i]) else { return nil }
            n = n * 10 + Int(b[i] - 0x30)
        }
        return n
    }
}
