/// Entity tags and the fields that compare them (RFC 9110 §8.8.3, §13.1).
public struct EntityTag: Hashable, Sendable, CustomStringConvertible {
    public var opaque: String
    public var isWeak: Bool

    /// `opaque` must have no quote, space or control character.
    public init(_ opaque: String, weak: Bool = false) {
        self.opaque = opaque
        isWeak = weak
    }

    public var description: String { isWeak ? "W/\"\(opaque)\"" : "\"\(opaque)\"" }

    /// Whether an `If-None-Match` or `If-Match` list names this tag, compared weakly; `*` names any.
    public func isNamed(in list: String) -> Bool { Self.parse(list).contains { $0 == nil || $0?.opaque == opaque } }

    /// Whether an `If-Range` value is this very tag: strong comparison, so a weak one never matches.
    public func isStrongly(_ value: String) -> Bool {
        guard !isWeak, case let tags = Self.parse(value), tags.count == 1, let tag = tags[0] else { return false }
        return !tag.isWeak && tag.opaque == opaque
    }

    /// The tags of a list; nil stands for `*`. What is malformed ends the list.
    static func parse(_ list: String) -> [EntityTag?] {
        var t = FieldText(list)
        var tags: [EntityTag?] = []
        while !t.isAtEnd {
            t.skipSpace()
            if t.take(",") { continue }
            if t.take("*") {
                tags.append(nil)
                continue
            }
            var weak = false
            if t.take("W") {
                guard t.take("/") else { break }
                weak = true
            }
            guard t.take("\"") else { break }
            let opaque = t.until("\"")
            guard t.take("\"") else { break }
            tags.append(EntityTag(opaque, weak: weak))
        }
        return tags
    }
}
