public import Bytes
import HTTP

/// A mail in two forms, plain text and HTML, as one MIME message. Pure.
public struct MailMessage: Sendable {
    public var from: MailAddress
    public var to: MailAddress
    /// Names the message for ever: what is sent again under the same name, a mail server may drop. A dot-atom; the sender's domain is added.
    public var id: String
    public var date: Timestamp
    public var content: MailContent

    public init(from: MailAddress, to: MailAddress, id: String, date: Timestamp, content: MailContent) {
        self.from = from
        self.to = to
        self.id = id
        self.date = date
        self.content = content
    }

    public var messageID: String { "<\(id)@\(from.domain)>" }

    /// `=_` never stands in quoted-printable text (RFC 2045 §6.7): no part can hold the boundary.
    private static let boundary = "=_alternative"

    /// The message (RFC 5322, 2045): 7-bit, lines that end in CRLF and have at most 76 characters where they can be broken.
    /// - Throws: where a field holds a control character, a body a NUL, or the id is no dot-atom.
    public func bytes() throws(MailFault) -> [UInt8] {
        guard !id.isEmpty, id.utf8.count <= 128, id.utf8.allSatisfy({ MailAddress.isAtom($0) || $0 == UInt8(ascii: ".") }) else {
            throw MailFault("a message's id must be 1 to 128 characters of ASCII")
        }
        guard !content.text.utf8.contains(0), !content.html.utf8.contains(0) else { throw MailFault("a mail must not contain NUL") }
        var out: [UInt8] = []
        out.reserveCapacity(1024 + content.text.utf8.count * 3 + content.html.utf8.count * 3)
        MailField.append("Date", [HTTPDate.string(date).dropLast("GMT".count) + "+0000"], to: &out)
        MailField.append("From", mailbox: from, to: &out)
        MailField.append("To", mailbox: to, to: &out)
        MailField.append("Message-ID", [messageID], to: &out)
        try MailField.append("Subject", text: content.subject, to: &out)
        // RFC 3834: nobody's holiday answers to it.
        MailField.append("Auto-Submitted", ["auto-generated"], to: &out)
        MailField.append("MIME-Version", ["1.0"], to: &out)
        MailField.append("Content-Type", ["multipart/alternative;", "boundary=\"\(Self.boundary)\""], to: &out)
        for (type, body) in [("text/plain", content.text), ("text/html", content.html)] {
            out.append(contentsOf: "\r\n--\(Self.boundary)\r\n".utf8)
            MailField.append("Content-Type", ["\(type);", "charset=utf-8"], to: &out)
            MailField.append("Content-Transfer-Encoding", ["quoted-printable"], to: &out)
            out.append(contentsOf: "\r\n".utf8)
            QuotedPrintable.append(body, to: &out)
        }
        out.append(contentsOf: "\r\n--\(Self.boundary)--\r\n".utf8)
        return out
    }
}
