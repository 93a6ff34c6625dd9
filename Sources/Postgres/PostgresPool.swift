import CLinux
public import Reactor

/// Connections of one loop to one database, used by that loop alone.
///
/// Statements go out at once on the least busy connection, each behind its own Sync, so that one failure touches no other. While
/// no connection can take one it waits in a bounded queue. Connections that break are made again for ever. A pool must be closed.
/// A call from another thread traps; Swift 6.3 leaves the loop in an `async` closure kept in a variable, or handed to a library function
/// that is not `nonisolated(nonsending)`.
public final class PostgresPool {
    public let config: PostgresConfig
    public let name: String
    let loop: EventLoop
    let port: LoopPort
    private(set) var connections: [PooledConnection] = []
    private var waiting = Ring<Request>()
    private var isClosing = false
    private var upkeepIsDue = false
    private var dispatchIsDue = false
    private var queries = 0
    var errors = 0
    private var losses = 0

    /// How often waiting queries and silent connections are looked at, in ms: time limits are kept to within this.
    static let upkeepMs = 100
    /// How long `close` lets work in flight finish, in ms.
    static let closeLimitMs = 5_000

    /// Begins to connect; queries may be sent at once and wait for the first connection.
    public init(_ config: PostgresConfig, size: Int, name: String, on loop: isolated EventLoop) {
        precondition(size > 0, "a pool needs at least one connection")
        self.config = config
        self.name = name
        self.loop = loop
        port = LoopPort(on: loop)
        for _ in 0..<size { connections.append(PooledConnection(pool: self, on: loop)) }
    }

    // MARK: Statements

    /// Runs one statement as a transaction of its own. `retryOnLoss` allows it to be sent once more after a connection was lost with
    /// it in flight: for reads, and for writes that are idempotent. A cancelled task gets `cancelled`; what was sent still runs.
    @discardableResult
    public func query(
        _ statement: Statement, _ parameters: Parameters = Parameters(), retryOnLoss: Bool = false
    ) async throws(PostgresError) -> PostgresRows {
        let request = Request(statement, parameters, retryOnLoss: retryOnLoss)
        try await run(request)
        return try request.result()
    }

    /// Runs several statements before one Sync: one round trip, one implicit transaction, all or nothing.
    @discardableResult
    public func batch(_ items: [(Statement, Parameters)], retryOnLoss: Bool = false) async throws(PostgresError) -> [PostgresRows] {
        guard let first = items.first else { return [] }
        let more = items.dropFirst().map { (statement: $0.0, parameters: $0.1) }
        let request = Request(first.0, first.1, more: more, retryOnLoss: retryOnLoss)
        try await run(request)
        return try request.results()
    }

    private func run(_ request: Request) async throws(PostgresError) {
        if Task.isCancelled { throw PostgresError(.cancelled, "the task was cancelled") }
        if request.isTooLarge { throw PostgresError(.invalid, "a statement takes \(Parameters.maxCount) parameters at most: pass arrays") }
        submit(request)
        await request.waitOrCancel(loop)
    }

    // MARK: State

    /// Whether any connection can be used now.
    public var isConnected: Bool { connections.contains { $0.link.isReady } }
    /// Why the last attempt to connect failed, while there is no connection.
    public var lastConnectError: PostgresError? { isConnected ? nil : connections.lazy.compactMap { $0.link.lastError }.first }

    public struct Gauges: Sendable {
        /// Connections by state.
        public var connected = 0
        public var idle = 0
        public var busy = 0
        public var reserved = 0
        /// Statements sent and not yet answered.
        public var inFlight = 0
        public var waiting = 0
        /// Since the start: statements and reservations asked for, those that failed, connections lost.
        public var queries = 0
        public var errors = 0
        public var losses = 0
    }

    public var gauges: Gauges {
        var g = Gauges()
        for connection in connections {
            g.inFlight += connection.inFlight
            guard connection.link.isReady else { continue }
            g.connected += 1
            if connection.isReserved { g.reserved += 1 } else if connection.isDrained { g.idle += 1 } else { g.busy += 1 }
        }
        g.waiting = waiting.count
        g.queries = queries
        g.errors = errors
        g.losses = losses
        return g
    }

    // MARK: The queue

