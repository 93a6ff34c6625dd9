import Bytes

/// A message read back by the standards' own words, and nothing of the code that wrote it.
struct ReadMessage {
    /// As on the wire, unfolded.
    var fields: [(name: String, value: String)] = []
    var parts: [(type: String, body: String)] = []
    var lines: [String] = []

    init(_ bytes: [UInt8]) {
        lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
        var rest = lines[...]
        fields = Self.header(&rest)
        let boundary = self["Content-Type"]?.split(separator: "\"").dropFirst().first.map(String.init) ?? ""
        for chunk in rest.split(whereSeparator: { $0 == "--" + boundary || $0 == "--" + boundary + "--" }) where !chunk.allSatisfy(\.isEmpty) {
            var part = chunk
            let header = Self.header(&part)
            // The line end before a boundary belongs to the boundary.
            parts.append((header.first { $0.name == "Content-Type" }?.value ?? "", Self.quotedPrintable(part.dropLast().joined(separator: "\r\n"))))
        }
    }

    subscript(_ name: String) -> String? { fields.first { $0.name == name }?.value }

    private static func header(_ lines: inout ArraySlice<String>) -> [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        while let line = lines.popFirst(), !line.isEmpty {
            if line.hasPrefix(" "), !fields.isEmpty {
                fields[fields.count - 1].value += line
            } else {
                let colon = line.firstIndex(of: ":") ?? line.endIndex
                fields.append((String(line[..<colon]), String(line[colon...].dropFirst(2))))
            }
        }
        return fields
    }

    /// Encoded words decoded, the white space between two of them gone (RFC 2047 §6.2).
    static func decoded(_ value: String) -> String {
        var out = ""
        var wasWord = false
        for token in value.split(separator: " ", omittingEmptySubsequences: false) {
            let isWord = token.hasPrefix("=?UTF-8?B?") && token.hasSuffix("?=")
            if !out.isEmpty || wasWord, !(wasWord && isWord) { out += " " }
            out += isWord ? String(decoding: base64(token.dropFirst(10).dropLast(2)), as: UTF8.self) : String(token)
            wasWord = isWord
        }
        return out
    }

    static func base64(_ text: Substring) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var out: [UInt8] = []
        var (bits, count) = (0, 0)
        for byte in text.utf8 {
            guard let value = alphabet.firstIndex(of: byte) else { break }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                out.append(UInt8(bits >> count & 255))
            }
        }
        return out
    }

    static func quotedPrintable(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        var i = 0
        while i < bytes.count {
            if bytes[i] != UInt8(ascii: "=") {
                out.append(bytes[i])
                i += 1
            } else if i + 2 < bytes.count, bytes[i + 1] == 13, bytes[i + 2] == 10 {
                i += 3
            } else if i + 2 < bytes.count, let high = ASCII.hexValue(bytes[i + 1]), let low = ASCII.hexValue(bytes[i + 2]) {
                out.append(high << 4 | low)
                i += 3
            } else {
                return "not quoted-printable at \(i)"
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
