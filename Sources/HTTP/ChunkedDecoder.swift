import Bytes

/// The chunked transfer coding (RFC 9112 §7.1), read strictly: a size is hex digits and nothing else, every line ends in CRLF.
struct ChunkedDecoder: Sendable {
    enum Step {
        case none
        case data(Range<Int>)
        case end
    }

    private enum State {
        case size
        case data(Int)
        case dataEnd
        case trailers
    }

    private var state = State.size
    private var total = 0
    private var extensionBytes = 0
    private var trailerBytes = 0
    private var trailerFields = 0

    mutating func next(_ input: UnsafeBufferPointer<UInt8>, at position: inout Int, limits: HTTPLimits) throws(HTTPFault) -> Step {
        while true {
            switch state {
            case .size:
                guard let end = try line(input, from: position, limit: limits.chunkLine, status: 400) else { return .none }
                let size = try size(UnsafeBufferPointer(rebasing: input[position..<end]), limits)
                position = end + 2
                total += size
                if total > limits.body { throw HTTPFault(413, "body longer than \(limits.body) bytes") }
                state = size == 0 ? .trailers : .data(size)
            case .data(let remaining):
                guard position < input.count else { return .none }
                let start = position
                let count = min(remaining, input.count - position)
                position += count
                state = count == remaining ? .dataEnd : .data(remaining - count)
                return .data(start..<position)
            case .dataEnd:
                guard position < input.count else { return .none }
                guard input[position] == 0x0D else { throw .bad("chunk longer than its size") }
                guard position + 1 < input.count else { return .none }
                guard input[position + 1] == 0x0A else { throw .bad("chunk without CRLF") }
                position += 2
                state = .size
            case .trailers:
                guard let end = try line(input, from: position, limit: limits.trailers - trailerBytes, status: 431) else { return .none }
                if end == position {
                    position += 2
                    return .end
                }
                _ = try HeadParser.field(input, position..<end)
                trailerBytes += end + 2 - position
                trailerFields += 1
                if trailerFields > limits.fields { throw HTTPFault(431, "more than \(limits.fields) trailer fields") }
                position = end + 2
            }
        }
    }

    /// Where the line's CR is, once its LF is there too.
    private func line(_ input: UnsafeBufferPointer<UInt8>, from start: Int, limit: Int, status: Int) throws(HTTPFault) -> Int? {
        var i = start
        while i < input.count {
            let b = input[i]
            if b == 0x0D {
                guard i + 1 < input.count else { return nil }
                guard input[i + 1] == 0x0A else { throw .bad("CR without LF in a chunked body") }
                return i
            }
            guard b >= 0x20 && b != 0x7F || b == 0x09 else { throw .bad("control character in a chunked body") }
            i += 1
            if i - start > limit { throw HTTPFault(status, "line too long in a chunked body") }
        }
        return nil
    }

    private mutating func size(_ line: UnsafeBufferPointer<UInt8>, _ limits: HTTPLimits) throws(HTTPFault) -> Int {
        var n = 0
        var i = 0
        while i < line.count, let digit = ASCII.hexValue(line[i]) {
            // 15 digits cannot overflow an Int, and leading zeros gain nobody anything.
            if i == 15 { throw .bad("chunk size out of range") }
            n = n << 4 | Int(digit)
            i += 1
        }
        guard i > 0 else { throw .bad("malformed chunk size") }
        if i < line.count {
            extensionBytes += line.count - i
            if extensionBytes > limits.chunkExtensions { throw .bad("too many chunk extensions") }
            guard Self.areExtensions(UnsafeBufferPointer(rebasing: line[i...])) else { throw .bad("malformed chunk size") }
        }
        return n
    }

    /// `*( ";" token [ "=" ( token / quoted-string ) ] )`, without the optional white space that only attackers send.
    private static func areExtensions(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        var i = 0
        func token() -> Bool {
            let start = i
            while i < text.count, CharacterSet.token.contains(text[i]) { i += 1 }
            return i > start
        }
        while i < text.count {
            guard text[i] == UInt8(ascii: ";") else { return false }
            i += 1
            guard token() else { return false }
            guard i < text.count, text[i] == UInt8(ascii: "=") else { continue }
            i += 1
            guard i < text.count, text[i] == UInt8(ascii: "\"") else {
                guard token() else { return false }
                continue
            }
            i += 1
            while i < text.count, text[i] != UInt8(ascii: "\"") { i += text[i] == UInt8(ascii: "\\") ? 2 : 1 }
            guard i < text.count else { return false }
            i += 1
        }
        return true
    }
}
