import Bytes

/// Parameters of paths and queries for the specs with envelopes. Refusals are 400 in Chinese and name the parameter.
extension Request {
    /// A UUID in the path; what is none names nothing: `missing`.
    func uuid(_ name: String, else missing: APIError) throws(APIError) -> String {
        let text = param(name)
        guard UUIDText.isValid(text) else { throw missing }
        return text
    }

    func uuidFilter(_ name: String) throws(APIError) -> String? {
        guard let text = try text(name) else { return nil }
        guard UUIDText.isValid(text) else { throw APIError.said(invalid: name, "必须是 UUID") }
        return text
    }

    func choice(_ name: String, of words: [String]) throws(APIError) -> String? {
        guard let word = try text(name) else { return nil }
        guard words.contains(word) else { throw FieldWording.chinese.refusal(name, .word(words)) }
        return word
    }

    func flag(_ name: String) throws(APIError) -> Bool { try choice(name, of: ["true", "false"]) == "true" }

    /// - Parameter lengths: in characters.
    func filter(_ name: String, _ lengths: ClosedRange<Int>) throws(APIError) -> String? {
        guard let text = try text(name) else { return nil }
        guard !text.utf8.contains(0) else { throw FieldWording.chinese.refusal(name, .noNUL) }
        guard lengths.contains(text.unicodeScalars.count) else { throw FieldWording.chinese.refusal(name, .length(lengths)) }
        return text
    }

    func whole(_ name: String, _ range: ClosedRange<Int>, usual: Int) throws(APIError) -> Int {
        guard let text = try text(name) else { return usual }
        guard let number = Int(text), range.contains(number) else { throw FieldWording.chinese.refusal(name, .whole(range)) }
        return number
    }

    /// An RFC 3339 time that must be there.
    func time(_ name: String) throws(APIError) -> Timestamp {
        guard let time = RFC3339.parse(try required(name)) else { throw APIError.said(invalid: name, "必须是带时区的 ISO 8601 时间") }
        return time
    }
}
