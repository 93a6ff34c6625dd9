import Bytes

/// What operators write on the command line: spans, times, rates.
enum OperatorText {
    /// `30s`, `15m`, `2h`, `3d` in seconds.
    static func seconds(_ text: String) -> Int64? {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = text.last.flatMap({ units[$0] }), let count = number(text.dropLast()), count <= 100_000_000 else { return nil }
        return count * unit
    }

    /// A span before now, or a time as RFC 3339 writes it.
    static func since(_ text: String, _ flag: String, now: Timestamp) throws(UsageError) -> Timestamp {
        if let span = seconds(text) { return Timestamp(seconds: now.seconds - span) }
        guard let time = RFC3339.parse(text) else { throw UsageError("--\(flag) takes a span such as 30s, 15m, 2h, 3d or a time such as 2026-01-31T08:00:00Z") }
        return time
    }

    /// `10/s`, `600/m`, `5/h` or a bare number, in starts per second.
    static func perSecond(_ text: String) throws(UsageError) -> Double {
        let units: [Substring: Double] = ["s": 1, "m": 60, "h": 3600]
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let unit = units[parts.count == 2 ? parts[1] : "s"], let count = Double(parts[0]), count > 0, count.isFinite else {
            throw UsageError("--rate takes a rate such as 10/s, 600/m or 5/h, not '\(text)'")
        }
        return count / unit
    }

    /// `a.b=VALUE`: a JSON value where it reads as one, else a text.
    static func assignment(_ text: String) throws(UsageError) -> (path: String, value: JSONValue) {
        guard let equals = text.firstIndex(of: "="), equals > text.startIndex else { throw UsageError("--args takes path=value, not '\(text)'") }
        let value = String(text[text.index(after: equals)...])
        let path = String(text[..<equals])
        do throws(JSONError) { return (path, try JSONValue.parse(Array(value.utf8))) } catch { return (path, .string(value)) }
    }

    private static func number(_ digits: Substring) -> Int64? {
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(digits)
    }
}
