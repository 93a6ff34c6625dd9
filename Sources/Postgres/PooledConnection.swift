import CLinux
import CPostgreSQL
import Reactor

/// One connection of a pool in pipeline mode: what was sent and is still to be answered, in order, and the statements it has prepared.
final class PooledConnection: LinkOwner {
    /// What the server answers next.
    enum Step {
        case prepare(Prepared)
        case statement(Request)
        /// An answer nobody waits for.
        case ignored
        /// The Sync behind a request, or behind an ignored statement.
        case sync(Request?)
    }

    let pool: PostgresPool
    let link: Link
    private var steps = Ring<Step>()
    private var requests = Ring<Request>()
    private var prepared: [PreparedKey: Prepared] = [:]
    private var preparedCount: UInt64 = 0
    private var useCount: UInt64 = 0
    private var sawResult = false
    private var flushIsDue = false
    /// Monotonic time of the last answer, or of the first send into an empty pipeline.
    private(set) var lastProgressNs: Int64 = 0
    /// Belongs to one caller; the pool sends nothing here.
    var isReserved = false
    /// Out of pipeline mode: input goes to whoever awaits it.
    var isExclusive = false
    private var waiters: [UnsafeContinuation<Void, Never>] = []
    private var changes: UInt64 = 0

    init(pool: PostgresPool, on loop: isolated EventLoop) {
        self.pool = pool
        link = Link(pool.config, on: loop)
        link.owner = self
        link.connect()
    }

    var inFlight: Int { requests.count }
    var isDrained: Bool { steps.isEmpty }
    var session: Int { link.session }
    var canTake: Bool { link.isReady && !isReserved && !isExclusive }

    // MARK: Sending

    /// Sends a request's statements and one Sync. If the connection breaks meanwhile, the request is answered with that.
    func send(_ request: Request) {
        guard let connection = link.connection, link.isReady else {
            return request.fail(link.lastError ?? PostgresError(.connectionLost, "the connection is gone"))
        }
        if steps.isEmpty { lastProgressNs = hg_monotonic_ns() }
        requests.append(request)
        var sent = push(request.first, request, connection)
        for item in request.more where sent { sent = push(item, request, connection) }
        guard sent else { return link.drop(.lost(connection, "libpq cannot take the statement")) }
        sync(request, connection)
    }

    private func sync(_ request: Request?, _ connection: OpaquePointer) {
        guard hg_pq_sync(connection) == 1 else { return link.drop(.lost(connection, "libpq cannot end the pipeline section")) }
        steps.append(.sync(request))
        // Before version 17 the sync has flushed already, and this costs a comparison; later ones gather a tick's requests.
        guard hg_pq_buffers_syncs() != 0 else { return link.flush() }
        guard !flushIsDue else { return }
        flushIsDue = true
        pool.port.atEndOfTick { [self] in
            flushIsDue = false
            link.flush()
        }
    }

    private func push(_ item: Item, _ request: Request, _ connection: OpaquePointer) -> Bool {
        let key = PreparedKey(statement: item.statement, types: item.parameters.signature)
        let statement: Prepared
        if let known = prepared[key] {
            statement = known
            request.reusedPlan = true
        } else {
            preparedCount += 1
            statement = Prepared(key, number: preparedCount)
            guard Self.prepare(statement.name, item, connection) else { return false }
            prepared[key] = statement
            steps.append(.prepare(statement))
        }
        useCount += 1
        statement.lastUsed = useCount
        guard Self.execute(statement.name, item.parameters, connection) else { return false }
        steps.append(.statement(request))
        return true
    }

    private static func prepare(_ name: String, _ item: Item, _ connection: OpaquePointer) -> Bool {
        let entries = item.parameters.entries
        return withUnsafeTemporaryAllocation(of: UInt32.self, capacity: entries.count + 1) { types in
            for (i, entry) in entries.enumerated() { types[i] = entry.type }
            return PQsendPrepare(connection, name, item.statement.sql, Int32(entries.count), types.baseAddress) == 1
        }
    }

