public import Bytes

/// Bare values, and errors as `{"error":{"code","message"}}`: intake, operations, and whatever has no spec.
public struct PlainDialect: Dialect {
    public init() {}

    public func render(_ error: APIError, _ context: DialectContext) -> Reply {
        .json(status: error.status) { w in
            w.object { w in
                w.key("error")
                w.object { w in
                    w.member("code", error.code.rawValue)
                    w.member("message", error.message)
                    if let field = error.field { w.member("field", field) }
                    if let details = error.details { w.member("details", details) }
                    w.member("request_id", context.requestID)
                }
            }
        }
    }

    /// `extra` is not written: there is no envelope to hold it.
    public func success(
        status: Int, _ context: DialectContext, extra: ((inout JSONWriter) -> Void)?, data: (inout JSONWriter) throws -> Void
    ) rethrows -> Reply {
        try .json(status: status) { try data(&$0) }
    }
}
