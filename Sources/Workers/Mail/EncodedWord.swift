import HTTP

/// Text outside of ASCII in a header: encoded words in UTF-8 and base64 (RFC 2047).
enum EncodedWord {
    /// RFC 2047 §2: a word has at most 75 characters, a line with one at most 76.
    static let longest = 75
    private static let frame = "=?UTF-8?B??=".utf8.count

    /// The words of a text, each whole by itself: no code point is split between two.
    /// - Parameter first: the most characters that the first word may have.
    static func words(_ text: String, first: Int = longest) -> [String] {
        var words: [String] = []
        var chunk: [UInt8] = []
        var most = bytes(in: min(first, longest))
        for scalar in text.unicodeScalars {
            let utf8 = UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
            if chunk.count + utf8.count > most, !chunk.isEmpty {
                words.append(word(chunk))
                chunk.removeAll(keepingCapacity: true)
                most = bytes(in: longest)
            }
            chunk.append(contentsOf: utf8)
        }
        words.append(word(chunk))
        return words
    }

    private static func word(_ bytes: [UInt8]) -> String { "=?UTF-8?B?\(Base64.encode(bytes))?=" }
    private static func bytes(in length: Int) -> Int { (length - frame) / 4 * 3 }
}
