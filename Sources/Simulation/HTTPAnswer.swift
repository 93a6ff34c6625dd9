import Bytes

/// Reads one HTTP/1.x response from a stream of bytes (RFC 9112), strictly: what is ambiguous is a fault.
///
/// Feed it what arrives; interim (1xx) answers are passed over. When it is done no byte may be left: requests are not pipelined.
struct HTTPAnswer {
    struct Fault: Error { let reason: String }

    private enum State: Equatable {
        case head
        case fixed(Int)
        case chunkSize
        case chunk(Int)
        case chunkEnd
        case trailers
        case untilClose
        case done
    }

    static let headLimit = 64 * 1024

    private(set) var status = 0
    private(set) var body: [UInt8] = []
    private(set) var keepAlive = true
    private var state = State.head
    private var line: [UInt8] = []
    private var headBytes = 0
    private var lines: [[UInt8]] = []
    private let isHead: Bool
    private let bodyLimit: Int

    init(isHead: Bool, bodyLimit: Int) {
        self.isHead = isHead
        self.bodyLimit = bodyLimit
    }

    var isDone: Bool { state == .done }
    /// Whether anything of a response has been seen.
    var isStarted: Bool { headBytes > 0 }

    /// The connection has ended: true when that was the body's end.
    mutating func end() -> Bool {
        if state == .untilClose { state = .done }
        return isDone
    }

    mutating func feed(_ input: UnsafeBufferPointer<UInt8>) throws(Fault) {
        var position = 0
        while position < input.count {
            switch state {
            case .head:
                guard let text = try takeLine(input, &position) else { continue }
                if text.isEmpty { try concludeHead() } else { lines.append(text) }
            case .fixed(let left), .chunk(let left):
                let count = min(left, input.count - position)
                try append(input[position..<(position + count)])
                position += count
                if case .fixed = state {
                    state = count == left ? .done : .fixed(left - count)
                } else {
                    state = count == left ? .chunkEnd : .chunk(left - count)
                }
            case .chunkSize:
                guard let text = try takeLine(input, &position) else { continue }
                let digits = text.prefix { $0 != UInt8(ascii: ";") }
                guard !digits.isEmpty, digits.count <= 15, let size = Self.hex(digits) else { throw Fault(reason: "malformed chunk size") }
                state = size == 0 ? .trailers : .chunk(size)
            case .chunkEnd:
                guard let text = try takeLine(input, &position) else { continue }
                guard text.isEmpty else { throw Fault(reason: "chunk longer than its size") }
                state = .chunkSize
            case .trailers:
                guard let text = try takeLine(input, &position) else { continue }
                if text.isEmpty { state = .done }
            case .untilClose:
                try append(input[position...])
                position = input.count
            case .done: throw Fault(reason: "bytes after the response")
            }
        }
    }

    /// A line without its CRLF, once it is whole.
    private mutating func takeLine(_ input: UnsafeBufferPointer<UInt8>, _ position: inout Int) throws(Fault) -> [UInt8]? {
        let start = position
        while position < input.count, input[position] != 0x0A { position += 1 }
        headBytes += position - start + 1
        if headBytes > Self.headLimit { throw Fault(reason: "head longer than \(Self.headLimit) bytes") }
        line.append(contentsOf: input[start..<position])
        guard position < input.count else { return nil }
        position += 1
        guard line.popLast() == 0x0D, !line.contains(0x0D), !line.contains(0) else { throw Fault(reason: "line without CRLF, or with a control character") }
        var whole: [UInt8] = []
        swap(&whole, &line)
        return whole
    }

    private mutating func append(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) throws(Fault) {
        if body.count + bytes.count > bodyLimit { throw Fault(reason: "body longer than \(bodyLimit) bytes") }
        body.append(contentsOf: bytes)
    }

    private mutating func concludeHead() throws(Fault) {
        guard let first = lines.first else { throw Fault(reason: "no status line") }
        // "HTTP/1.1 200 OK": the reason may be empty.
        guard first.count >= 12, first.starts(with: "HTTP/1.".utf8), first[7] == 0x30 || first[7] == 0x31, first[8] == 0x20,
            first[9..<12].allSatisfy(ASCII.isDigit), first.count == 12 || first[12] == 0x20
        else { throw Fault(reason: "malformed status line") }
        status = first[9..<12].reduce(0) { $0 * 10 + Int($1 - 0x30) }
        keepAlive = first[7] == 0x31
        var length: Int?
        var chunked = false
        for field in lines.dropFirst() {
            guard let colon = field.firstIndex(of: UInt8(ascii: ":")), colon > 0, !field[..<colon].contains(where: { $0 <= 0x20 }) else {
                throw Fault(reason: "malformed field")
            }
            let name = field[..<colon]
            let value = Self.trim(field[(colon + 1)...])
            if ASCII.equalsIgnoringCase(name, "content-length") {
                guard length == nil, !value.isEmpty, value.count <= 18, value.allSatisfy(ASCII.isDigit) else { throw Fault(reason: "odd Content-Length") }
                length = value.reduce(0) { $0 * 10 + Int($1 - 0x30) }
            } else if ASCII.equalsIgnoringCase(name, "transfer-encoding") {
                guard !chunked, ASCII.equalsIgnoringCase(value, "chunked") else { throw Fault(reason: "odd Transfer-Encoding") }
                chunked = true
            } else if ASCII.equalsIgnoringCase(name, "connection") {
                for option in value.split(separator: UInt8(ascii: ",")) where ASCII.equalsIgnoringCase(Self.trim(option), "close") { keepAlive = false }
            }
        }
        if chunked, length != nil { throw Fault(reason: "both Content-Length and Transfer-Encoding") }
        lines.removeAll(keepingCapacity: true)
        switch status {
        case 101: throw Fault(reason: "an upgrade nobody asked for")
        case 100..<200: state = .head
        case 204, 304: state = .done
        default:
            if isHead {
                state = .done
            } else if chunked {
                state = .chunkSize
            } else if let length {
                if length > bodyLimit { throw Fault(reason: "body longer than \(bodyLimit) bytes") }
                state = length == 0 ? .done : .fixed(length)
                body.reserveCapacity(length)
            } else {
                keepAlive = false
                state = .untilClose
            }
        }
    }

    private static func hex(_ digits: some Collection<UInt8>) -> Int? {
        var n = 0
        for digit in digits {
            guard let value = ASCII.hexValue(digit) else { return nil }
            n = n << 4 | Int(value)
        }
        return n
    }

    private static func trim(_ slice: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var slice = slice
        while let first = slice.first, first == 0x20 || first == 0x09 { slice.removeFirst() }
        while let last = slice.last, last == 0x20 || last == 0x09 { slice.removeLast() }
        return slice
    }
}
