/// Reads HTTP/1.1 requests (RFC 9112) from a stream of bytes, strictly. Pure: the caller owns the bytes.
///
/// Call `next` until it returns nil; then keep the bytes from `position` on, append what arrives and call again with them.
/// After a fault the stream is lost: answer, close, and call no more.
public struct RequestParser: Sendable {
    public enum Event: Sendable {
        case head(RequestHead)
        /// Body bytes, as a range of the input of this call.
        case body(Range<Int>)
        case end
    }

    private enum State {
        case head
        case fixed(Int)
        case chunked
        case ended
    }

    private var state = State.head
    private var chunks = ChunkedDecoder()
    private var scan = HeadScan()

    public init() {}

    /// Whether a request has begun and is not complete: what the head time-out asks.
    public var isBetweenRequests: Bool {
        if case .head = state { return scan.isFresh }
        return false
    }

    public var isReadingHead: Bool {
        if case .head = state { return true }
        return false
    }

    public mutating func next(
        _ input: UnsafeBufferPointer<UInt8>, at position: inout Int, limits: HTTPLimits
    ) throws(HTTPFault) -> Event? {
        switch state {
        case .head: return try head(input, at: &position, limits: limits)
        case .fixed(let remaining):
            guard position < input.count else { return nil }
            let start = position
            let count = min(remaining, input.count - position)
            position += count
            state = count == remaining ? .ended : .fixed(remaining - count)
            return .body(start..<position)
        case .chunked:
            switch try chunks.next(input, at: &position, limits: limits) {
            case .none: return nil
            case .data(let range): return .body(range)
            case .end:
                state = .ended
                return try next(input, at: &position, limits: limits)
            }
        case .ended:
            state = .head
            scan = HeadScan()
            return .end
        }
    }

    private mutating func head(
        _ input: UnsafeBufferPointer<UInt8>, at position: inout Int, limits: HTTPLimits
    ) throws(HTTPFault) -> Event? {
        guard let length = try scan.advance(input, from: &position, limits: limits) else { return nil }
        let bytes = UnsafeBufferPointer(rebasing: input[position..<(position + length)])
        let head = try HeadParser.parse(bytes, fieldCount: scan.fieldCount)
        if case .fixed(let count) = head.body, count > limits.body { throw HTTPFault(413, "body longer than \(limits.body) bytes") }
        position += length
        scan = HeadScan()
        switch head.body {
        case .none: state = .ended
        case .fixed(let count): state = .fixed(count)
        case .chunked:
            state = .chunked
            chunks = ChunkedDecoder()
        }
        return .head(head)
    }
}

/// Finds the end of a head, remembering how far it has looked, so that a client that sends one byte at a time costs no more than another.
struct HeadScan: Sendable {
    private var scanned = 0
    private var lineStart = 0
    private var lines = 0
    private var emptyLines = 0

    var isFresh: Bool { scanned == 0 && emptyLines == 0 }
    /// Header fields seen, so that the parser reserves once.
    var fieldCount: Int { max(0, lines - 1) }

    /// The head's length with its last CRLF once it is complete. Skips leading empty lines by moving `position`.
    mutating func advance(
        _ input: UnsafeBufferPointer<UInt8>, from position: inout Int, limits: HTTPLimits
    ) throws(HTTPFault) -> Int? {
        var i = position + scanned
        while i < input.count {
            let b = input[i]
            if b >= 0x20, b != 0x7F {
                i += 1
                continue
            }
            if b == 0x0D {
                guard i + 1 < input.count else { break }
                guard input[i + 1] == 0x0A else { throw .bad("CR without LF in the head") }
                let start = position + lineStart
                if i == start {
                    if lines > 0 { return i + 2 - position }
                    emptyLines += 1
                    if emptyLines > limits.leadingEmptyLines { throw .bad("too many empty lines before the request") }
                    i += 2
                    position = i
                    continue
                }
                try check(limits, upTo: i - position)
                lines += 1
                if lines - 1 > limits.fields { throw HTTPFault(431, "more than \(limits.fields) header fields") }
                i += 2
                lineStart = i - position
            } else if b == 0x0A {
                throw .bad("LF without CR in the head")
            } else if b == 0x09 {
                i += 1
            } else {
                throw .bad("control character in the head")
            }
        }
        scanned = i - position
        try check(limits, upTo: scanned)
        return nil
    }

    private func check(_ limits: HTTPLimits, upTo count: Int) throws(HTTPFault) {
        if lines == 0, count > limits.requestLine { throw HTTPFault(414, "request line longer than \(limits.requestLine) bytes") }
        if count > limits.head { throw HTTPFault(431, "head longer than \(limits.head) bytes") }
    }
}
