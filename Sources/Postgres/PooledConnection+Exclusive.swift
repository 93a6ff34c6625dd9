import CLinux
import CPostgreSQL

/// What pipeline mode cannot carry: several statements in one string, and COPY. The connection is reserved, drained, taken out of
/// pipeline mode and put back.
extension PooledConnection {
    /// Bytes of COPY data handed to libpq before it is flushed: large enough for few system calls, small against a socket's buffer.
    private static let copyChunk = 64 * 1024

    /// Runs several statements without parameters; the first error ends them. `session` is the one it must run on, if any.
    func simple(_ sql: String, session: Int? = nil) async throws(PostgresError) {
        let connection = try await leavePipeline(session)
        let current = self.session
        guard PQsendQuery(connection, sql) == 1 else { throw broken(connection) }
        link.flush()
        let error = try await drainResults(current) { _ in }
        enterPipeline(connection)
        if let error { throw error }
    }

    /// COPY FROM STDIN; `opening` is a statement to run before it, in the same message.
    func copy(into table: String, columns: [String], rows: CopyBuffer, after opening: String?, session: Int) async throws(PostgresError) -> Int {
        if let fault = rows.fault { throw fault }
        let connection = try await leavePipeline(session)
        let names = columns.isEmpty ? "" : " (\(columns.joined(separator: ", ")))"
        let sql = "\(opening.map { $0 + "; " } ?? "")COPY \(table)\(names) FROM STDIN BINARY"
        guard PQsendQuery(connection, sql) == 1 else { throw broken(connection) }
        link.flush()
        var isOpen = false
        var error = try await drainResults(session, until: PGRES_COPY_IN) { result in isOpen = PQresultStatus(result) == PGRES_COPY_IN }
        guard isOpen else {
            enterPipeline(connection)
            throw error ?? PostgresError(.invalid, "COPY \(table) did not start")
        }
        let isComplete = try await send(rows, connection, session)
        guard PQputCopyEnd(connection, isComplete ? nil : "cancelled by the client") == 1 else { throw broken(connection) }
        link.flush()
        var copied = 0
        error = try await drainResults(session) { result in
            if PQresultStatus(result) == PGRES_COMMAND_OK { copied = PostgresRows.number(PQcmdTuples(result)) }
        }
        enterPipeline(connection)
        if !isComplete { throw PostgresError(.cancelled, "the task was cancelled during COPY") }
        if let error { throw error }
        return copied
    }

    /// Sends the rows as fast as the socket takes them; false when the task was cancelled in between.
    private func send(_ rows: CopyBuffer, _ connection: OpaquePointer, _ session: Int) async throws(PostgresError) -> Bool {
        var offset = 0
        while offset < rows.bytes.count {
            if Task.isCancelled { return false }
            let count = min(Self.copyChunk, rows.bytes.count - offset)
            let taken = rows.bytes.withUnsafeBytes { raw in
                PQputCopyData(connection, raw.baseAddress?.assumingMemoryBound(to: CChar.self).advanced(by: offset), Int32(count))
            }
            guard taken == 1 else { throw broken(connection) }
            offset += count
            link.flush()
            while link.isBackedUp {
                await changed()
                try checkSession(session)
            }
        }
        let taken = CopyBuffer.trailer.withUnsafeBytes { PQputCopyData(connection, $0.baseAddress?.assumingMemoryBound(to: CChar.self), 2) }
        guard taken == 1 else { throw broken(connection) }
        return true
    }

    // MARK: In and out of pipeline mode

    private func leavePipeline(_ session: Int?) async throws(PostgresError) -> OpaquePointer {
        let session = session ?? self.session
        while !isDrained {
            try checkSession(session)
            await changed()
        }
        try checkSession(session)
        guard let connection = link.connection, PQexitPipelineMode(connection) == 1 else { throw broken(link.connection) }
        isExclusive = true
        return connection
    }

    private func enterPipeline(_ connection: OpaquePointer) {
        isExclusive = false
        if PQenterPipelineMode(connection) != 1 { _ = broken(connection) }
    }

    private func checkSession(_ session: Int) throws(PostgresError) {
        guard link.isReady, self.session == session else {
            throw link.lastError ?? PostgresError(.connectionLost, "the connection was lost")
        }
    }

    /// Drops a connection that libpq can do nothing more with.
    private func broken(_ connection: OpaquePointer?) -> PostgresError {
        let error = PostgresError.lost(connection, "libpq refused the call")
        link.drop(error)
        return error
    }

    /// Takes results until there are no more, or until one has the status `last`; returns the first error among them.
    private func drainResults(
        _ session: Int, until last: ExecStatusType? = nil, _ body: (OpaquePointer) -> Void
    ) async throws(PostgresError) -> PostgresError? {
        var error: PostgresError?
        while true {
            try checkSession(session)
            guard let connection = link.connection else { throw broken(nil) }
            guard PQisBusy(connection) == 0 else {
                await changed()
                continue
            }
            guard let result = PQgetResult(connection) else { return error }
            defer { PQclear(result) }
            let status = PQresultStatus(result)
            body(result)
            if let last, status == last { return error }
            switch status {
            case PGRES_FATAL_ERROR: error = error ?? PostgresError(result: result)
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                throw broken(connection)
            default: break
            }
        }
    }
}

extension PostgresPool {
    /// Runs several statements in one string, without parameters and without rows: for schema changes. They are one transaction
    /// unless they say otherwise; a transaction left open is rolled back.
    public func simple(_ sql: String) async throws {
        let connection = try await reserve()
        defer { release(connection) }
        let session = connection.session
        do {
            try await connection.simple(sql)
        } catch {
            try await connection.rollBackIfOpen(session)
            throw error
        }
        if try await connection.rollBackIfOpen(session) { throw PostgresError(.invalid, "the statements left a transaction open") }
    }

    /// COPY … FROM STDIN in binary, as a transaction of its own; returns the number of rows.
    @discardableResult
    public func copy(into table: String, columns: [String], rows: CopyBuffer) async throws(PostgresError) -> Int {
        let connection = try await reserve()
        defer { release(connection) }
        return try await connection.copy(into: table, columns: columns, rows: rows, after: nil, session: connection.session)
    }
}

extension PooledConnection {
    /// Ends a transaction that a string of statements has left open; true if there was one.
    @discardableResult
    func rollBackIfOpen(_ session: Int) async throws(PostgresError) -> Bool {
        guard self.session == session, let connection = link.connection, PQtransactionStatus(connection) != PQTRANS_IDLE else { return false }
        try await simple("ROLLBACK", session: session)
        return true
    }
}

extension PostgresRows {
    /// Whether the command tag begins with a word: COMMIT is answered with ROLLBACK in a failed transaction.
    func tagIs(_ word: StaticString) -> Bool {
        guard let tag = PQcmdStatus(result) else { return false }
        return strncmp(tag, UnsafeRawPointer(word.utf8Start).assumingMemoryBound(to: CChar.self), word.utf8CodeUnitCount) == 0
    }

    static func number(_ text: UnsafeMutablePointer<CChar>?) -> Int {
        guard let text else { return 0 }
        var n = 0
        var p = text
        while p.pointee >= 0x30, p.pointee <= 0x39 {
            n = n * 10 + Int(p.pointee - 0x30)
            p += 1
        }
        return n
    }
}
