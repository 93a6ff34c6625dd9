import Bytes

/// The members of a request's JSON object, each asked for by name, type and size. Null counts as absent. Refusals are 400 and name the member.
struct BodyFields {
    let members: [(key: String, value: JSONValue)]
    private let wording: FieldWording

    /// Members that nobody asks for are ignored; refusals are in Chinese.
    init(_ request: Request) throws(APIError) { try self.init(request.body, .chinese) }

    init(_ body: [UInt8], _ wording: FieldWording) throws(APIError) {
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONValue.parse(body)
        } catch {
            throw wording.notJSON(error.description)
        }
        guard let members = document.object else { throw wording.notAnObject }
        self.members = members
        self.wording = wording
    }

    subscript(_ name: String) -> JSONValue? {
        // A JSONValue can be made of nil: said in so many words, or a null would be there.
        guard let value = members.last(where: { $0.key == name })?.value, !value.isNull else { return JSONValue?.none }
        return value
    }

    /// A text without NUL.
    /// - Parameter lengths: in characters, as PostgreSQL counts them.
    func text(_ name: String, in lengths: ClosedRange<Int> = 0...Int.max) throws(APIError) -> String? {
        guard let value = self[name] else { return nil }
        guard let text = value.string else { throw wording.refusal(name, .text) }
        guard !text.utf8.contains(0) else { throw wording.refusal(name, .noNUL) }
        guard lengths.contains(text.unicodeScalars.count) else { throw wording.refusal(name, .length(lengths)) }
        return text
    }

    func choice(_ name: String, of words: [String]) throws(APIError) -> String? {
        guard let value = self[name] else { return nil }
        guard let word = value.string, words.contains(word) else { throw wording.refusal(name, .word(words)) }
        return word
    }

    func int(_ name: String, in range: ClosedRange<Int>) throws(APIError) -> Int? {
        guard let value = self[name] else { return nil }
        guard let number = value.int, range.contains(number) else { throw wording.refusal(name, .whole(range)) }
        return number
    }

    /// - Parameter range: nil for any finite number.
    func number(_ name: String, in range: ClosedRange<Int>? = nil) throws(APIError) -> Double? {
        guard let value = self[name] else { return nil }
        guard let number = value.double, number.isFinite, range.map({ Double($0.lowerBound)...Double($0.upperBound) ~= number }) ?? true else {
            throw wording.refusal(name, .number(range))
        }
        return number
    }

    func bool(_ name: String) throws(APIError) -> Bool? {
        guard let value = self[name] else { return nil }
        guard let flag = value.bool else { throw wording.refusal(name, .flag) }
        return flag
    }

    /// KiB of an object's compact text that are taken.
    static let maxObjectKiB = 16

    func object(_ name: String) throws(APIError) -> JSONValue? {
        guard let value = self[name] else { return nil }
        guard value.object != nil, value.bytes.count <= Self.maxObjectKiB * 1024 else { throw wording.refusal(name, .object(Self.maxObjectKiB)) }
        // PostgreSQL's jsonb holds no NUL.
        guard !Self.hasNUL(value) else { throw wording.refusal(name, .noNUL) }
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

    // MARK: What must be there

    func required(_ name: String, in lengths: ClosedRange<Int> = 0...Int.max) throws(APIError) -> String { try required(name, try text(name, in: lengths)) }

    func required<T>(_ name: String, _ value: T?) throws(APIError) -> T {
        guard let value else { throw .missing(name) }
        return value
    }
}
