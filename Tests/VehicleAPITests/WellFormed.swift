import TestSupport

/// Reads an XML document far enough to say that it is well-formed: tags that match, attributes in quotes, known references, one root.
struct WellFormed {
    private(set) var root = ""
    private var counts: [String: Int] = [:]
    private var texts: [String: String] = [:]

    init(_ document: String) throws {
        var rest = Substring(document)
        var open: [String] = []
        while !rest.isEmpty {
            if rest.first == "<" {
                guard let end = rest.firstIndex(of: ">") else { throw Overdue(what: "the end of a tag") }
                let tag = rest[rest.index(after: rest.startIndex)..<end]
                rest = rest[rest.index(after: end)...]
                if tag.hasPrefix("?") { continue }
                if tag.hasPrefix("/") {
                    guard open.popLast() == String(tag.dropFirst()) else { throw Overdue(what: "the tag that \(tag) closes") }
                    continue
                }
                let name = String(tag.prefix { $0 != " " && $0 != "/" })
                try Self.checkAttributes(tag.dropFirst(name.count))
                if open.isEmpty {
                    guard root.isEmpty else { throw Overdue(what: "one root, but \(name)") }
                    root = name
                }
                counts[name, default: 0] += 1
                open.append(name)
            } else {
                let text = rest.prefix { $0 != "<" }
                rest = rest[text.endIndex...]
                if open.isEmpty, text.contains(where: { !$0.isWhitespace }) { throw Overdue(what: "no text outside the root") }
                texts[open.suffix(2).joined(separator: "/"), default: ""] += try Self.resolved(text)
            }
        }
        guard open.isEmpty, !root.isEmpty else { throw Overdue(what: "the end of \(open)") }
    }

    func count(_ name: String) -> Int { counts[name] ?? 0 }
    func text(_ path: String) -> String { texts[path] ?? "" }

    private static func checkAttributes(_ text: Substring) throws {
        var rest = text.drop { $0 == " " }
        while !rest.isEmpty, rest != "/" {
            guard let equals = rest.firstIndex(of: "="), rest[rest.index(after: equals)...].hasPrefix("\"") else { throw Overdue(what: "a quote in \(text)") }
            let value = rest[rest.index(equals, offsetBy: 2)...]
            guard let end = value.firstIndex(of: "\"") else { throw Overdue(what: "the other quote in \(text)") }
            _ = try resolved(value[..<end])
            rest = value[value.index(after: end)...].drop { $0 == " " }
        }
    }

    private static let references = ["&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": "\"", "&apos;": "'"]

    private static func resolved(_ text: Substring) throws -> String {
        var out = ""
        var rest = text
        while let first = rest.first {
            if first != "&" {
                guard first.unicodeScalars.allSatisfy({ $0.value >= 0x20 || $0 == "\n" || $0 == "\t" || $0 == "\r" }) else {
                    throw Overdue(what: "no control character")
                }
                out.append(first)
                rest = rest.dropFirst()
                continue
            }
            guard let known = references.first(where: { rest.hasPrefix($0.key) }) else { throw Overdue(what: "a known reference: \(rest.prefix(10))") }
            out += known.value
            rest = rest.dropFirst(known.key.count)
        }
        return out
    }
}
