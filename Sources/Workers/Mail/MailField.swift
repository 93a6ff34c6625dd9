/// Header fields (RFC 5322 §2.2), folded so that no line has more than 76 characters where it can be helped.
enum MailField {
    static let lineLength = 76

    /// A field of free text, such as the subject.
    static func append(_ name: String, text: String, to out: inout [UInt8]) throws(MailFault) {
        guard !hasControl(text) else { throw MailFault("\(name) must not contain control characters") }
        let room = lineLength - name.utf8.count - 2
        append(name, isPlain(text, room) ? words(text) : EncodedWord.words(text, first: room), to: &out)
    }

    /// A field that holds one mailbox.
    static func append(_ name: String, mailbox: MailAddress, to out: inout [UInt8]) {
        let room = lineLength - name.utf8.count - 2
        if mailbox.name.isEmpty { return append(name, [mailbox.address], to: &out) }
        var parts: [String]
        if isPlain(mailbox.name, room), mailbox.name.utf8.allSatisfy({ MailAddress.isAtom($0) || $0 == 0x20 }) {
            parts = words(mailbox.name)
        } else {
            parts = EncodedWord.words(mailbox.name, first: room)
        }
        append(name, parts + ["<\(mailbox.address)>"], to: &out)
    }

    /// A field of parts that are ASCII without control characters.
    static func append(_ name: String, _ parts: [String], to out: inout [UInt8]) {
        out.append(contentsOf: name.utf8)
        out.append(UInt8(ascii: ":"))
        var column = name.utf8.count + 1
        for (i, part) in parts.enumerated() {
            // A line of white space alone would end a header for some readers.
            if i > 0, column + 1 + part.utf8.count > lineLength {
                out.append(contentsOf: "\r\n".utf8)
                column = 0
            }
            out.append(0x20)
            out.append(contentsOf: part.utf8)
            column += 1 + part.utf8.count
        }
        out.append(contentsOf: "\r\n".utf8)
    }

    /// CR, LF and NUL would make other fields of a field; the rest of them has no business in a header either.
    static func hasControl(_ text: String) -> Bool { text.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) } }

    /// Whether a text can stand as it is, folded at its spaces.
    private static func isPlain(_ text: String, _ room: Int) -> Bool {
        guard !text.isEmpty else { return true }
        return text.utf8.allSatisfy { (0x20...0x7E).contains($0) } && !text.contains("=?")
            && text.utf8.split(separator: 0x20, omittingEmptySubsequences: false).allSatisfy { (1...room).contains($0.count) }
    }

    private static func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }
}
