public import Bytes

/// The envelope of `spec/zinnia-devices.md`: `{code, message, data, timestamp, request_id}`, errors without data, in Chinese.
public struct EnvelopeDialect: Dialect {
    public init() {}

    public func render(_ error: APIError, _ context: DialectContext) -> Reply {
        .json(status: error.status) { w in
            w.object { w in
                w.member("code", error.status)
                w.member("message", Self.text(error))
                w.member("timestamp", context.now, .utc)
                w.member("request_id", context.requestID)
            }
        }
    }

    public func success(
        status: Int, _ context: DialectContext, extra: ((inout JSONWriter) -> Void)?, data: (inout JSONWriter) throws -> Void
    ) rethrows -> Reply {
        try .json(status: status, capacity: 1024) { w in
            try w.object { w in
                w.member("code", status)
                w.member("message", "success")
                w.key("data")
                try data(&w)
                extra?(&w)
                w.member("timestamp", context.now, .utc)
                w.member("request_id", context.requestID)
            }
        }
    }

    /// What handlers say in Chinese themselves (`APIError.said`) goes out as it is.
    static func text(_ error: APIError) -> String {
        switch error.code {
        case .missingParameter: "缺少必需参数：\(error.field ?? "")"
        case .invalidParameter: "参数无效：\(error.field ?? error.message)"
        case .badRequest: "请求参数错误：\(error.message)"
        case .unauthorized: "认证失败：令牌无效"
        case .forbidden: "无权限访问"
        case .notFound: "资源不存在"
        case .noRoute: "接口不存在"
        case .methodNotAllowed: "请求方法不支持"
        case .conflict: "资源冲突"
        case .tooManyRequests: "请求频率过高，请稍后再试"
        case .timeout: "请求超时"
        case .unavailable, .databaseUnavailable: "服务暂时不可用"
        case .internal: "服务器内部错误"
        default: error.message
        }
    }
}

/// A page of a list as the spec writes it: `{items, pagination}`.
struct Page {
    var number: Int
    var size: Int

    static let maxSize = 100
    static let usualSize = 20

    /// `page` and `page_size` of the query; 400 when they are none.
    init(_ request: Request) throws(APIError) {
        number = try request.int("page", in: 1...1_000_000) ?? 1
        size = try request.int("page_size", in: 1...Self.maxSize) ?? Self.usualSize
    }

    var offset: Int { (number - 1) * size }

    func write(total: Int, _ w: inout JSONWriter, items: (inout JSONWriter) throws -> Void) rethrows {
        try w.object { w in
            w.key("items")
            try w.array(items)
            w.key("pagination")
            w.object { w in
                w.member("page", number)
                w.member("page_size", size)
                w.member("total_items", total)
                w.member("total_pages", (total + size - 1) / size)
            }
        }
    }
}

extension APIError.Code {
    /// The message is what the client gets to read, in its own language.
    public static let said = APIError.Code(rawValue: "said")
}

extension APIError {
    public static func said(_ status: Int, _ message: String, field: String? = nil) -> APIError { APIError(status, .said, message, field: field) }

    /// 400 that names a field and what it has to be.
    static func said(invalid field: String, _ rule: String) -> APIError { said(400, "参数无效：\(field)（\(rule)）", field: field) }

    static func tooMany(_ message: String = "请求频率过高，请稍后再试", retryAfterSeconds: Int) -> APIError {
        said(429, message).retrying(afterSeconds: retryAfterSeconds)
    }
}