    func submit(_ request: Request) {
        precondition(loop.isCurrent, "pool \(name) was called off its loop")
        queries += 1
        if isClosing { return refuse(request, PostgresError(.closed, "pool \(name) is closed")) }
        if waiting.isEmpty, let connection = leastBusy(for: request) {
            give(request, to: connection)
        } else if waiting.count < config.maxWaiting {
            request.deadlineNs = hg_monotonic_ns() &+ Int64(config.waitLimitMs) &* 1_000_000
            waiting.append(request)
        } else {
            return refuse(request, PostgresError(.queueFull, "pool \(name): \(waiting.count) queries wait already"))
        }
        scheduleUpkeep()
    }

    /// Hands waiting requests to connections that can take them.
    func dispatch() {
        while let request = waiting.first {
            if !request.isDone {
                guard let connection = leastBusy(for: request) else { return }
                give(request, to: connection)
            }
            _ = waiting.popFirst()
        }
    }

    private func give(_ request: Request, to connection: PooledConnection) {
        switch request.work {
        case .statements: connection.send(request)
        case .reservation:
            connection.isReserved = true
            request.grant(connection)
        }
    }

    private func leastBusy(for request: Request) -> PooledConnection? {
        var best: PooledConnection?
        for connection in connections where connection.canTake && connection.inFlight < (best?.inFlight ?? .max) { best = connection }
        guard let best, request.work == .reservation || best.inFlight < config.pipelineDepth else { return nil }
        return best
    }

    private func refuse(_ request: Request, _ error: PostgresError) {
        guard !request.isDone else { return }
        errors += 1
        request.fail(error)
    }

    /// Answers what was in flight, or queues it first in line where it may be sent again.
    func connectionLost(_ requests: [Request], _ error: PostgresError) {
        losses += 1
        for request in requests.reversed() {
            if let known = request.error, known.kind == .server {
                // The server had refused it before the connection went.
                refuse(request, known)
            } else if request.retryOnLoss, !request.resentAfterLoss, !isClosing, !request.isDone {
                request.resentAfterLoss = true
                request.reset()
                request.deadlineNs = hg_monotonic_ns() &+ Int64(config.waitLimitMs) &* 1_000_000
                waiting.prepend(request)
            } else {
                refuse(request, request.error ?? error)
            }
        }
        guard !waiting.isEmpty, !dispatchIsDue else { return }
        scheduleUpkeep()
        dispatchIsDue = true
        port.atEndOfTick { [self] in
            dispatchIsDue = false
            dispatch()
        }
    }

    private func scheduleUpkeep() {
        guard !upkeepIsDue else { return }
        upkeepIsDue = true
        _ = port.after(min(Self.upkeepMs, max(1, config.waitLimitMs / 4))) { [self] in upkeep() }
    }

    private func upkeep() {
        upkeepIsDue = false
        let now = hg_monotonic_ns()
        for request in waiting.extract(where: { $0.isDone || $0.deadlineNs <= now }) {
            let reason = lastConnectError.map { ": \($0.message)" } ?? ", all are busy"
            refuse(request, PostgresError(.unavailable, "pool \(name): no connection within \(config.waitLimitMs) ms\(reason)"))
        }
        for connection in connections { connection.dropIfStalled(nowNs: now) }
        if !waiting.isEmpty || connections.contains(where: { !$0.isDrained }) { scheduleUpkeep() }
    }

    // MARK: Reservations

    /// A connection to oneself, until `release`.
    func reserve() async throws(PostgresError) -> PooledConnection {
        let request = Request.reservation()
        if Task.isCancelled { throw PostgresError(.cancelled, "the task was cancelled") }
        submit(request)
        await request.waitOrCancel(loop)
        if let connection = request.connection { return connection }
        throw request.error ?? PostgresError(.closed, "pool \(name) is closed")
    }

    func release(_ connection: PooledConnection) {
        connection.isReserved = false
        connection.wakeWaiters()
        dispatch()
    }

    // MARK: The end

    /// Refuses new work, lets what is in flight finish for up to five seconds, and disconnects.
    public func close(on loop: isolated EventLoop) async {
        guard !isClosing else { return }
        isClosing = true
        for request in waiting.drain() { refuse(request, PostgresError(.closed, "pool \(name) is closed")) }
        var isLate = false
        let timer = loop.after(ns: Int64(Self.closeLimitMs) * 1_000_000) { [self] in
            isLate = true
            for connection in connections { connection.wakeWaiters() }
        }
        for connection in connections {
            while !isLate, connection.link.isReady, connection.isReserved || !connection.isDrained { await connection.changed() }
        }
        loop.cancel(timer)
        for connection in connections { connection.close() }
        connections = []
    }
}
