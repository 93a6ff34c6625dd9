import Bytes

/// Takes a complete head apart. Its line ends are already known to be CRLF and it has no control character but HTAB.
enum HeadParser {
    static func parse(_ head: UnsafeBufferPointer<UInt8>, fieldCount: Int) throws(HTTPFault) -> RequestHead {
        let lineEnd = endOfLine(head, from: 0)
        guard let methodEnd = head[0..<lineEnd].firstIndex(of: 0x20) else { throw .bad("malformed request line") }
        let method = 0..<methodEnd
        guard CharacterSet.isToken(head[method]) else { throw .bad("malformed method") }
        guard let targetEnd = head[(methodEnd + 1)..<lineEnd].firstIndex(of: 0x20) else { throw .bad("request line without a version") }
        let target = (methodEnd + 1)..<targetEnd
        let minor = try version(UnsafeBufferPointer(rebasing: head[(targetEnd + 1)..<lineEnd]))
        let known = HTTPMethod(UnsafeBufferPointer(rebasing: head[method]))
        let parts = try RequestTarget.parse(head, target, isOptions: known == .options)

        var result = RequestHead(
            bytes: Array(head), fields: [], methodRange: method, targetRange: target, pathRange: parts.path, queryRange: parts.query,
            method: known, minorVersion: minor, keepAlive: minor == 1)
        result.isAsterisk = parts.isAsterisk
        result.fields.reserveCapacity(fieldCount)
        var framing = Framing()
        var position = lineEnd + 2
        while true {
            let end = endOfLine(head, from: position)
            if end == position { break }
            let field = try self.field(head, position..<end)
            try framing.see(field, in: head, &result)
            result.fields.append(field)
            position = end + 2
        }
        try framing.conclude(&result)
        return result
    }

    /// Splits `name: value`; obs-fold, a space before the colon and names that are no tokens are refused (RFC 9112 §5).
    static func field(_ bytes: UnsafeBufferPointer<UInt8>, _ line: Range<Int>) throws(HTTPFault) -> RequestHead.Field {
        var colon = line.lowerBound
        while colon < line.upperBound, bytes[colon] != UInt8(ascii: ":") {
            guard CharacterSet.token.contains(bytes[colon]) else { throw .bad("malformed header field name") }
            colon += 1
        }
        guard colon < line.upperBound else { throw .bad("header field without a colon") }
        guard colon > line.lowerBound else { throw .bad("empty header field name") }
        var start = colon + 1
        var end = line.upperBound
        while start < end, isSpace(bytes[start]) { start += 1 }
        while end > start, isSpace(bytes[end - 1]) { end -= 1 }
        return RequestHead.Field(name: line.lowerBound..<colon, value: start..<end)
    }

    static func endOfLine(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        var i = start
        while bytes[i] != 0x0D { i += 1 }
        return i
    }

    private static func isSpace(_ b: UInt8) -> Bool { b == 0x20 || b == 0x09 }

    private static func version(_ text: UnsafeBufferPointer<UInt8>) throws(HTTPFault) -> Int {
        let prefix: StaticString = "HTTP/"
        guard text.count == 8, text[6] == UInt8(ascii: "."), ASCII.isDigit(text[5]), ASCII.isDigit(text[7]) else { throw .bad("malformed version") }
        for i in 0..<5 where text[i] != prefix.utf8Start[i] { throw .bad("malformed version") }
        guard text[5] == UInt8(ascii: "1") else { throw HTTPFault(505, "only HTTP/1.0 and HTTP/1.1 are spoken here") }
        guard text[7] <= UInt8(ascii: "1") else { throw .bad("no such version") }
        return Int(text[7] - 0x30)
    }
}
