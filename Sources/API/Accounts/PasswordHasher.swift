import CSodium
import Reactor
import Synchronization

/// Argon2id on a thread of its own (libsodium): one hash takes 64 MB and some 50 ms, which no loop can spare. What waits is bounded.
public final class PasswordHasher: Sendable {
    /// Passwords that wait or are being hashed; one more is refused. At 20 a second the last one waits for less than two seconds.
    public static let bound = 32
    /// Longer ones are refused before any work is done for them, in bytes.
    public static let maxPasswordBytes = 1024

    enum Verdict: Sendable {
        case right, wrong
        case locked(seconds: Int)
        /// Too much waits already.
        case busy
    }

    private let loop: EventLoop
    private let waiting = Atomic<Int>(0)
    private let attempts: LoopBound<Attempts>

    /// Lives on the hasher's thread: what all loops share, without a lock.
    final class Attempts {
        var table = LoginAttempts()
        /// Verified for unknown users, so that they take as long as known ones.
        lazy var dummy: [CChar]? = PasswordHasher.hash("heliograph has no such user")
    }

    public init() async {
        precondition(sodium_init() >= 0, "libsodium cannot start: no source of random numbers")
        loop = EventLoop(name: "passwords")
        attempts = await loop.run { loop in LoopBound(Attempts(), on: loop) }
    }

    /// Ends the thread. Nothing may be asked afterwards.
    public func stop() { loop.stop() }

    /// A new hash in libsodium's text form.
    /// Errors: nil when too much waits, or memory for it cannot be had.
    public func hash(_ password: String) async -> String? {
        guard enter() else { return nil }
        defer { leave() }
        return await loop.run { _ in Self.hash(password).map(Self.text) }
    }

    /// Verifies a password against a stored hash (nil for an unknown user) and keeps count of failures.
    func verify(_ password: String, hash: String?, _ key: LoginAttempts.Key) async -> Verdict {
        guard enter() else { return .busy }
        defer { leave() }
        let attempts = attempts
        return await loop.run { loop in
            let shared = attempts.value(on: loop)
            if let seconds = shared.table.lockedSeconds(key, nowNs: Clock.monotonicNs) { return .locked(seconds: seconds) }
            let isRight = Self.matches(password, hash.map { Array($0.utf8CString) } ?? shared.dummy) && hash != nil
            if isRight { shared.table.succeeded(key) } else { shared.table.failed(key, nowNs: Clock.monotonicNs) }
            return isRight ? .right : .wrong
        }
    }

    private func enter() -> Bool {
        if waiting.add(1, ordering: .relaxed).newValue <= Self.bound { return true }
        leave()
        return false
    }

    private func leave() { waiting.subtract(1, ordering: .relaxed) }

    // MARK: libsodium

    private static func hash(_ password: String) -> [CChar]? {
        var out = [CChar](repeating: 0, count: Int(crypto_pwhash_STRBYTES))
        let text = Array(password.utf8CString)
        // The interactive limits: two passes over 64 MB.
        let done = crypto_pwhash_str(
            &out, text, UInt64(text.count - 1), UInt64(crypto_pwhash_OPSLIMIT_INTERACTIVE), Int(crypto_pwhash_MEMLIMIT_INTERACTIVE))
        return done == 0 ? out : nil
    }

    private static func matches(_ password: String, _ hash: [CChar]?) -> Bool {
        guard let hash, hash.count <= Int(crypto_pwhash_STRBYTES) else { return false }
        let text = Array(password.utf8CString)
        return crypto_pwhash_str_verify(hash, text, UInt64(text.count - 1)) == 0
    }

    private static func text(_ hash: [CChar]) -> String { String(decoding: hash.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) }
}
