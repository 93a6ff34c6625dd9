public import Bytes

/// What a dialect may want to say about the exchange besides its content.
public struct DialectContext: Sendable {
    public var now: Timestamp
    public var requestID: String
    public var path: String

    public init(now: Timestamp, requestID: String, path: String) {
        self.now = now
        self.requestID = requestID
        self.path = path
    }
}

/// How one spec writes its answers: the envelope of its successes and the shape of its errors.
public protocol Dialect: Sendable {
    /// Renders an error; the server adds the error's own header fields.
    func render(_ error: APIError, _ context: DialectContext) -> Reply

    /// Renders a success. `data` writes exactly one JSON value; `extra` writes members beside it where the spec has some (`count`, `pagination`).
    func success(
        status: Int, _ context: DialectContext, extra: ((inout JSONWriter) -> Void)?, data: (inout JSONWriter) throws -> Void
    ) rethrows -> Reply
}

extension Dialect {
    public func success(_ context: DialectContext, data: (inout JSONWriter) throws -> Void) rethrows -> Reply {
        try success(status: 200, context, extra: nil, data: data)
    }
}
