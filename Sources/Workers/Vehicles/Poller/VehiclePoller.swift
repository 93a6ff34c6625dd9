public import Bytes
import Fetch
import Glibc
public import Postgres
import Protocol
public import Reactor
public import Secrets

/// The worker `vehicles`: asks the cars that are this process's share, and keeps their logbook. Any number of processes may run; see `CarLeases`.
public final class VehiclePoller {
    private let options: VehicleOptions
    private let config: PostgresConfig
    private let now: () -> Timestamp
    private let pools: Pools
    private let fetcher: Fetcher
    private let store: TokenStore
    let parts: PollerParts
    private var listener: PostgresListener?
    private(set) var cars: [Int64: CarLoop] = [:]
    /// Cars that come to rest before they are given up.
    private var ending: Set<Int64> = []
    /// When each account's list is read next, ns.
    private var listAtNs: [Int64: Int64] = [:]
    private var areFencesOld = true
    private var isStopping = false
    private var isRunning = false
    private var isFollowing = false
    private var hasFailed = false

    /// A pool each for what must not wait for the others.
    private struct Pools {
        let leases: PostgresPool
        let accounts: PostgresPool
        let logbook: PostgresPool

        func close(on loop: isolated EventLoop) async {
            await logbook.close(on: loop)
            await accounts.close(on: loop)
            await leases.close(on: loop)
        }
    }

    /// - Parameters:
    ///   - seal: with the key that all processes share; accounts' tokens are sealed with it.
    ///   - now, nowNs: wall and monotonic clock.
    ///   - publish: tells everybody a car's state, `VehicleView` as JSON, on its topic.
    ///
    /// Errors: `FetchFailure` when libcurl cannot start.
    public init(
        _ config: PostgresConfig, _ options: VehicleOptions, seal: Seal, now: @escaping () -> Timestamp = { Clock.wall },
        nowNs: @escaping () -> Int64 = { Clock.monotonicNs }, publish: @escaping (_ topic: String, _ view: [UInt8]) -> Void, on loop: isolated EventLoop
    ) throws {
        self.options = options
        self.config = config
        self.now = now
        var quick = config
        // An answer that comes later than this is of no use.
        quick.statementTimeoutMs = max(200, options.trustMs / 2)
        quick.stallGraceMs = max(100, options.trustMs / 4)
        quick.waitLimitMs = max(200, options.trustMs / 2)
        quick.reconnectMaxMs = max(config.reconnectMinMs, options.beatMs)
        pools = Pools(
            leases: PostgresPool(quick, size: 1, name: "vehicle leases", on: loop),
            // A renewal has one for as long as the service takes to answer.
            accounts: PostgresPool(config, size: 4, name: "vehicle accounts", on: loop),
            logbook: PostgresPool(config, size: 2, name: "vehicle logbook", on: loop))
        var fetchOptions = FetchOptions()
        fetchOptions.caFile = options.caFile
        fetchOptions.mostConnections = options.requestsInFlight
        fetchOptions.connectMs = options.deadlineMs / 2
        fetcher = try Fetcher(fetchOptions, on: loop)
        store = TokenStore(pools.accounts, seal)
        let leases = CarLeases(pools.leases, options, nowNs: nowNs)
        let service = CarService(fetcher, options, now: now)
        let accounts = VehicleAccounts(store, fetcher, options, now: now)
        let logbook = Logbook(pools.logbook, holder: leases.id, now: now)
        parts = PollerParts(options, service, CarLister(pools.accounts, service, accounts, options), accounts, logbook, leases, now: now, publish: publish)
    }

    /// Its name in the database, and in `VehicleNames.command`.
    public var id: String { parts.leases.id }
    public var counters: PollerCounters { parts.counters }
    /// Cars that are asked here.
    public var carCount: Int { cars.count }

    public func start(on loop: isolated EventLoop) {
        guard !isRunning else { return }
        isRunning = true
        Self.allowManySockets()
        parts.logbook.start(on: loop)
        parts.accounts.onChange = { [weak self] number in
            guard let self else { return }
            for car in cars.values where car.car.account == number { car.accountChanged(on: loop) }
        }
        listener = PostgresListener(
            config, channels: [VehicleNames.channel], on: loop, onReconnect: { [weak self] in self?.areFencesOld = true },
            onNotify: { [weak self] _, table in if table == "geofence" { self?.areFencesOld = true } })
        loop.spawn { await self.run(on: loop) }
    }

    /// Ends in order: what has come in is written, the cars are given up, so that others follow at once.
    public func stop(on loop: isolated EventLoop) async {
        guard !isStopping else { return }
        isStopping = true
        listener?.close()
        let resting = Array(cars.values)
        for car in resting { car.quiet(on: loop) }
        for car in resting { await car.stop(on: loop) }
        await parts.logbook.close(on: loop)
        do throws(PostgresError) {
            try await parts.leases.release(resting.filter { !$0.isLost }.map(\.car.number))
            try await parts.leases.leave()
        } catch {
            Log.warning("vehicles not given up; others take them when this poller is dead to them", ["error": error.description])
        }
        cars = [:]
        fetcher.close()
        await pools.close(on: loop)
    }

    /// A stream has three descriptors.
    private static func allowManySockets() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    // MARK: Beats

