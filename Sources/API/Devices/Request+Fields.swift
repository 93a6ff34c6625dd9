import Bytes

/// Parameters of the device spec's paths and queries. Refusals are 400 and name the parameter.
extension Request {
    /// A UUID in the path; what is none names nothing: `missing`.
    func uuid(_ name: String, else missing: APIError) throws(APIError) -> String {
        let text = param(name)
        guard UUIDText.isValid(text) else { throw missing }
        return text
    }

    func uuidFilter(_ name: String) throws(APIError) -> String? {
        guard let text = try text(name) else { return nil }
        guard UUIDText.isValid(text) else { throw BodyFields.invalid(name, "必须是 UUID") }
        return text
    }

    func choice(_ name: String, of words: [String]) throws(APIError) -> String? {
        guard let word = try text(name) else { return nil }
        guard words.contains(word) else { throw BodyFields.invalid(name, "必须是 \(words.joined(separator: "、")) 之一") }
        return word
    }

    func flag(_ name: String) throws(APIError) -> Bool { try choice(name, of: ["true", "false"]) == "true" }

    /// - Parameter lengths: in characters.
    func filter(_ name: String, _ lengths: ClosedRange<Int>) throws(APIError) -> String? {
        guard let text = try text(name) else { return nil }
        guard lengths.contains(text.unicodeScalars.count), !text.utf8.contains(0) else {
            throw BodyFields.invalid(name, "必须是 \(lengths.lowerBound) 到 \(lengths.upperBound) 个字符的文本")
        }
        return text
    }

    func whole(_ name: String, _ range: ClosedRange<Int>, usual: Int) throws(APIError) -> Int {
        guard let text = try text(name) else { return usual }
        guard let number = Int(text), range.contains(number) else {
            throw BodyFields.invalid(name, "必须是 \(range.lowerBound) 到 \(range.upperBound) 之间的整数")
        }
        return number
    }

    /// An RFC 3339 time that must be there.
    func time(_ name: String) throws(APIError) -> Timestamp {
        guard let time = RFC3339.parse(try required(name)) else { throw BodyFields.invalid(name, "必须是带时区的 ISO 8601 时间") }
        return time
    }
}
