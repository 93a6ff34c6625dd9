import Bytes

/// Writes response heads into a buffer. The caller keeps the `Date` text and renews it once a second.
public struct ResponseHead {
    /// How the receiver finds the body's end.
    public enum Framing: Hashable, Sendable {
        /// A status without a body (1xx, 204, 304): no length is written.
        case none
        case length(Int)
        case chunked
        /// The end of the connection; for HTTP/1.0 streams.
        case close
    }

    /// Starts a head: status line and `Date`. `date` is what `HTTPDate.append` makes.
    public static func begin(status: Int, date: [UInt8], to out: inout [UInt8]) {
        append("HTTP/1.1 ", to: &out)
        out.append(UInt8(0x30 + status / 100 % 10))
        out.append(UInt8(0x30 + status / 10 % 10))
        out.append(UInt8(0x30 + status % 10))
        out.append(0x20)
        append(HTTPStatus.reason(status), to: &out)
        append("\r\nDate: ", to: &out)
        out.append(contentsOf: date)
        crlf(&out)
    }

    public static func field(_ name: StaticString, _ value: StaticString, to out: inout [UInt8]) {
        append(name, to: &out)
        append(": ", to: &out)
        append(value, to: &out)
        crlf(&out)
    }

    /// Writes a field; control characters in the value become spaces, so that no value can start another field.
    public static func field(_ name: StaticString, _ value: String, to out: inout [UInt8]) {
        append(name, to: &out)
        text(value, to: &out)
    }

    public static func field(_ name: String, _ value: String, to out: inout [UInt8]) {
        for b in name.utf8 where CharacterSet.token.contains(b) { out.append(b) }
        text(value, to: &out)
    }

    public static func framing(_ framing: Framing, to out: inout [UInt8]) {
        switch framing {
        case .none, .close: break
        case .length(let count):
            append("Content-Length: ", to: &out)
            JSONWriter.append(count, to: &out)
            crlf(&out)
        case .chunked: append("Transfer-Encoding: chunked\r\n", to: &out)
        }
    }

    public static func end(to out: inout [UInt8]) { crlf(&out) }

    /// One chunk of a chunked body; an empty one is skipped, since it would end the body.
    public static func chunk(_ bytes: [UInt8], to out: inout [UInt8]) {
        if bytes.isEmpty { return }
        out.append(contentsOf: String(bytes.count, radix: 16).utf8)
        crlf(&out)
        out.append(contentsOf: bytes)
        crlf(&out)
    }

    public static func lastChunk(to out: inout [UInt8]) { append("0\r\n\r\n", to: &out) }

    @inline(__always) static func append(_ text: StaticString, to out: inout [UInt8]) {
        out.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private static func text(_ value: String, to out: inout [UInt8]) {
        append(": ", to: &out)
        for b in value.utf8 { out.append(b < 0x20 || b == 0x7F ? 0x20 : b) }
        crlf(&out)
    }

    @inline(__always) private static func crlf(_ out: inout [UInt8]) {
        out.append(0x0D)
        out.append(0x0A)
    }
}