    private func run(on loop: isolated EventLoop) async {
        await importTokens(on: loop)
        while !isStopping {
            do throws(PostgresError) {
                let beat = try await parts.leases.beat()
                hasFailed = false
                // What follows from a beat may take its time: the next one does not wait for it.
                if !isStopping, !isFollowing {
                    isFollowing = true
                    Self.follow(beat, self, on: loop)
                }
            } catch {
                tell(error)
            }
            await loop.sleep(ns: Int64(options.beatMs) * 1_000_000)
        }
    }

    private func tell(_ error: PostgresError) {
        if !hasFailed, !isStopping { Log.warning("vehicle poller: the database does not answer; tried again", ["error": error.description]) }
        hasFailed = true
    }

    private static func follow(_ beat: CarLeases.Beat, _ poller: VehiclePoller, on loop: isolated EventLoop) {
        loop.spawn {
            do throws(PostgresError) {
                try await poller.follow(beat, on: loop)
            } catch {
                poller.tell(error)
            }
            poller.isFollowing = false
        }
    }

    private func follow(_ beat: CarLeases.Beat, on loop: isolated EventLoop) async throws(PostgresError) {
        for number in beat.lost { lose(number, on: loop) }
        for number in beat.given where ending.insert(number).inserted { Self.end(number, self, on: loop) }
        try await parts.accounts.follow(beat.accounts, on: loop)
        if areFencesOld { try await readFences(on: loop) }
        for (number, car) in cars { if let known = beat.cars[number] { car.update(known, on: loop) } }
        for car in cars.values where car.isLost { lose(car.car.number, on: loop) }
        guard !isStopping else { return }
        let claims = try await parts.leases.take(beat.wanted.compactMap { beat.cars[$0] })
        for claim in claims { begin(claim, spread: claims.count > 1 ? options.spreadSeconds : 0, on: loop) }
        readLists(beat, on: loop)
    }

    private func begin(_ claim: CarClaim, spread: Double, on loop: isolated EventLoop) {
        parts.counters.taken += 1
        let car = CarLoop(claim, parts)
        cars[claim.car.number]?.lose(on: loop)
        cars[claim.car.number] = car
        if isStopping { car.lose(on: loop) } else { car.start(spread: spread, on: loop) }
    }

    private func lose(_ number: Int64, on loop: isolated EventLoop) {
        parts.leases.forget(number)
        guard let car = cars.removeValue(forKey: number) else { return }
        parts.counters.lost += 1
        car.lose(on: loop)
        Log.info("a vehicle is another poller's now", ["car": "\(number)"])
    }

    private static func end(_ number: Int64, _ poller: VehiclePoller, on loop: isolated EventLoop) {
        loop.spawn { await poller.end(number, on: loop) }
    }

    private func end(_ number: Int64, on loop: isolated EventLoop) async {
        defer { ending.remove(number) }
        guard let car = cars[number] else { return parts.leases.forget(number) }
        await car.stop(on: loop)
        guard cars[number] === car else { return }
        cars[number] = nil
        do throws(PostgresError) {
            try await parts.leases.release([number])
        } catch {
            Log.warning("a vehicle could not be given up", ["car": "\(number)", "error": error.description])
        }
    }

    private func readFences(on loop: isolated EventLoop) async throws(PostgresError) {
        areFencesOld = false
        do throws(PostgresError) {
            parts.fences = try Fences(try await pools.accounts.query(Fences.select))
        } catch {
            areFencesOld = true
            throw error
        }
        for car in cars.values { car.post(.look, on: loop) }
    }

    // MARK: Accounts

    /// Lists are read at the start and once an hour, each by one of the pollers.
    private func readLists(_ beat: CarLeases.Beat, on loop: isolated EventLoop) {
        let share = Rendezvous(beat.pollers)
        let now = Clock.monotonicNs
        for account in beat.accounts {
            // Accounts are no cars: their numbers get a place of their own. One that is signed in again is read at once.
            guard share.owner(of: -account.number) == id, account.fault == nil else {
                listAtNs[account.number] = nil
                continue
            }
            guard now >= listAtNs[account.number] ?? 0 else { continue }
            listAtNs[account.number] = now + Int64(options.listSeconds * 1e9)
            Self.readList(account.number, self, on: loop)
        }
    }

    private static func readList(_ account: Int64, _ poller: VehiclePoller, on loop: isolated EventLoop) {
        loop.spawn { await poller.readList(account, on: loop) }
    }

    private func readList(_ account: Int64, on loop: isolated EventLoop) async {
        guard case .failed(let outcome) = await parts.lister.list(account, isNew: true, on: loop), !isStopping else { return }
        var seconds = 60.0
        if case .answer(429, _, let retryAfter) = outcome { seconds = max(seconds, Double(min(retryAfter ?? 300, 86_400))) }
        listAtNs[account] = Clock.monotonicNs + Int64(min(seconds, max(options.listSeconds, seconds)) * 1e9)
        Log.warning("vehicle list not read; tried again", ["account": "\(account)", "seconds": "\(Int(seconds))"])
    }

    private func importTokens(on loop: isolated EventLoop) async {
        guard !options.tokenFile.isEmpty else { return }
        while !isStopping {
            do {
                return try await TokenFile.take(options.tokenFile, store)
            } catch {
                Log.warning("token file not taken over; tried again", ["file": options.tokenFile, "error": String(describing: error)])
                await loop.sleep(ns: 2_000_000_000)
            }
        }
    }
}
