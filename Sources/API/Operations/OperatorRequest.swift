import Bytes
import HTTP

extension Request {
    /// Who asks, for the audit trail.
    var operatorName: String { (principal as? TokenHolder)?.name ?? "" }

    /// The number in `:id`.
    func id(of what: String) throws(APIError) -> Int64 {
        guard let id = Int64(param("id")), id > 0 else { throw .invalid("id", "the id of a \(what) is a whole number above 0") }
        return id
    }

    /// The text in `:name`.
    func name(_ name: String) throws(APIError) -> String {
        let text = param(name)
        if text.utf8.contains(0) { throw .invalid(name, "\(name) must not contain NUL") }
        return text
    }
}

extension Reply {
    static func json(_ value: JSONValue, status: Int = 200) -> Reply { json(value.bytes, status: status) }
}

extension APIError {
    init(_ refusal: OperationError) {
        switch refusal.reason {
        case .invalid: self.init(400, .invalidParameter, refusal.message)
        case .unknown: self = .notFound(refusal.message)
        case .conflict: self.init(409, .conflict, refusal.message)
        case .tooSlow: self.init(503, .timeout, refusal.message)
        }
    }
}
