public import Bytes

/// The answers of `spec/tesgazer-vehicles.md`: `{"data":…}`, with `pagination` beside it where a list has pages; errors as `{"error":"…"}`, in English.
public struct VehicleDialect: Dialect {
    public init() {}

    public func render(_ error: APIError, _ context: DialectContext) -> Reply {
        .json(status: error.status, capacity: 128) { w in
            w.object { w in w.member("error", error.message) }
        }
    }

    public func success(
        status: Int, _ context: DialectContext, extra: ((inout JSONWriter) -> Void)?, data: (inout JSONWriter) throws -> Void
    ) rethrows -> Reply {
        try .json(status: status, capacity: 1024) { w in
            try w.object { w in
                w.key("data")
                try data(&w)
                extra?(&w)
            }
        }
    }
}
