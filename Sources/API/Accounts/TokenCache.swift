/// What the database said about tokens, for a short while. Bounded; the time is a parameter.
struct TokenCache {
    /// How long a token that was good stays so, ns: the longest a revoked one lives on.
    static let goodNs: Int64 = 30_000_000_000
    /// How long a bad one stays bad, ns: the longest a fresh token may have to wait after a try before its time.
    static let badNs: Int64 = 5_000_000_000
    /// Tokens remembered. Past it everything is forgotten, which costs a query each.
    static let bound = 10_000

    private struct Entry {
        var holder: TokenHolder?
        var expiresNs: Int64
    }

    private var entries: [String: Entry] = [:]

    /// The outer nil: not known.
    func find(_ token: String, nowNs: Int64) -> TokenHolder?? {
        guard let entry = entries[token], entry.expiresNs > nowNs else { return nil }
        return .some(entry.holder)
    }

    mutating func put(_ token: String, _ holder: TokenHolder?, nowNs: Int64) {
        if entries.count >= Self.bound, entries[token] == nil { entries.removeAll(keepingCapacity: true) }
        entries[token] = Entry(holder: holder, expiresNs: nowNs + (holder == nil ? Self.badNs : Self.goodNs))
    }

    var count: Int { entries.count }
}
