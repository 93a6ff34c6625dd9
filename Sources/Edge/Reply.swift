public import Bytes

/// An answer: status, fields, and a body in one of three forms.
public struct Reply {
    public enum Body {
        case bytes([UInt8])
        /// Written piece by piece with back-pressure; sent chunked. A throw after the head cuts the connection, so that nobody takes a part for the whole.
        case stream((ReplyWriter) async throws -> Void)
        /// A part of a file, given to the kernel to send.
        case file(OpenFile, Range<Int>)
    }

    public static let json = "application/json; charset=utf-8"
    public static let text = "text/plain; charset=utf-8"

    public var status: Int
    public var contentType: String?
    /// Names and values; framing fields (`Content-Length`, `Transfer-Encoding`, `Connection`, `Date`) are the server's.
    public var headers: [(name: String, value: String)] = []
    public var body: Body

    public init(status: Int = 200, contentType: String?, _ body: Body) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    public static func json(_ bytes: [UInt8], status: Int = 200) -> Reply { Reply(status: status, contentType: json, .bytes(bytes)) }

    public static func json(status: Int = 200, capacity: Int = 256, _ write: (inout JSONWriter) throws -> Void) rethrows -> Reply {
        var writer = JSONWriter(capacity: capacity)
        try write(&writer)
        return json(writer.bytes, status: status)
    }

    public static func text(_ text: String, status: Int = 200) -> Reply { Reply(status: status, contentType: self.text, .bytes(Array(text.utf8))) }
    public static func empty(_ status: Int = 204) -> Reply { Reply(status: status, contentType: nil, .bytes([])) }

    public static func stream(contentType: String = json, _ write: @escaping (ReplyWriter) async throws -> Void) -> Reply {
        Reply(contentType: contentType, .stream(write))
    }

    public static func redirect(_ location: String, status: Int = 302) -> Reply {
        var reply = empty(status)
        reply.headers.append(("Location", location))
        return reply
    }

    /// The body when it is in memory; nil for streams and files.
    public var bytes: [UInt8]? {
        if case .bytes(let bytes) = body { return bytes }
        return nil
    }
}
