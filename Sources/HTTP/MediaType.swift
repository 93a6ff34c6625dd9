/// A media type (RFC 9110 §8.3.1): type and subtype in lower case, parameters with lower-case names.
public struct MediaType: Hashable, Sendable {
    public var type: String
    public var subtype: String
    public var parameters: [String: String] = [:]

    /// Reads `application/json; charset=utf-8`; nil for anything malformed.
    public init?(_ text: String) {
        var t = FieldText(text)
        t.skipSpace()
        guard let type = t.token(), t.take("/"), let subtype = t.token() else { return nil }
        self.type = type
        self.subtype = subtype
        while true {
            t.skipSpace()
            if t.isAtEnd { return }
            guard t.take(";") else { return nil }
            t.skipSpace()
            if t.isAtEnd { return }
            guard let name = t.token(), t.take("="), let value = t.tokenOrQuoted() else { return nil }
            parameters[name] = value
        }
    }

    /// `type/subtype`.
    public var essence: String { "\(type)/\(subtype)" }
    public var isJSON: Bool { essence == "application/json" || subtype.hasSuffix("+json") }
}
