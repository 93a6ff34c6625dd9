/// What a mail says: its subject, and the same text twice.
public struct MailContent: Hashable, Sendable {
    public var subject: String
    public var text: String
    public var html: String

    public init(subject: String, text: String, html: String) {
        self.subject = subject
        self.text = text
        self.html = html
    }

    /// A mail of paragraphs, one of which stands out.
    /// - Parameter strong: the paragraph that stands out, by its place.
    init(subject: String, language: MailLanguage, heading: String, paragraphs: [String], strong: Int) {
        self.subject = subject
        text = ([heading] + paragraphs).joined(separator: "\n\n") + "\n\n-- \nHeliograph\n"
        var html = """
            <!DOCTYPE html>
            <html lang="\(language.tag)">
            <head><meta charset="utf-8"><title>\(Self.escape(subject))</title></head>
            <body style="margin:0;padding:24px;background:#f4f5f7;font-family:sans-serif;color:#1c2430">
            <div style="max-width:520px;margin:0 auto;padding:24px;background:#ffffff;border-radius:8px">
            <p style="font-size:16px">\(Self.escape(heading))</p>

            """
        for (i, paragraph) in paragraphs.enumerated() {
            let style = i == strong ? "font-size:24px;font-weight:bold;color:#0b5cad" : "font-size:14px;line-height:1.6"
            html += "<p style=\"\(style)\">\(Self.escape(paragraph))</p>\n"
        }
        html += "<p style=\"font-size:12px;color:#6b7686\">Heliograph</p>\n</div>\n</body>\n</html>\n"
        self.html = html
    }

    /// Text as HTML shows it, in an element or between quotes; line ends become breaks.
    static func escape(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            case "\n": out += "<br>"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    /// Text that somebody else chose, fit for a field and for one line: control characters are spaces, at most so many characters.
    static func line(_ text: String, most: Int) -> String {
        var out = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { out.append(scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) ? " " : scalar) }
        let clean = String(out)
        return clean.count > most ? clean.prefix(most) + "…" : clean
    }
}
