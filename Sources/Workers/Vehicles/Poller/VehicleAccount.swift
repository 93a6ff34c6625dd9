import Bytes
import Fetch
import Postgres
import Reactor

/// One account's tokens: renewed at 75 % of their life and when the service refuses them, once for all who use them, stored before they are used.
///
/// All pollers have all accounts. Of those that want to renew at the same time one has the account's row locked while it asks; the others find what it
/// got. So no two ever use up the same refresh token, and none is lost between two processes.
final class VehicleAccount {
    let number: Int64
    private let store: TokenStore
    private let fetcher: Fetcher
    private let options: VehicleOptions
    /// Renewals of all accounts under way: each has a connection for as long as the service takes.
    private let gate: RequestGate
    private let now: () -> Timestamp

    private(set) var tokens: TokenPair?
    private(set) var rotation: Int64 = -1
    /// Why nothing is asked in its name; nil: it is signed in.
    private(set) var fault: String?
    /// As the database has it.
    private(set) var storedFault: String?
    private var tokensAt = Timestamp(seconds: 0)
    private var expiresAt: Timestamp?
    /// Nobody is asked for new tokens before.
    private(set) var renewNotBefore = Timestamp(seconds: 0)
    /// When tokens were refused that had just been made.
    private var refusals: [Timestamp] = []
    private var refusedRotation: Int64?
    private var isRenewing = false
    private var waiters: [UnsafeContinuation<Void, Never>] = []
    /// Told after every change of tokens or fault.
    var onChange: () -> Void = {}
    private(set) var renewals = 0

    static let retrySeconds: Int64 = 300
    static let mostRefusals = 5
    static let refusalSeconds = 600.0
    /// How long another's renewal is waited for.
    private static let lockWaits = 60
    private static let lockWaitNs: Int64 = 250_000_000

    init(_ number: Int64, _ store: TokenStore, _ fetcher: Fetcher, _ options: VehicleOptions, _ gate: RequestGate, now: @escaping () -> Timestamp) {
        self.number = number
        self.store = store
        self.fetcher = fetcher
        self.options = options
        self.gate = gate
        self.now = now
    }

    var hosts: VehicleHosts? { tokens.map { VehicleHosts($0, options) } }

    /// Takes what is stored, where it is newer.
    func adopt(_ row: TokenStore.Row) {
        rotation = row.rotation
        storedFault = row.fault
        tokensAt = row.tokensAt
        expiresAt = row.expiresAt
        fault = row.fault
        if let opened = row.tokens {
            tokens = opened
        } else {
            tokens = nil
            fault = fault ?? "its tokens cannot be opened with this process's secret key"
        }
        onChange()
    }

    // MARK: Use

    /// What a request may use. nil: nothing now; the account is signed out, or its tokens cannot be renewed at the moment.
    func token(on loop: isolated EventLoop) async -> (text: String, rotation: Int64)? {
        guard fault == nil else { return nil }
        if isUseless { _ = await renew(on: loop) }
        guard fault == nil, !isUseless, let tokens else { return nil }
        return (tokens.access, rotation)
    }

    /// The service has refused the token of `used`. True: there is another one, worth another try.
    func wasRefused(_ used: Int64, on loop: isolated EventLoop) async -> Bool {
        if used != rotation { return fault == nil }
        guard fault == nil else { return false }
        let time = now()
        if refusedRotation != used {
            refusedRotation = used
            refusals.removeAll { time.seconds(since: $0) >= Self.refusalSeconds }
            refusals.append(time)
            if refusals.count > Self.mostRefusals {
                await signOut("the service has refused \(refusals.count) tokens within 10 minutes", on: loop)
                return false
            }
        }
        guard await renew(on: loop) else { return false }
        return fault == nil && rotation != used
    }

    /// Whether it is time for new tokens. Of tokens whose life nobody knows: at once, which tells.
    var isDue: Bool {
        guard fault == nil, tokens != nil, !isRenewing, now() >= renewNotBefore else { return false }
        guard let expiresAt else { return true }
        let life = max(0, expiresAt.microseconds - tokensAt.microseconds)
        return now().microseconds >= tokensAt.microseconds + life / 4 * 3
    }

    /// Its time is over, or the service has refused it.
    private var isUseless: Bool { refusedRotation == rotation || expiresAt.map { now() >= $0 } ?? false }

    // MARK: Renewal

    /// Gets new tokens, or waits for those that are on their way. False: there are none now.
    func renew(on loop: isolated EventLoop) async -> Bool {
        let before = rotation
        if isRenewing {
            // It may have ended between the look and the suspension.
            await withUnsafeContinuation { waiter in if isRenewing { waiters.append(waiter) } else { waiter.resume() } }
            return rotation != before
        }
        guard fault == nil, now() >= renewNotBefore else { return false }
        isRenewing = true
        await renewAlone(on: loop)
        isRenewing = false
        let due = waiters
        waiters = []
        for waiter in due { waiter.resume() }
        return rotation != before
    }

