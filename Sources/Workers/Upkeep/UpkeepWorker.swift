public import Postgres
public import Reactor

/// The worker `upkeep`: what one process of the fleet does for all. Every process may have one; the lease says which of them works.
///
/// Each task has a loop of its own, so that none waits for another. The others hold one connection and ask for the lease.
public final class UpkeepWorker {
    /// The time for which this process has the lease.
    private final class Term {
        let pool: PostgresPool
        let tasks: [any UpkeepTask]
        var isOver = false
        /// Task runs under way.
        var running = 0

        init(_ pool: PostgresPool, _ tasks: [any UpkeepTask]) {
            self.pool = pool
            self.tasks = tasks
        }
    }

    private let config: PostgresConfig
    private let options: UpkeepOptions
    /// Tells listeners of events.
    private let publish: (_ topic: String, _ payload: [UInt8]) -> Void
    private let leasePool: PostgresPool
    private let lease: UpkeepLease
    private var term: Term?
    private var isStopping = false
    private var isAsking = false
    public let counters = UpkeepCounters()

    /// The longest wait of a task after a failure, ns.
    private static let retryNs: Int64 = 5_000_000_000
    /// How soon a waiting loop notices that its term is over, ns.
    private static let noticeNs: Int64 = 250_000_000
    /// How long `stop` lets a task finish its step, ns.
    private static let stopNs: Int64 = 2_000_000_000

    public init(
        _ config: PostgresConfig, options: UpkeepOptions = UpkeepOptions(), publish: @escaping (_ topic: String, _ payload: [UInt8]) -> Void = { _, _ in },
        on loop: isolated EventLoop
    ) {
        self.config = config
        self.publish = publish
        self.options = options
        var leaseConfig = config
        // An answer that comes later than this is of no use.
        leaseConfig.statementTimeoutMs = max(100, Int(options.termMs / 2))
        leaseConfig.stallGraceMs = max(100, Int(options.termMs / 4))
        leaseConfig.waitLimitMs = max(100, Int(options.termMs / 2))
        leaseConfig.reconnectMaxMs = max(config.reconnectMinMs, Int(options.renewMs))
        leasePool = PostgresPool(leaseConfig, size: 1, name: "upkeep lease", on: loop)
        lease = UpkeepLease(options.leaseName, termMs: options.termMs, pool: leasePool)
    }

    /// Whether this process does the upkeep now.
    public var isWorking: Bool { term != nil && lease.isHeld }
    public var holder: String { lease.holder }

    public func start(on loop: isolated EventLoop) {
        guard !isAsking else { return }
        isAsking = true
        loop.spawn { await self.keepAsking(on: loop) }
    }

    /// Ends the work in order and gives the lease up, so that another takes over at once.
    public func stop(on loop: isolated EventLoop) async {
        guard !isStopping else { return }
        isStopping = true
        let last = term
        term = nil
        last?.isOver = true
        let limit = loop.nowNs + Self.stopNs
        while let last, last.running > 0, loop.nowNs < limit { await loop.sleep(ns: 5_000_000) }
        if last != nil {
            do throws(PostgresError) {
                try await lease.release()
            } catch {
                Log.warning("upkeep lease not given up; it ends by itself", ["error": error.description])
            }
        }
        await last?.pool.close(on: loop)
        await leasePool.close(on: loop)
    }

    // MARK: The lease

    private func keepAsking(on loop: isolated EventLoop) async {
        var hasFailed = false
        while !isStopping {
            do throws(PostgresError) {
                let isMine = try await lease.renew()
                hasFailed = false
                guard !isStopping else { return }
                if isMine, term == nil { begin(on: loop) } else if !isMine, term != nil { end("another process has it", on: loop) }
            } catch {
                guard !isStopping else { return }
                if !hasFailed { Log.warning("upkeep lease not renewed; tried again", ["error": error.description]) }
                hasFailed = true
                if term != nil, !lease.isHeld { end("it could not be renewed", on: loop) }
            }
            await loop.sleep(ns: options.renewMs * 1_000_000)
        }
    }

    private func begin(on loop: isolated EventLoop) {
        counters.taken += 1
        Log.info("upkeep lease taken", ["holder": lease.holder])
        var config = config
        // A first count of a large history takes its time.
        config.statementTimeoutMs = 120_000
        // No statement behind a slow one.
        config.pipelineDepth = 1
        // The job table's statistics are of a table that empties and fills within seconds: reading all of it is never right.
        config.settings += [(name: "enable_seqscan", value: "off"), (name: "lock_timeout", value: "'5s'")]
        let pool = PostgresPool(config, size: options.connections, name: "upkeep", on: loop)
        let term = Term(
            pool,
            [
                PartitionTask(), RingTask(), RescueTask(silenceMs: options.silenceMs, graceMs: options.graceMs), UnblockTask(), ScheduleTask(), ReplayTask(),
                StatisticsTask(), OfflineTask(publish: publish), AccountsTask(),
                RetentionTask(keepCompletedDays: options.keepCompletedDays, keepFailedDays: options.keepFailedDays),
                VehicleJournalTask(keepDays: options.keepVehicleJournalDays),
            ])
        self.term = term
        let turn = UpkeepTurn(pool: pool, counters: counters) { [lease] in !term.isOver && lease.isHeld }
        for task in term.tasks { loop.spawn { await self.repeatedly(task, turn, term, on: loop) } }
    }

    private func end(_ reason: String, on loop: isolated EventLoop) {
        guard let last = term else { return }
        term = nil
        last.isOver = true
        counters.lost += 1
        Log.warning("upkeep lease lost", ["holder": lease.holder, "reason": reason])
        loop.spawn { await last.pool.close(on: loop) }
    }

    // MARK: The tasks

    private func repeatedly(_ task: any UpkeepTask, _ turn: UpkeepTurn, _ term: Term, on loop: isolated EventLoop) async {
        while !term.isOver {
            var isDone = true
            if turn.mayWork() { isDone = await runOnce(task, turn, term) }
            let waitNs = isDone ? task.intervalNs : min(task.intervalNs, Self.retryNs)
            let untilNs = Clock.monotonicNs + waitNs
            while !term.isOver, Clock.monotonicNs < untilNs {
                await loop.sleep(ns: min(Self.noticeNs, untilNs - Clock.monotonicNs))
            }
        }
    }

    private func runOnce(_ task: any UpkeepTask, _ turn: UpkeepTurn, _ term: Term) async -> Bool {
        term.running += 1
        defer { term.running -= 1 }
        do {
            try await task.run(turn)
            return true
        } catch {
            guard !term.isOver else { return false }
            counters.failures += 1
            Log.warning("upkeep task failed; tried again", ["task": task.name, "error": String(describing: error)])
            return false
        }
    }
}
