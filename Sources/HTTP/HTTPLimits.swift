/// Every bound the request parser keeps. A request past one of them is answered with the status named here and the connection is closed.
public struct HTTPLimits: Sendable {
    /// Bytes of the request line without its CRLF; longer is 414. RFC 9112 §3 recommends at least 8,000.
    public var requestLine = 8 * 1024
    /// Bytes of request line and header fields together; more is 431.
    public var head = 32 * 1024
    /// Header fields; more is 431.
    public var fields = 100
    /// Bytes of a body after chunked decoding; more is 413.
    public var body = 10 * 1024 * 1024
    /// Bytes of chunk extensions in one body. Nobody uses them; a stream of them is an attack, 400.
    public var chunkExtensions = 1024
    /// Bytes of one chunk-size line: 16 hex digits and a short extension, 400.
    public var chunkLine = 272
    /// Bytes of all trailer fields, which are checked and dropped, 431.
    public var trailers = 8 * 1024
    /// Empty lines before a request line that are skipped (RFC 9112 §2.2 says at least one), 400.
    public var leadingEmptyLines = 2

    public init() {}
}
