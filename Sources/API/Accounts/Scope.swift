/// What a token lets its holder do.
public enum Scope: String, Sendable, CaseIterable {
    /// Send data, and read it in production.
    case ingest
    /// Everything.
    case admin

    /// Whether a token of this scope opens a route that asks for `needed`.
    func covers(_ needed: Scope) -> Bool { self == .admin || self == needed }

    /// Tokens say by their first letters what they are for, so that a leaked one is recognised.
    var prefix: String {
        switch self {
        case .ingest: "hgi_"
        case .admin: "hga_"
        }
    }
}

/// Who holds the token of a request; in `Request.principal`.
public struct TokenHolder: Sendable {
    public let scope: Scope
    /// The account's number; nil for a token that belongs to nobody.
    public let account: Int64?
    /// The account's name; `token` or `token:label` for one that belongs to nobody.
    public let name: String
}
