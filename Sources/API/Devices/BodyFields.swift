import Bytes

/// The members of a request's JSON object as the device spec takes them: each asked for by name and type, null as absent, unknown ones ignored.
/// Refusals are 400 and name the member.
struct BodyFields {
    private let members: [(key: String, value: JSONValue)]

    init(_ request: Request) throws(APIError) {
        guard let members = try request.json().object else { throw .said(400, "请求体必须是 JSON 对象") }
        self.members = members
    }

    /// Not by `flatMap { … ? nil : … }`: there nil is JSON's null, which is a value.
    subscript(_ name: String) -> JSONValue? {
        guard let value = members.last(where: { $0.key == name })?.value, !value.isNull else { return nil }
        return value
    }

    /// - Parameter lengths: in characters, as PostgreSQL counts them.
    func text(_ name: String, _ lengths: ClosedRange<Int>) throws(APIError) -> String? {
        guard let value = self[name] else { return nil }
        guard let text = value.string, lengths.contains(text.unicodeScalars.count), !text.utf8.contains(0) else {
            throw Self.invalid(name, "必须是 \(lengths.lowerBound) 到 \(lengths.upperBound) 个字符的文本")
        }
        return text
    }

    func choice(_ name: String, of words: [String]) throws(APIError) -> String? {
        guard let value = self[name] else { return nil }
        guard let word = value.string, words.contains(word) else { throw Self.invalid(name, "必须是 \(words.joined(separator: "、")) 之一") }
        return word
    }

    func int(_ name: String, _ range: ClosedRange<Int>) throws(APIError) -> Int? {
        guard let value = self[name] else { return nil }
        guard let number = value.int, range.contains(number) else {
            throw Self.invalid(name, "必须是 \(range.lowerBound) 到 \(range.upperBound) 之间的整数")
        }
        return number
    }

    func number(_ name: String, _ range: ClosedRange<Int>) throws(APIError) -> Double? {
        guard let value = self[name] else { return nil }
        guard let number = value.double, number >= Double(range.lowerBound), number <= Double(range.upperBound) else {
            throw Self.invalid(name, "必须是 \(range.lowerBound) 到 \(range.upperBound) 之间的数字")
        }
        return number
    }

    func bool(_ name: String) throws(APIError) -> Bool? {
        guard let value = self[name] else { return nil }
        guard let flag = value.bool else { throw Self.invalid(name, "必须是 true 或 false") }
        return flag
    }

    /// Bytes of an object's compact text that are taken.
    static let maxObjectBytes = 16 * 1024

    func object(_ name: String) throws(APIError) -> JSONValue? {
        guard let value = self[name] else { return nil }
        guard value.object != nil, value.bytes.count <= Self.maxObjectBytes else {
            throw Self.invalid(name, "必须是不超过 \(Self.maxObjectBytes / 1024) KiB 的 JSON 对象")
        }
        // PostgreSQL's text holds no NUL.
        guard !Self.hasNUL(value) else { throw Self.invalid(name, "不能包含 NUL 字符") }
        return value
    }

    /// What must be there.
    func required<T>(_ name: String, _ value: T?) throws(APIError) -> T {
        guard let value else { throw .missing(name) }
        return value
    }

    private static func hasNUL(_ value: JSONValue) -> Bool {
        switch value {
        case .string(let text): text.utf8.contains(0)
        case .array(let items): items.contains(where: hasNUL)
        case .object(let members): members.contains { $0.key.utf8.contains(0) || hasNUL($0.value) }
        default: false
        }
    }

    static func invalid(_ name: String, _ reason: String) -> APIError { .said(400, "参数 \(name) 无效：\(reason)", field: name) }
}
