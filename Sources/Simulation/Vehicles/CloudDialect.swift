import Bytes
import Edge

/// Errors as the vehicle service writes them: `{"response":null,"error":…,"error_description":""}`.
struct CloudDialect: Dialect {
    func render(_ error: APIError, _ context: DialectContext) -> Reply {
        let text = error.code == .noRoute ? "not_found" : error.message
        return Self.refusal(error.status, text)
    }

    func success(
        status: Int, _ context: DialectContext, extra: ((inout JSONWriter) -> Void)?, data: (inout JSONWriter) throws -> Void
    ) rethrows -> Reply {
        try .json(status: status, capacity: 3_072) { w in
            try w.object { w in
                w.key("response")
                try data(&w)
                extra?(&w)
            }
        }
    }

    static func refusal(_ status: Int, _ error: String) -> Reply {
        .json(status: status) { w in
            w.object { w in
                w.key("response")
                w.null()
                w.member("error", error)
                w.member("error_description", "")
            }
        }
    }
}
