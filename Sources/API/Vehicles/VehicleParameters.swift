import Bytes

/// A whole number as clients write it. One beyond 64 bits is a number all the same: it is read as the last that is within.
enum WholeText {
    /// nil for what is no number.
    static func parse(_ text: String) -> Int? {
        let isNegative = text.utf8.first == UInt8(ascii: "-")
        let digits = isNegative ? text.utf8.dropFirst() : text.utf8[...]
        guard !digits.isEmpty, digits.allSatisfy(ASCII.isDigit) else { return nil }
        return Int(text) ?? (isNegative ? .min : .max)
    }
}

/// The parameters of the vehicle spec. What is no number is refused; a number out of its range becomes the usual one or the nearest.
extension Request {
    /// The number in `:id`. Numbers that nothing can have are for the database to say no to.
    func number(of what: String) throws(APIError) -> Int64 {
        guard let number = WholeText.parse(param("id")) else { throw .badRequest("invalid \(what) id") }
        return Int64(number)
    }

    func wholeNumber(_ name: String) throws(APIError) -> Int? {
        guard let text = try text(name) else { return nil }
        guard let number = WholeText.parse(text) else { throw .invalid(name, "\(name) must be a whole number") }
        return number
    }

    /// Below 1 the usual number, above `most` that.
    func days(usual: Int, most: Int) throws(APIError) -> Int {
        guard let days = try wholeNumber("days"), days >= 1 else { return usual }
        return min(days, most)
    }

    /// Metres that a simplified path may be off; nil for the whole path.
    func simplifyMetres() throws(APIError) -> Double? {
        guard let text = try text("simplify") else { return nil }
        guard let metres = Double(text), metres.isFinite, metres >= 0, metres <= PathSimplifier.maxMetres else {
            throw .invalid("simplify", "simplify must be a number of metres from 0 to \(Int(PathSimplifier.maxMetres))")
        }
        return metres
    }

    /// From `from` until before `to`; open ends where they are not given.
    func window() throws(APIError) -> (from: Timestamp, to: Timestamp) {
        (try moment("from") ?? Timestamp(microseconds: .min), try moment("to") ?? Timestamp(microseconds: .max))
    }

    private func moment(_ name: String) throws(APIError) -> Timestamp? {
        guard let text = try text(name) else { return nil }
        guard let time = RFC3339.parse(text) else { throw .invalid(name, "\(name) must be an ISO 8601 time with a zone") }
        return time
    }

    /// The zone of local days, `+08:00`; UTC where none is given. A plus that was not escaped has come as a space.
    func zone() throws(APIError) -> UTCOffset {
        guard let text = try text("offset") else { return .utc }
        guard let offset = UTCOffset(text.hasPrefix(" ") ? "+" + text.dropFirst() : text) else {
            throw .invalid("offset", "offset must be like +08:00")
        }
        return offset
    }

    func flag(vehicle name: String) throws(APIError) -> Bool {
        switch try text(name) {
        case nil, "false": return false
        case "true": return true
        default: throw .invalid(name, "\(name) must be true or false")
        }
    }
}

/// A page of a list, as the spec and the server that it describes have it.
struct VehiclePage {
    static let maxSize = 100
    static let usualSize = 20

    let number: Int
    let size: Int

    /// Sizes out of 1…100 are 20, pages before the first are the first.
    init(_ request: Request) throws(APIError) {
        number = max(1, try request.wholeNumber("page") ?? 1)
        let asked = try request.wholeNumber("per_page") ?? Self.usualSize
        size = (1...Self.maxSize).contains(asked) ? asked : Self.usualSize
    }

    /// Rows before it; past all lists where the number is beyond all pages.
    var offset: Int {
        let (rows, overflows) = (number - 1).multipliedReportingOverflow(by: size)
        return overflows ? .max : rows
    }

    func write(total: Int, to w: inout JSONWriter) {
        w.key("pagination")
        w.object { w in
            w.member("page", number)
            w.member("per_page", size)
            w.member("total", total)
        }
    }
}
