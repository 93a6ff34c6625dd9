/// Text as 7-bit lines of at most 76 characters that end in CRLF (RFC 2045 §6.7).
enum QuotedPrintable {
    static let lineLength = 76
    private static let digits = Array("0123456789ABCDEF".utf8)

    /// Line ends of any kind become CRLF; the last line gets one too.
    static func append(_ text: String, to out: inout [UInt8]) {
        var line: [UInt8] = []
        var previous: UInt8 = 0
        for byte in text.utf8 {
            if byte == 0x0A, previous == 0x0D {
                // The second half of a line end.
            } else if byte == 0x0A || byte == 0x0D {
                append(line: line, to: &out)
                line.removeAll(keepingCapacity: true)
            } else {
                line.append(byte)
            }
            previous = byte
        }
        if !line.isEmpty { append(line: line, to: &out) }
    }

    private static func append(line: [UInt8], to out: inout [UInt8]) {
        var column = 0
        for (i, byte) in line.enumerated() {
            let isLast = i == line.count - 1
            let isSpace = byte == 0x20 || byte == 0x09
            // White space at the end of a line may get lost on the way.
            let isPlain = isSpace ? !isLast : (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "=")
            let width = isPlain ? 1 : 3
            // The last character of a line may take the place of the `=` that breaks it.
            if column + width > (isLast ? lineLength : lineLength - 1) {
                out.append(contentsOf: "=\r\n".utf8)
                column = 0
            }
            if isPlain {
                out.append(byte)
            } else {
                out.append(UInt8(ascii: "="))
                out.append(digits[Int(byte >> 4)])
                out.append(digits[Int(byte & 15)])
            }
            column += width
        }
        out.append(contentsOf: "\r\n".utf8)
    }
}
