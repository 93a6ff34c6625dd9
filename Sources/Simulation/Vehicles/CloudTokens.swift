import Bytes

/// The token service: refresh tokens work once, access tokens for a time.
public struct CloudTokens: Sendable {
    public struct Grant: Hashable, Sendable {
        public var access: String
        public var refresh: String
        public var expiresInSeconds: Int
    }

    /// Of new access tokens.
    public var expiresInSeconds = 28_800
    /// Whether a refresh token is replaced when it is used.
    public var rotates = true
    /// Refreshes that were granted.
    public private(set) var refreshes = 0

    private var access: [String: (account: Int, until: Timestamp)] = [:]
    private var refresh: [String: Int] = [:]
    private var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed, name: "tokens") }

    /// A sign-in: both tokens for an account.
    mutating func issue(_ account: Int, at t: Timestamp) -> Grant {
        let grant = Grant(access: "cn-" + text(4), refresh: "cn-" + text(5), expiresInSeconds: expiresInSeconds)
        access[grant.access] = (account, t.adding(seconds: Int64(expiresInSeconds)))
        refresh[grant.refresh] = account
        return grant
    }

    /// nil: the token is unknown, or was used before.
    mutating func renew(_ token: String, at t: Timestamp) -> Grant? {
        guard let account = refresh[token] else { return nil }
        refreshes += 1
        if rotates { refresh[token] = nil }
        access = access.filter { $0.value.until > t }
        var grant = issue(account, at: t)
        if !rotates {
            refresh[grant.refresh] = nil
            grant.refresh = token
        }
        return grant
    }

    /// Whose token it is; nil: nobody's any more.
    func account(_ token: String, at t: Timestamp) -> Int? {
        guard let known = access[token], t < known.until else { return nil }
        return known.account
    }

    /// Ends the access tokens of an account, or all tokens: then it has to sign in again.
    mutating func revoke(_ account: Int, refreshToo: Bool) {
        access = access.filter { $0.value.account != account }
        if refreshToo { refresh = refresh.filter { $0.value != account } }
    }

    private mutating func text(_ words: Int) -> String {
        var text = ""
        for _ in 0..<words {
            let word = String(random.next(), radix: 16)
            text += String(repeating: "0", count: 16 - word.utf8.count) + word
        }
        return text
    }
}