    private func renewAlone(on loop: isolated EventLoop) async {
        let old = rotation
        await gate.enter()
        defer { gate.leave() }
        for _ in 0..<Self.lockWaits {
            // Another process may have got new ones meanwhile.
            guard rotation == old, fault == nil else { return }
            do {
                switch try await attempt(old, on: loop) {
                case .locked: await loop.sleep(ns: Self.lockWaitNs)
                case .done: return
                case .refused(let reason): return await signOut(reason, on: loop)
                case .failed(let reason, let seconds):
                    renewNotBefore = now().adding(seconds: max(Self.retrySeconds, seconds))
                    Log.warning("vehicle account: no new tokens; tried again later", ["account": "\(number)", "reason": reason])
                    return onChange()
                case .unstored(let made): return await store(made, on: loop)
                }
            } catch {
                Log.warning("vehicle account: tokens not renewed; tried again", ["account": "\(number)", "error": String(describing: error)])
                await loop.sleep(ns: Self.lockWaitNs)
            }
        }
        renewNotBefore = now().adding(seconds: Self.retrySeconds)
    }

    private enum Attempt {
        /// Another process is at it.
        case locked
        case done
        /// The refresh token is worth nothing any more.
        case refused(String)
        case failed(String, seconds: Int64)
        /// There are new tokens, and nobody knows whether they are stored.
        case unstored(Made)
    }

    private struct Made {
        var tokens: TokenPair
        var at: Timestamp
        var expiresAt: Timestamp
        var replaces: Int64
    }

    private func attempt(_ old: Int64, on loop: isolated EventLoop) async throws -> Attempt {
        var made: Made?
        do {
            let outcome: Attempt = try await store.pool.transaction { transaction in
                guard let row = try await self.store.lock(self.number, transaction) else { return .locked }
                guard row.rotation == old, self.rotation == old, let tokens = row.tokens else {
                    self.adopt(row)
                    return .done
                }
                switch await TokenRequest.send(tokens, to: VehicleHosts(tokens, self.options).auth, by: self.fetcher, self.options, on: loop) {
                case .refused(let reason): return .refused(reason)
                case .failed(let reason, let seconds): return .failed(reason, seconds: seconds)
                case .tokens(let fresh, let seconds):
                    let at = self.now()
                    let got = Made(tokens: fresh, at: at, expiresAt: at.adding(seconds: seconds), replaces: row.rotation)
                    made = got
                    // Under the row's lock.
                    _ = try await self.store.rotate(self.number, from: row.rotation, to: fresh, expiresAt: got.expiresAt, at: at, transaction)
                    return .unstored(got)
                }
            }
            guard case .unstored(let stored) = outcome else { return outcome }
            use(stored)
            return .done
        } catch {
            // What it replaces is used up: the new pair is kept until it is stored.
            if let made { return .unstored(made) }
            throw error
        }
    }

    /// Tries until the new pair is stored, or somebody else's is there.
    private func store(_ made: Made, on loop: isolated EventLoop) async {
        guard rotation == made.replaces else { return }
        while true {
            do {
                let isStored = try await store.pool.transaction { transaction in
                    try await self.store.rotate(self.number, from: made.replaces, to: made.tokens, expiresAt: made.expiresAt, at: made.at, transaction)
                }
                if isStored { return use(made) }
                // A commit whose answer was lost, or another log-in.
                if let row = try await store.read(number) { adopt(row) }
                return
            } catch let error as PostgresError where error.kind == .closed {
                return
            } catch {
                Log.error("vehicle account: new tokens are not stored yet", ["account": "\(number)", "error": String(describing: error)])
                await loop.sleep(ns: 500_000_000)
            }
        }
    }

    /// From now on: they are committed.
    private func use(_ made: Made) {
        tokens = made.tokens
        rotation = made.replaces + 1
        tokensAt = made.at
        expiresAt = made.expiresAt
        renewals += 1
        onChange()
    }

    private func signOut(_ reason: String, on loop: isolated EventLoop) async {
        guard fault == nil else { return }
        fault = reason
        Log.error("vehicle account signed out: log in again with 'heliograph vehicles login'", ["account": "\(number)", "reason": reason])
        onChange()
        for _ in 0..<Self.lockWaits {
            do {
                return try await store.signOut(number, rotation: rotation, reason)
            } catch {
                await loop.sleep(ns: Self.lockWaitNs)
            }
        }
    }
}
