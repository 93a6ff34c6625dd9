/// A request method. Names are case-sensitive (RFC 9110 §9.1): `get` is some other method.
public enum HTTPMethod: UInt8, Hashable, Sendable, CaseIterable {
    case get, head, post, put, delete, patch, options
    /// A well-formed token that no route can have.
    case other

    public var name: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .patch: "PATCH"
        case .options: "OPTIONS"
        case .other: "?"
        }
    }

    init(_ token: UnsafeBufferPointer<UInt8>) {
        for method in Self.allCases where method != .other {
            let name = method.name
            guard name.utf8CodeUnitCount == token.count else { continue }
            var same = true
            for i in 0..<token.count where name.utf8Start[i] != token[i] { same = false }
            if same {
                self = method
                return
            }
        }
        self = .other
    }
}
