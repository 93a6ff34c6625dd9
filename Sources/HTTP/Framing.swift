import Bytes

/// Decides where a message ends and what becomes of the connection (RFC 9112 §6 and §9): where request smuggling lives, so nothing is guessed.
struct Framing {
    private var hosts = 0
    private var length: Int?
    private var chunked = false
    private var close = false
    private var keepAlive = false

    mutating func see(
        _ field: RequestHead.Field, in bytes: UnsafeBufferPointer<UInt8>, _ head: inout RequestHead
    ) throws(HTTPFault) {
        let name = UnsafeBufferPointer(rebasing: bytes[field.name])
        let value = UnsafeBufferPointer(rebasing: bytes[field.value])
        switch name.count {
        case 4 where ASCII.equalsIgnoringCase(name, "host"):
            hosts += 1
            if hosts > 1 { throw .bad("more than one Host") }
            if !HostName.isValid(value) { throw .bad("malformed Host") }
        case 14 where ASCII.equalsIgnoringCase(name, "content-length"):
            if length != nil { throw .bad("more than one Content-Length") }
            length = try Self.contentLength(value)
        case 17 where ASCII.equalsIgnoringCase(name, "transfer-encoding"):
            if chunked { throw .bad("more than one Transfer-Encoding") }
            guard ASCII.equalsIgnoringCase(value, "chunked") else { throw .bad("Transfer-Encoding other than chunked") }
            chunked = true
        case 10 where ASCII.equalsIgnoringCase(name, "connection"):
            for option in value.split(separator: UInt8(ascii: ",")) {
                let option = Self.trim(option)
                if ASCII.equalsIgnoringCase(option, "close") { close = true }
                if ASCII.equalsIgnoringCase(option, "keep-alive") { keepAlive = true }
                if ASCII.equalsIgnoringCase(option, "upgrade") { head.wantsUpgrade = true }
            }
        case 6 where ASCII.equalsIgnoringCase(name, "expect"):
            guard ASCII.equalsIgnoringCase(value, "100-continue") else { throw HTTPFault(417, "unknown expectation") }
            // RFC 9110 §10.1.1: an HTTP/1.0 client cannot take a 100, so the field is ignored.
            head.expectsContinue = head.minorVersion == 1
        default: break
        }
    }

    func conclude(_ head: inout RequestHead) throws(HTTPFault) {
        if head.minorVersion == 1, hosts == 0 { throw .bad("missing Host") }
        if chunked {
            if length != nil { throw .bad("both Content-Length and Transfer-Encoding") }
            if head.minorVersion == 0 { throw .bad("Transfer-Encoding in HTTP/1.0") }
            head.body = .chunked
        } else if let length, length > 0 {
            head.body = .fixed(length)
        }
        head.keepAlive = head.minorVersion == 1 ? !close : keepAlive && !close
    }

    /// Digits only; 18 of them are beyond any limit and cannot overflow.
    private static func contentLength(_ value: UnsafeBufferPointer<UInt8>) throws(HTTPFault) -> Int {
        guard !value.isEmpty, value.allSatisfy(ASCII.isDigit) else { throw .bad("malformed Content-Length") }
        guard value.count <= 18 else { throw .bad("Content-Length out of range") }
        return value.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    private static func trim(_ slice: Slice<UnsafeBufferPointer<UInt8>>) -> Slice<UnsafeBufferPointer<UInt8>> {
        var slice = slice
        while let first = slice.first, first == 0x20 || first == 0x09 { slice.removeFirst() }
        while let last = slice.last, last == 0x20 || last == 0x09 { slice.removeLast() }
        return slice
    }
}
