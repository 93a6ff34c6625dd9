public import Bytes

/// The one error that handlers throw. It says what happened; the route's dialect decides how that reads.
public struct APIError: Error, Sendable {
    /// An open set of names: a dialect has its own texts for those it knows and uses `message` for the rest.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public var rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        public static let badRequest = Code(rawValue: "bad_request")
        public static let missingParameter = Code(rawValue: "missing_parameter")
        public static let invalidParameter = Code(rawValue: "invalid_parameter")
        public static let unauthorized = Code(rawValue: "unauthorized")
        public static let forbidden = Code(rawValue: "forbidden")
        /// The path exists, what it names does not.
        public static let notFound = Code(rawValue: "not_found")
        /// No such path.
        public static let noRoute = Code(rawValue: "no_route")
        public static let methodNotAllowed = Code(rawValue: "method_not_allowed")
        public static let conflict = Code(rawValue: "conflict")
        public static let tooManyRequests = Code(rawValue: "too_many_requests")
        public static let unavailable = Code(rawValue: "unavailable")
        public static let databaseUnavailable = Code(rawValue: "database_unavailable")
        public static let timeout = Code(rawValue: "timeout")
        public static let `internal` = Code(rawValue: "internal")
    }

    public var status: Int
    public var code: Code
    /// For people, in English; must not carry secrets or SQL.
    public var message: String
    /// The parameter or body field that is meant.
    public var field: String?
    public var details: JSONValue?
    /// Further response fields, such as `Retry-After` or `WWW-Authenticate`.
    public var headers: [(name: String, value: String)] = []

    public init(_ status: Int, _ code: Code, _ message: String, field: String? = nil, details: JSONValue? = nil) {
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.details = details
    }

    public static func badRequest(_ message: String) -> APIError { APIError(400, .badRequest, message) }
    public static func missing(_ field: String) -> APIError { APIError(400, .missingParameter, "missing required parameter: \(field)", field: field) }
    public static func invalid(_ field: String, _ message: String) -> APIError { APIError(400, .invalidParameter, message, field: field) }
    public static func notFound(_ message: String) -> APIError { APIError(404, .notFound, message) }
    public static let noRoute = APIError(404, .noRoute, "no such path")
    public static let databaseUnavailable = APIError(500, .databaseUnavailable, "the database cannot be reached")
    // swift-format-ignore: DontRepeatTypeInStaticProperties
    public static let internalError = APIError(500, .internal, "internal error")

    public static func methodNotAllowed(_ allow: String) -> APIError {
        var error = APIError(405, .methodNotAllowed, "method not allowed; allowed: \(allow)")
        error.headers = [("Allow", allow)]
        return error
    }

    public static func unavailable(_ message: String, retryAfterSeconds: Int) -> APIError {
        var error = APIError(503, .unavailable, message)
        error.headers = [("Retry-After", String(retryAfterSeconds))]
        return error
    }
}
