public import Bytes

/// The envelope of `spec/ev-charging-risk.md`: `{success, data, …, timestamp}`, errors in Chinese.
public struct ChargingDialect: Dialect {
    /// The zone of the zone-less timestamps.
    public var offset: UTCOffset

    public init(offset: UTCOffset = .beijing) { self.offset = offset }

    public func render(_ error: APIError, _ context: DialectContext) -> Reply {
        .json(status: error.status) { w in
            w.object { w in
                w.member("success", false)
                w.member("error", text(error))
                w.member("timestamp", context.now, .localMicroseconds(offset))
            }
        }
    }

    public func success(
        status: Int, _ context: DialectContext, extra: ((inout JSONWriter) -> Void)?, data: (inout JSONWriter) throws -> Void
    ) rethrows -> Reply {
        try .json(status: status, capacity: 1024) { w in
            try w.object { w in
                w.member("success", true)
                w.key("data")
                try data(&w)
                extra?(&w)
                w.member("timestamp", context.now, .localMicroseconds(offset))
            }
        }
    }

    /// The spec's section 错误处理 has the first three; the others follow their manner.
    public func text(_ error: APIError) -> String {
        switch error.code {
        case .missingParameter: "缺少必需参数: \(error.field ?? "")"
        case .databaseUnavailable: "数据库连接失败"
        case .noRoute: "接口不存在"
        case .invalidParameter: "参数错误: \(error.field ?? error.message)"
        case .badRequest: "请求参数错误: \(error.message)"
        case .methodNotAllowed: "请求方法不支持"
        case .unauthorized: "未授权访问"
        case .forbidden: "禁止访问"
        case .tooManyRequests: "请求过于频繁"
        case .timeout: "请求超时"
        case .unavailable: "服务暂时不可用"
        case .internal: "服务器内部错误"
        default: error.message
        }
    }
}