    private static func execute(_ name: String, _ parameters: Parameters, _ connection: OpaquePointer) -> Bool {
        let count = parameters.entries.count
        if count == 0 { return PQsendQueryPrepared(connection, name, 0, nil, nil, nil, 1) == 1 }
        return withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: count) { values in
            withUnsafeTemporaryAllocation(of: Int32.self, capacity: count * 2) { numbers in
                parameters.bytes.withUnsafeBytes { bytes in
                    // An empty value needs an address too: a null pointer means NULL.
                    let base = bytes.baseAddress?.assumingMemoryBound(to: CChar.self) ?? Self.somewhere
                    for i in 0..<count {
                        let entry = parameters.entries[i]
                        values[i] = entry.offset < 0 ? nil : base + entry.offset
                        numbers[i] = Int32(truncatingIfNeeded: entry.length)
                        numbers[count + i] = 1
                    }
                    return PQsendQueryPrepared(
                        connection, name, Int32(count), values.baseAddress, numbers.baseAddress, numbers.baseAddress.map { $0 + count }, 1) == 1
                }
            }
        }
    }

    // Never read: the length beside it is 0.
    private nonisolated(unsafe) static let somewhere: UnsafePointer<CChar> = UnsafePointer(UnsafeMutablePointer<CChar>.allocate(capacity: 1))

    // MARK: Receiving

    func linkIsReady() {
        guard let connection = link.connection, PQenterPipelineMode(connection) == 1 else {
            return link.drop(.lost(link.connection, "libpq cannot enter pipeline mode"))
        }
        isExclusive = false
        pool.dispatch()
    }

    func linkHasInput() {
        if isExclusive { return wakeWaiters() }
        guard let connection = link.connection else { return }
        var progressed = false
        // Asking also when nothing is expected lets libpq read what the server says unasked.
        while PQisBusy(connection) == 0, !steps.isEmpty {
            guard let result = PQgetResult(connection) else {
                // The end of one statement's answers; before any answer it only says that there is nothing.
                guard sawResult else { break }
                sawResult = false
                if case .sync = steps.first { continue }
                _ = steps.popFirst()
                continue
            }
            progressed = true
            take(result, from: connection)
            guard connection == link.connection else { return }
        }
        guard progressed else { return }
        lastProgressNs = hg_monotonic_ns()
        if steps.isEmpty { wakeWaiters() }
        pool.dispatch()
    }

    private func take(_ result: OpaquePointer, from connection: OpaquePointer) {
        guard let step = steps.first else { return PQclear(result) }
        switch PQresultStatus(result) {
        case PGRES_PIPELINE_SYNC:
            PQclear(result)
            sawResult = false
            guard case .sync(let request) = step else {
                return link.drop(PostgresError(.connectionLost, "the pipeline is out of step"))
            }
            _ = steps.popFirst()
            if let request { complete(request) }
            return
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            if case .statement(let request) = step { request.answer(PostgresRows(result)) } else { PQclear(result) }
        case PGRES_PIPELINE_ABORTED:
            PQclear(result)
            fail(step, PostgresError(.server, "not run: an earlier statement of the batch failed"))
        case PGRES_FATAL_ERROR, PGRES_BAD_RESPONSE, PGRES_NONFATAL_ERROR:
            let error = PostgresError(result: result)
            PQclear(result)
            fail(step, error)
        default:
            PQclear(result)
            return link.drop(PostgresError(.connectionLost, "COPY is not a query: use copy(into:columns:rows:)"))
        }
        sawResult = true
    }

    private func fail(_ step: Step, _ error: PostgresError) {
        switch step {
        case .prepare(let statement):
            if prepared[statement.key] === statement { prepared[statement.key] = nil }
            // The statement it was made for is not run; its turn comes next and keeps this error.
            pendingPrepareError = pendingPrepareError ?? error
        case .statement(let request):
            request.answer(pendingPrepareError ?? error)
            pendingPrepareError = nil
        case .sync(let request): request?.answer(error)
        case .ignored: break
        }
    }

    private var pendingPrepareError: PostgresError?

    private func complete(_ request: Request) {
        _ = requests.popFirst()
        pendingPrepareError = nil
        if let error = request.error, !request.isDone {
            pool.errors += 1
            if error.isStalePlan, request.reusedPlan {
                forgetPlans(of: request)
                request.markStalePlan()
                if !request.isBound, !request.resentWithNewPlan {
                    request.resentWithNewPlan = true
                    request.reset()
                    return send(request)
                }
            }
            // A standby that took the primary's place: find the primary again.
            if error.sqlState == "25006", requests.isEmpty, !isReserved {
                request.finish()
                return link.drop(error)
            }
        }
        request.finish()
        if prepared.count > pool.config.maxPrepared, !isReserved { closeLeastUsed() }
    }

    func linkIsFlushed() { wakeWaiters() }

    func linkIsLost(_ error: PostgresError) {
        steps = Ring()
        prepared.removeAll(keepingCapacity: true)
        sawResult = false
        pendingPrepareError = nil
        isExclusive = false
        let lost = requests.drain()
        wakeWaiters()
        pool.connectionLost(lost, error)
    }

    // MARK: Prepared statements

    private func forgetPlans(of request: Request) {
        for item in [request.first] + request.more {
            let key = PreparedKey(statement: item.statement, types: item.parameters.signature)
            guard let statement = prepared.removeValue(forKey: key) else { continue }
            if request.error?.sqlState != "26000", !isReserved { close(statement) }
        }
    }

    private func closeLeastUsed() {
        guard let oldest = prepared.values.min(by: { $0.lastUsed < $1.lastUsed }) else { return }
        prepared[oldest.key] = nil
        close(oldest)
    }

    /// Closes a statement on the server, behind a Sync of its own so that a failure touches nothing else.
    private func close(_ statement: Prepared) {
        guard let connection = link.connection, link.isReady else { return }
        guard PQsendQueryParams(connection, "DEALLOCATE \(statement.name)", 0, nil, nil, nil, nil, 0) == 1 else {
            return link.drop(.lost(connection, "libpq cannot take the statement"))
        }
        steps.append(.ignored)
        sync(nil, connection)
    }

    // MARK: Waiting

    /// Suspends until something happens to the connection: input, all sent, drained, lost.
    func changed() async {
        // What happens while the task is queued on its way into the continuation counts.
        let seen = changes
        await withUnsafeContinuation { continuation in
            if changes == seen { waiters.append(continuation) } else { continuation.resume() }
        }
    }

    func wakeWaiters() {
        changes &+= 1
        guard !waiters.isEmpty else { return }
        var due: [UnsafeContinuation<Void, Never>] = []
        swap(&due, &waiters)
        for waiter in due { waiter.resume() }
    }

    /// Drops the connection when its oldest request has had no answer for longer than any statement may take.
    func dropIfStalled(nowNs: Int64) {
        let limitMs = pool.config.statementTimeoutMs + pool.config.stallGraceMs
        guard pool.config.statementTimeoutMs > 0, !steps.isEmpty, nowNs &- lastProgressNs > Int64(limitMs) * 1_000_000 else { return }
        link.drop(PostgresError(.connectionLost, "no answer from the server within \(limitMs) ms"))
    }

    func close() {
        guard link.state != .closed else { return }
        let wasReady = link.isReady
        link.close()
        if wasReady { linkIsLost(PostgresError(.closed, "the pool was closed")) }
    }
}
