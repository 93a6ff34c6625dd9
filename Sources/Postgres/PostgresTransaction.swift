/// One transaction on a connection of its own. Good inside the body that `PostgresPool.transaction` runs, and for no longer.
public final class PostgresTransaction {
    /// How far the transaction is kept apart from others.
    public enum Isolation: String, Sendable {
        case readCommitted = "BEGIN"
        case repeatableRead = "BEGIN ISOLATION LEVEL REPEATABLE READ"
        case serializable = "BEGIN ISOLATION LEVEL SERIALIZABLE"
    }

    let connection: PooledConnection
    private let begin: Statement
    private let session: Int
    private var hasBegun = false
    private var hasEnded = false
    private var deferred: [Item] = []

    static let commit = Statement("COMMIT")
    static let rollback = Statement("ROLLBACK")

    init(_ connection: PooledConnection, _ isolation: Isolation) {
        self.connection = connection
        begin = Statement(isolation.rawValue)
        session = connection.session
    }

    /// Runs one statement and returns its rows. The first one travels together with BEGIN.
    @discardableResult
    public func query(_ statement: Statement, _ parameters: Parameters = Parameters()) async throws(PostgresError) -> PostgresRows {
        guard let rows = try await run([(statement, parameters)]).last else { throw PostgresError(.invalid, "the server sent no result") }
        return rows
    }

    /// Runs one statement and returns how many rows it touched.
    @discardableResult
    public func execute(_ statement: Statement, _ parameters: Parameters = Parameters()) async throws(PostgresError) -> Int {
        try await query(statement, parameters).affected
    }

    /// Runs several statements in one round trip.
    @discardableResult
    public func batch(_ items: [(Statement, Parameters)]) async throws(PostgresError) -> [PostgresRows] {
        items.isEmpty ? [] : try await run(items.map { (statement: $0.0, parameters: $0.1) })
    }

    /// Keeps a statement whose result nobody needs, to travel with the next one or with COMMIT: no round trip of its own. Its failure
    /// is the failure of what it travels with.
    public func enqueue(_ statement: Statement, _ parameters: Parameters = Parameters()) {
        deferred.append((statement, parameters))
    }

    /// COPY … FROM STDIN in binary; returns the number of rows. `table` and `columns` are names as SQL writes them (`heliograph.job`).
    @discardableResult
    public func copy(into table: String, columns: [String], rows: CopyBuffer) async throws(PostgresError) -> Int {
        try check()
        if !deferred.isEmpty { _ = try await run([]) }
        let opens = !hasBegun
        hasBegun = true
        return try await connection.copy(into: table, columns: columns, rows: rows, after: opens ? begin.sql : nil, session: session)
    }

    private func run(_ items: [Item]) async throws(PostgresError) -> [PostgresRows] {
        try check()
        if Task.isCancelled { throw PostgresError(.cancelled, "the task was cancelled") }
        let skipped = (hasBegun ? 0 : 1) + deferred.count
        let request = try makeRequest(items)
        connection.send(request)
        await request.waitOrCancel(connection.pool.loop)
        if var error = request.error {
            error.batchIndex = items.count > 1 ? error.batchIndex.map { max(0, $0 - skipped) } : nil
            throw error
        }
        return Array(try request.results().dropFirst(skipped))
    }

    private func makeRequest(_ items: [Item]) throws(PostgresError) -> Request {
        var all: [Item] = hasBegun ? [] : [(begin, Parameters())]
        all += deferred
        all += items
        deferred = []
        hasBegun = true
        guard let first = all.first else { throw PostgresError(.invalid, "no statement to run") }
        let request = Request(first.statement, first.parameters, more: Array(all.dropFirst()), isBound: true)
        if request.isTooLarge { throw PostgresError(.invalid, "a statement takes \(Parameters.maxCount) parameters at most: pass arrays") }
        return request
    }

    private func check() throws(PostgresError) {
        if hasEnded { throw PostgresError(.closed, "the transaction has ended") }
        if connection.session != session || !connection.link.isReady {
            throw connection.link.lastError ?? PostgresError(.connectionLost, "the connection was lost during the transaction")
        }
    }

    // MARK: The end

    /// COMMIT, with what was kept for it. Not cut short by a cancelled task.
    func finish() async throws(PostgresError) {
        defer { hasEnded = true }
        if !hasBegun, deferred.isEmpty { return }
        try check()
        let last = deferred.count + (hasBegun ? 0 : 1)
        let request = try makeRequest([(Self.commit, Parameters())])
        connection.send(request)
        await request.wait()
        guard var error = request.error else {
            if try request.results().last?.tagIs("COMMIT") == true { return }
            throw PostgresError(.rolledBack, "the transaction was rolled back: a statement in it had failed")
        }
        if error.isConnectionLost {
            error.kind = .commitUnknown
        } else if error.batchIndex ?? last < last {
            rollBack()
        }
        throw error
    }

    /// ROLLBACK. Nobody waits for it: what comes next on the connection queues up behind.
    func abandon() {
        guard !hasEnded else { return }
        hasEnded = true
        if hasBegun, connection.session == session, connection.link.isReady { rollBack() }
    }

    private func rollBack() { connection.send(Request(Self.rollback, Parameters(), isBound: true)) }
}

extension PostgresPool {
    /// Runs `body` in a transaction: committed when it returns, rolled back when it throws. A connection lost during COMMIT is
    /// reported as `commitUnknown`. The body must not wait for this pool's other connections: there may be none.
    @discardableResult
    public func transaction<T>(
        _ isolation: PostgresTransaction.Isolation = .readCommitted, _ body: (PostgresTransaction) async throws -> T
    ) async throws -> T {
        let connection = try await reserve()
        defer { release(connection) }
        let transaction = PostgresTransaction(connection, isolation)
        let value: T
        do {
            value = try await body(transaction)
        } catch {
            transaction.abandon()
            throw error
        }
        try await transaction.finish()
        return value
    }
}
