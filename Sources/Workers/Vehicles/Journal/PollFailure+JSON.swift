import Bytes

extension PollFailure {
    /// `{"failure":name, …}`; `text`, where there is any, is what came.
    func json(_ text: [UInt8]) -> JSONValue {
        var members: [(key: String, value: JSONValue)] = [("failure", .string(name))]
        switch self {
        case .forbidden(let isLimit): members.append(("is_limit", .bool(isLimit)))
        case .limited(let seconds): members.append(("retry_after", .int(seconds)))
        case .unavailable, .timeout, .inService, .notFound, .unauthorized, .retired, .server, .connection: break
        }
        if !text.isEmpty { members.append(("text", .string(String(decoding: text.prefix(Self.mostText), as: UTF8.self)))) }
        return .object(members)
    }

    init?(json: JSONValue) {
        switch json["failure"]?.string {
        case "unavailable": self = .unavailable
        case "timeout": self = .timeout
        case "in_service": self = .inService
        case "not_found": self = .notFound
        case "unauthorized": self = .unauthorized
        case "forbidden": self = .forbidden(isLimit: json["is_limit"]?.bool ?? false)
        case "retired": self = .retired
        case "limited":
            guard let seconds = json["retry_after"]?.int else { return nil }
            self = .limited(retryAfter: seconds)
        case "server": self = .server
        case "connection": self = .connection
        default: return nil
        }
    }

    /// Bytes of an error's text that are kept.
    private static let mostText = 1_000

    private var name: String {
        switch self {
        case .unavailable: "unavailable"
        case .timeout: "timeout"
        case .inService: "in_service"
        case .notFound: "not_found"
        case .unauthorized: "unauthorized"
        case .forbidden: "forbidden"
        case .retired: "retired"
        case .limited: "limited"
        case .server: "server"
        case .connection: "connection"
        }
    }
}
