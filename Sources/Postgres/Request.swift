import Reactor

/// One statement with its parameters.
typealias Item = (statement: Statement, parameters: Parameters)

/// One thing asked of a pool: statements that travel before one Sync, or a connection to oneself. Read and written on the loop.
final class Request {
    enum Work {
        case statements
        case reservation
    }

    let work: Work
    let first: Item
    /// Statements after the first: empty for a plain query, so that one costs no array.
    let more: [Item]
    /// May be sent again after a connection was lost with it in flight.
    let retryOnLoss: Bool
    /// Belongs to a transaction: never sent again by itself.
    let isBound: Bool
    var deadlineNs: Int64 = 0
    /// How often it was sent again: after a loss, after a stale plan.
    var resentAfterLoss = false
    var resentWithNewPlan = false
    /// Whether a statement of it was sent under a name prepared earlier, so that the plan can be stale.
    var reusedPlan = false

    private(set) var rows: [PostgresRows] = []
    private var single: PostgresRows?
    private var answered = 0
    private(set) var error: PostgresError?
    private(set) var isDone = false
    /// The reserved connection.
    private(set) var connection: PooledConnection?
    private var waiter: UnsafeContinuation<Void, Never>?

    init(_ statement: Statement, _ parameters: Parameters, more: [Item] = [], retryOnLoss: Bool = false, isBound: Bool = false) {
        work = .statements
        first = (statement, parameters)
        self.more = more
        self.retryOnLoss = retryOnLoss
        self.isBound = isBound
    }

    private init(reservation: Void) {
        work = .reservation
        first = (Self.nothing, Parameters())
        more = []
        retryOnLoss = false
        isBound = false
    }

    private static let nothing = Statement("")

    static func reservation() -> Request { Request(reservation: ()) }

    var count: Int { 1 + more.count }

    /// Whether any statement has more parameters than the protocol can carry.
    var isTooLarge: Bool { first.parameters.count > Parameters.maxCount || more.contains { $0.parameters.count > Parameters.maxCount } }

    // MARK: Answers, in order

    func answer(_ row: PostgresRows) {
        if more.isEmpty { single = row } else { rows.append(row) }
        answered += 1
    }

    /// Keeps the first error; what follows it was not run.
    func answer(_ failure: PostgresError) {
        if error == nil {
            error = failure
            if !more.isEmpty { error?.batchIndex = min(answered, more.count) }
        }
        answered += 1
    }

    func markStalePlan() { error?.hadStalePlan = true }

    /// Forgets what came back, to be sent again.
    func reset() {
        rows = []
        single = nil
        answered = 0
        error = nil
    }

    // MARK: The end

    func finish() {
        guard !isDone else { return }
        isDone = true
        wake()
    }

    func fail(_ failure: PostgresError) {
        guard !isDone else { return }
        error = failure
        finish()
    }

    func grant(_ connection: PooledConnection) {
        self.connection = connection
        finish()
    }

    private func wake() {
        guard let waiter else { return }
        self.waiter = nil
        waiter.resume()
    }

    /// Suspends until the end, whatever becomes of the task.
    func wait() async {
        if isDone { return }
        // A task that was started inside of another one's step may be queued once more on its way in here: the end can come meanwhile.
        await withUnsafeContinuation { continuation in
            if isDone { continuation.resume() } else { waiter = continuation }
        }
    }

    /// Suspends until the end or until the task is cancelled; what is already in the pipeline is answered and dropped then.
    ///
    /// The standard library's handler calls its operation without an isolation: only a closure that captures the isolated parameter stays on
    /// the loop.
    func waitOrCancel(_ loop: EventLoop, isolation: isolated (any Actor)? = #isolation) async {
        if isDone { return }
        let request = OnLoop(self)
        await withTaskCancellationHandler {
            _ = isolation
            await wait()
        } onCancel: {
            loop.execute { _ in request.value.fail(PostgresError(.cancelled, "the task was cancelled")) }
        }
    }

    /// The only statement's rows.
    func result() throws(PostgresError) -> PostgresRows {
        if let error { throw error }
        guard let row = single ?? rows.last else { throw PostgresError(.invalid, "the server sent no result") }
        return row
    }

    func results() throws(PostgresError) -> [PostgresRows] {
        if let error { throw error }
        return single.map { [$0] } ?? rows
    }
}

/// Carries a loop's object through a `@Sendable` closure; sound because it is opened on that loop alone.
struct OnLoop<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
