import Bytes
import HTTP

/// The members of a request's JSON object, each asked for by name and type. Null counts as absent, an empty body as `{}`; members that nobody knows
/// are refused, or a misspelt condition would mean everything.
struct RequestBody {
    private let members: [(key: String, value: JSONValue)]

    init(_ request: Request, knows names: [String]) throws(APIError) {
        guard let members = request.body.isEmpty ? [] : try request.json().object else { throw .badRequest("the body must be a JSON object") }
        for (name, _) in members where !names.contains(name) {
            throw .invalid(String(name.prefix(64)), "unknown member \(name.prefix(64)); known are \(names.joined(separator: ", "))")
        }
        self.members = members
    }

    subscript(_ name: String) -> JSONValue? {
        // A JSONValue can be made of nil: said in so many words, or a null would be there.
        guard let value = members.last(where: { $0.key == name })?.value, !value.isNull else { return JSONValue?.none }
        return value
    }

    func string(_ name: String) throws(APIError) -> String? {
        guard let value = self[name] else { return nil }
        guard let text = value.string, !text.utf8.contains(0) else { throw .invalid(name, "\(name) must be a text without NUL") }
        return text
    }

    func required(_ name: String) throws(APIError) -> String {
        guard let text = try string(name) else { throw .missing(name) }
        return text
    }

    func int(_ name: String, in range: ClosedRange<Int>) throws(APIError) -> Int? {
        guard let value = self[name] else { return nil }
        guard let number = value.int, range.contains(number) else {
            throw .invalid(name, "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func double(_ name: String) throws(APIError) -> Double? {
        guard let value = self[name] else { return nil }
        guard let number = value.double, number.isFinite else { throw .invalid(name, "\(name) must be a number") }
        return number
    }

    func bool(_ name: String) throws(APIError) -> Bool {
        guard let value = self[name] else { return false }
        guard let flag = value.bool else { throw .invalid(name, "\(name) must be true or false") }
        return flag
    }
}
